//! All links that have a shape, and what becomes of a packet that comes to one of them.

use std::collections::{HashMap, HashSet};

use super::queue::{Packet, Queue};
use super::shaped_link::{Ends, LinkCounters, ShapedLink};
use crate::vocab::Shape;

/// How much later than it is due a packet arrives at most, in nanoseconds (20 ms), while it waits to be overtaken: no
/// other packet may ever come.
const LONGEST_HOLD: u64 = 20_000_000;

/// The links that have a shape.
#[derive(Debug)]
pub(super) struct ShapedLinks {
    seed: u64,
    shaped: HashMap<Ends, ShapedLink>,
    /// The links whose shape has ended, until the packets that wait on them are made due.
    ended: HashSet<Ends>,
}

impl ShapedLinks {
    /// No link has a shape.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, shaped: HashMap::new(), ended: HashSet::new() }
    }

    /// Gives a link a shape. Its sequence of packets and its counters begin anew; a shape that it had ends.
    pub(super) fn set(&mut self, ends: Ends, shape: Shape) {
        self.clear(ends);
        self.shaped.insert(ends, ShapedLink::new(self.seed, ends, shape));
    }

    /// Takes a link's shape away; what it did. What waits on the link is due when it is made due next.
    pub(super) fn clear(&mut self, ends: Ends) -> LinkCounters {
        let Some(link) = self.shaped.remove(&ends) else { return LinkCounters::default() };
        self.ended.insert(ends);
        link.counters()
    }

    /// Makes due, in its order, what waits on links whose shape has ended: later it would arrive behind packets that were
    /// sent long after it.
    pub(super) fn make_due(&mut self, now: u64, queue: &mut Queue) {
        if !self.ended.is_empty() {
            queue.make_due(now, &self.ended);
            self.ended.clear();
        }
    }

    /// What a link has done since it has its shape.
    pub(super) fn counters(&self, ends: Ends) -> LinkCounters {
        self.shaped.get(&ends).map(ShapedLink::counters).unwrap_or_default()
    }

    /// A packet comes: it goes into the queue, unless it is lost.
    ///
    /// What is no IPv4 packet is nobody's: the kernel itself sends such ones when an interface comes up.
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

/// Puts the packets that wait to be overtaken right behind one that is due then, each behind the one that followed it.
fn overtake(link: &mut ShapedLink, due: u64, queue: &mut Queue) {
    while let Some(ticket) = link.held.pop() {
        // Otherwise it has waited for long enough, and arrives before.
        if ticket.due > due {
            queue.reschedule(ticket, due);
            link.note_reordered();
        }
    }
}

#[cfg(test)]
mod tests;
