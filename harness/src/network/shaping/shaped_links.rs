//! All links that have a shape, and what happens to a packet that comes to one of them.

use std::collections::{HashMap, HashSet};

use super::packet::{Ends, Packet};
use super::queue::Queue;
use super::shaped_link::{LinkCounters, ShapedLink};
use crate::vocab::LinkShape;

/// The longest that a packet waits to be overtaken, in nanoseconds (20 ms): there may never be another packet.
const LONGEST_HOLD: u64 = 20_000_000;

/// The links that have a shape.
#[derive(Debug)]
pub(super) struct ShapedLinks {
    seed: u64,
    shaped: HashMap<Ends, ShapedLink>,
    /// Links whose shape has ended, until their waiting packets are made due.
    ended: HashSet<Ends>,
}

impl ShapedLinks {
    /// No link has a shape.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, shaped: HashMap::new(), ended: HashSet::new() }
    }

    /// Sets a link's shape; a former one ends. Its random sequence and its counters start anew.
    pub(super) fn set(&mut self, ends: Ends, shape: LinkShape) {
        self.clear(ends);
        self.shaped.insert(ends, ShapedLink::new(self.seed, ends, shape));
    }

    /// Removes a link's shape; returns what it did. Its waiting packets leave with the next call of `make_due`.
    pub(super) fn clear(&mut self, ends: Ends) -> LinkCounters {
        let Some(link) = self.shaped.remove(&ends) else { return LinkCounters::default() };
        self.ended.insert(ends);
        link.counters()
    }

    /// Makes the waiting packets of links without a shape due now, in order: otherwise packets sent much later would
    /// overtake them.
    pub(super) fn make_due(&mut self, now: u64, queue: &mut Queue) {
        if !self.ended.is_empty() {
            queue.make_due(now, &self.ended);
            self.ended.clear();
        }
    }

    /// What a link has done since its shape was set.
    pub(super) fn counters(&self, ends: Ends) -> LinkCounters {
        self.shaped.get(&ends).map(ShapedLink::counters).unwrap_or_default()
    }

    /// Takes a packet from the device: it is queued unless it is lost.
    ///
    /// Packets other than IPv4 are ignored: the kernel itself sends some when an interface comes up.
    pub(super) fn take(&mut self, now: u64, mut packet: Packet, queue: &mut Queue) {
        let Some(ends) = packet.ends() else { return queue.recycle(packet) };
        self.make_due(now, queue);
        let Some(link) = self.shaped.get_mut(&ends) else {
            queue.push(now, packet);
            return;
        };
        let Some(delivery) = link.decide(now, packet.facts()) else {
            return queue.recycle(packet);
        };
        if let Some(bit) = delivery.wrong_bit {
            packet.flip(bit);
        }
        packet.is_doubled = delivery.is_duplicated;
        if delivery.is_held {
            let ticket = queue.push(delivery.due.saturating_add(LONGEST_HOLD), packet);
            link.held.push(ticket);
        } else {
            queue.push(delivery.due, packet);
            if !delivery.is_beside {
                overtake(link, delivery.due, queue);
            }
        }
    }
}

/// Moves the packets that wait to be overtaken right behind one that is due at `due`, the latest first.
fn overtake(link: &mut ShapedLink, due: u64, queue: &mut Queue) {
    while let Some(ticket) = link.held.pop() {
        // Otherwise it has waited long enough and arrives before.
        if ticket.due > due {
            queue.reschedule(ticket, due);
            link.note_reordered();
        }
    }
}

#[cfg(test)]
mod tests;
