//! A packet on its way through the device.

use std::net::Ipv4Addr;

use crate::network::probe::PROBE_PORT;

/// The largest packet in bytes: that of Ethernet, as on the hosts' interfaces.
pub(super) const MTU: u16 = 1_500;

/// The length of an IPv4 header without options, in bytes (RFC 791).
const LEAST_HEADER: usize = 20;
/// The offset of the protocol number in an IPv4 header, and the number of UDP (RFC 791, RFC 768).
const PROTOCOL: usize = 9;
const UDP: u8 = 17;
/// The offset of the checksum in a UDP header (RFC 768).
const UDP_CHECKSUM: usize = 6;

/// The two hosts of a directed link: sender and receiver.
pub(super) type Ends = (Ipv4Addr, Ipv4Addr);

/// What a link needs to know about a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PacketFacts {
    /// In bytes.
    pub(super) length: usize,
    /// The length of its IPv4 header, in bytes.
    pub(super) header: usize,
    /// Whether it is a probe of the harness.
    pub(super) is_probe: bool,
}

/// A packet as read from the device, beginning with its IP header.
pub(super) struct Packet {
    buffer: Box<[u8; MTU as usize]>,
    length: usize,
    /// Whether it arrives twice.
    pub(super) is_doubled: bool,
}

impl Packet {
    /// Without anything in it.
    pub(super) fn empty() -> Self {
        Self { buffer: Box::new([0; MTU as usize]), length: 0, is_doubled: false }
    }

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

    /// Flips one bit; two where the receiver would not notice one.
    pub(super) fn flip(&mut self, bit: usize) {
        self.buffer[bit / 8] ^= 0x80 >> (bit % 8);
        // A checksum of zero says that there is none (RFC 768).
        let checksum = self.facts().header + UDP_CHECKSUM;
        let of_udp = self.bytes().get(PROTOCOL) == Some(&UDP);
        let in_checksum = of_udp && (checksum..checksum + 2).contains(&(bit / 8));
        if in_checksum && self.bytes().get(checksum..checksum + 2) == Some(&[0, 0]) {
            let other = bit ^ 1;
            self.buffer[other / 8] ^= 0x80 >> (other % 8);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// A UDP packet with that checksum, after one bit of it was flipped.
    fn checksum_after(checksum: u16, bit: usize) -> u16 {
        let mut packet = Packet::empty();
        packet.set_length(36);
        packet.buffer()[0] = 0x45;
        packet.buffer()[PROTOCOL] = UDP;
        packet.buffer()[26..28].copy_from_slice(&checksum.to_be_bytes());
        packet.flip(26 * 8 + bit);
        u16::from_be_bytes([packet.bytes()[26], packet.bytes()[27]])
    }

    #[rstest::rstest]
    #[case::one_of_many(0x0180, 7, 0x0080)]
    #[case::one_that_was_not_set(0x0080, 7, 0x0180)]
    #[case::the_only_one(0x0100, 7, 0x0200)]
    #[case::the_only_one_at_an_end(0x0001, 15, 0x0002)]
    fn a_wrong_checksum_is_not_none(#[case] checksum: u16, #[case] bit: usize, #[case] after: u16) {
        assert_eq!(checksum_after(checksum, bit), after);
    }
}
