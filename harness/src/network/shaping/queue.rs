//! The waiting packets of all links, in the order of their arrival.

use std::collections::{BTreeMap, HashSet};

use super::packet::{Ends, Packet};

/// How many free buffers are kept for reuse (1.5 MB).
const SPARE_BUFFERS: usize = 1_000;

/// A packet's position in the queue: when it is due, and its number among all packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ticket {
    /// In nanoseconds.
    pub(super) due: u64,
    number: u64,
}

/// The waiting packets. A tree instead of a heap, because a packet that is overtaken changes its position.
#[derive(Default)]
pub(super) struct Queue {
    packets: BTreeMap<Ticket, Packet>,
    /// How many tickets were issued so far.
    given: u64,
    /// Packets whose buffers can be reused.
    spare: Vec<Packet>,
}

impl Queue {
    /// A packet to read into. Its buffer may hold old bytes.
    pub(super) fn blank(&mut self) -> Packet {
        let spare = self.spare.pop();
        spare.unwrap_or_else(Packet::empty)
    }

    /// Takes back a packet that is no longer needed.
    pub(super) fn recycle(&mut self, mut packet: Packet) {
        if self.spare.len() < SPARE_BUFFERS {
            packet.is_doubled = false;
            self.spare.push(packet);
        }
    }

    /// Queues a packet until it is due, behind others due at the same time.
    pub(super) fn push(&mut self, due: u64, packet: Packet) -> Ticket {
        self.given += 1;
        let ticket = Ticket { due, number: self.given };
        self.packets.insert(ticket, packet);
        ticket
    }

    /// Changes when a waiting packet is due.
    pub(super) fn reschedule(&mut self, ticket: Ticket, due: u64) {
        if let Some(packet) = self.packets.remove(&ticket) {
            self.push(due, packet);
        }
    }

    /// Makes all packets that wait on these links due now, in their order.
    pub(super) fn make_due(&mut self, now: u64, links: &HashSet<Ends>) {
        let is_theirs = |packet: &Packet| packet.ends().is_some_and(|ends| links.contains(&ends));
        let waiting = self.packets.iter().filter(|(ticket, packet)| ticket.due > now && is_theirs(packet));
        for ticket in waiting.map(|(ticket, _)| *ticket).collect::<Vec<_>>() {
            self.reschedule(ticket, now);
        }
    }

    /// When the next packet is due, in nanoseconds.
    pub(super) fn next_due(&self) -> Option<u64> {
        self.packets.first_key_value().map(|(ticket, _)| ticket.due)
    }

    /// The next packet, if it is due.
    pub(super) fn pop_due(&mut self, now: u64) -> Option<Packet> {
        let first = self.packets.first_entry()?;
        (first.key().due <= now).then(|| first.remove())
    }
}
