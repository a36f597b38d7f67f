//! All links that have a shape, and what becomes of a packet that comes to one of them.

use std::collections::HashMap;

use super::link::{Ends, Link, LinkCounters};
use super::queue::{Packet, Queue};
use crate::vocab::Shape;

/// How much later than it is due a packet arrives at most, in nanoseconds (20 ms), while it waits to be overtaken: no
/// other packet may ever come.
const LONGEST_HOLD: u64 = 20_000_000;

/// The links that have a shape.
#[derive(Debug)]
pub(super) struct Links {
    seed: u64,
    shaped: HashMap<Ends, Link>,
}

impl Links {
    /// No link has a shape.
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, shaped: HashMap::new() }
    }

    /// Gives a link a shape. Its sequence of packets and its counters begin anew.
    pub(super) fn set(&mut self, ends: Ends, shape: Shape) {
        self.shaped.insert(ends, Link::new(self.seed, ends, shape));
    }

    /// Takes a link's shape away; what it did.
    pub(super) fn clear(&mut self, ends: Ends) -> LinkCounters {
        self.shaped.remove(&ends).map(|link| link.counters()).unwrap_or_default()
    }

    /// What a link has done since it has its shape.
    pub(super) fn counters(&self, ends: Ends) -> LinkCounters {
        self.shaped.get(&ends).map(Link::counters).unwrap_or_default()
    }

    /// A packet comes: it goes into the queue, unless it is lost.
    ///
    /// What is no IPv4 packet is nobody's: the kernel itself sends such ones when an interface comes up.
    pub(super) fn take(&mut self, now: u64, mut packet: Packet, queue: &mut Queue) {
        let Some(ends) = packet.ends() else { return queue.recycle(packet) };
        let Some(link) = self.shaped.get_mut(&ends) else {
            queue.push(now, packet);
            return;
        };
        let Some(passage) = link.meet(now, packet.bytes().len(), packet.header_length()) else {
            return queue.recycle(packet);
        };
        if let Some(bit) = passage.wrong_bit {
            packet.flip(bit);
        }
        packet.is_doubled = passage.is_duplicated;
        if passage.is_held {
            let ticket = queue.push(passage.due.saturating_add(LONGEST_HOLD), packet);
            link.held.push(ticket);
        } else {
            queue.push(passage.due, packet);
            overtake(link, passage.due, queue);
        }
    }
}

/// Puts the packets that wait to be overtaken right behind one that is due then, each behind the one that followed it.
fn overtake(link: &mut Link, due: u64, queue: &mut Queue) {
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
