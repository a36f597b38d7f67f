//! The waiting packets of all links, in the order of their arrival.

use std::collections::{BTreeMap, HashSet};
use std::net::Ipv4Addr;

use super::shaped_link::{Ends, PacketFacts};
use crate::network::probe::PROBE_PORT;

/// The largest packet in bytes: that of Ethernet, as on the hosts' interfaces.
pub(super) const MTU: u16 = 1_500;

/// How many free buffers are kept for reuse (1.5 MB).
const SPARE_BUFFERS: usize = 1_000;

/// The length of an IPv4 header without options, in bytes (RFC 791).
const LEAST_HEADER: usize = 20;
/// The offset of the protocol number in an IPv4 header, and the number of UDP (RFC 791, RFC 768).
const PROTOCOL: usize = 9;
const UDP: u8 = 17;

/// A packet as read from the device, beginning with its IP header.
pub(super) struct Packet {
    buffer: Box<[u8; MTU as usize]>,
    length: usize,
    /// Whether it arrives twice.
    pub(super) is_doubled: bool,
}

impl Packet {
    /// The buffer to read a packet into.
    pub(super) fn buffer(&mut self) -> &mut [u8] {
        &mut self.buffer[..]
    }

    /// Sets how many bytes were read.
    pub(super) fn set_length(&mut self, length: usize) {
        self.length = length.min(self.buffer.len());
    }

    /// The packet's bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// Flips one bit.
    pub(super) fn flip(&mut self, bit: usize) {
        self.buffer[bit / 8] ^= 0x80 >> (bit % 8);
    }

    /// The link that it is on; `None` if it is not an IPv4 packet.
    pub(super) fn ends(&self) -> Option<Ends> {
        let bytes = self.bytes();
        if bytes.len() < LEAST_HEADER || bytes[0] >> 4 != 4 {
            return None;
        }
        let ip = |at: usize| Ipv4Addr::new(bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]);
        Some((ip(12), ip(16)))
    }

    /// What a link needs to know about it.
    pub(super) fn facts(&self) -> PacketFacts {
        let bytes = self.bytes();
        let header = bytes.first().map_or(0, |first| usize::from(first & 0x0f) * 4);
        let probe_port = PROBE_PORT.to_be_bytes();
        let is_udp = bytes.get(PROTOCOL) == Some(&UDP);
        // The UDP header begins with the source and the destination port. Probes of a server's port have it at one end.
        let ports = bytes.get(header..header + 4).filter(|_| is_udp);
        let is_probe = ports.is_some_and(|ports| ports[..2] == probe_port || ports[2..] == probe_port);
        PacketFacts { length: bytes.len(), header, is_probe }
    }
}

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
        spare.unwrap_or_else(|| Packet { buffer: Box::new([0; MTU as usize]), length: 0, is_doubled: false })
    }

    /// Takes back a packet that is no longer needed.
    pub(super) fn recycle(&mut self, packet: Packet) {
        if self.spare.len() < SPARE_BUFFERS {
            self.spare.push(Packet { is_doubled: false, ..packet });
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
