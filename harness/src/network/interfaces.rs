//! The interfaces that lead to a host: what they are called, and their indices.

use std::net::Ipv4Addr;

/// Interfaces that lead to a host, those of direct links included, get indices from here on by the host's address, so
/// that no index needs to be looked up.
const INDEX_BASE: u32 = 1_000;

/// The name of an interface that leads to a host.
pub(super) fn interface_to(ip: Ipv4Addr) -> String {
    let [_, _, third, fourth] = ip.octets();
    format!("host{third}.{fourth}")
}

/// The index of an interface that leads to a host.
pub(super) fn index_of(ip: Ipv4Addr) -> u32 {
    let [_, _, third, fourth] = ip.octets();
    INDEX_BASE + u32::from(u16::from_be_bytes([third, fourth]))
}
