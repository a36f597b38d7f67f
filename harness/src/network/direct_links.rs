//! Direct links: packets between two hosts bypass the router as long as their link is neither cut nor shaped.
//!
//! A direct link is a veth pair between two hosts and a route on each host that uses it. It is as cheap as loopback,
//! whereas the path through the router costs a server up to a fifth of its throughput, and more with every rule there.
//! When a link is cut or shaped, its sender loses the direct route, so the packets reach the router, whose rules then
//! apply.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};

use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth};
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};

use super::NetworkError;
use super::error::{netlink, system};
use super::interfaces::{index_of, interface_to};
use super::links::Direction;

/// The links that have a direct route.
pub(super) type DirectLinks = BTreeSet<Direction>;

/// With more hosts than this, only clients get direct links: making the veth pairs between all hosts would take
/// seconds.
const MESH_HOSTS_MAX: usize = 40;

/// Both ends of a direct link share this hardware address, so neither needs ARP to find the other's.
const HARDWARE_ADDRESS: [u8; 6] = [2, 0, 0, 0, 0, 1];

/// Practically that of loopback. With the router's 1,500 bytes, congestion control that counts packets (BBR) throttles
/// pipelined commands. A connection adapts to the router's smaller MTU as soon as its packets go there.
const MTU: u32 = 65_535;

/// A host with direct links.
pub(super) struct End {
    pub(super) ip: Ipv4Addr,
    pub(super) kernel: Handle,
    pub(super) namespace: File,
}

impl End {
    fn namespace_fd(&self) -> RawFd {
        self.namespace.as_raw_fd()
    }
}

/// Makes the direct links between hosts, of which the last `clients` are those of clients.
pub(super) async fn make(ends: &[End], clients: usize) -> Result<DirectLinks, NetworkError> {
    let nodes = if ends.len() > MESH_HOSTS_MAX { ends.len() - clients } else { 0 };
    let mut links = DirectLinks::new();
    for (index, one) in ends.iter().enumerate() {
        for other in &ends[nodes.max(index + 1)..] {
            links.extend(make_one(one, other).await?);
        }
    }
    Ok(links)
}

async fn make_one(one: &End, other: &End) -> Result<[Direction; 2], NetworkError> {
    let directions = [Direction { from: one.ip, to: other.ip }, Direction { from: other.ip, to: one.ip }];
    let doing = || format!("make a direct link between {} and {}", one.ip, other.ip);
    let far = LinkUnspec::new_with_name(&interface_to(one.ip))
        .index(index_of(one.ip))
        .address(HARDWARE_ADDRESS.into())
        .mtu(MTU)
        .arp(false)
        .setns_by_fd(other.namespace_fd())
        .build();
    let near = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
        .name(interface_to(other.ip))
        .index(index_of(other.ip))
        .address(HARDWARE_ADDRESS.into())
        .mtu(MTU)
        .arp(false)
        .up()
        .set_info_data(InfoData::Veth(InfoVeth::Peer(far)))
        .build();
    one.kernel.link().add(near).execute().await.map_err(netlink(doing()))?;
    let up = LinkUnspec::new_with_index(index_of(one.ip)).up().build();
    other.kernel.link().change(up).execute().await.map_err(netlink(doing()))?;
    for (end, direction) in [one, other].into_iter().zip(directions) {
        end.kernel.route().add(route(direction).build()).execute().await.map_err(netlink(doing()))?;
    }
    Ok(directions)
}

/// The sender's direct route.
pub(super) fn route(direction: Direction) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(direction.to, 32)
        .output_interface(index_of(direction.to))
        .pref_source(direction.from)
        .scope(RouteScope::Link)
}

/// Turns IPv6 off for interfaces made later in the calling thread's namespace: hundreds of them would otherwise send
/// neighbour discovery packets to each other.
pub(super) fn disable_ipv6() -> Result<(), NetworkError> {
    const SETTING: &str = "/proc/sys/net/ipv6/conf/default/disable_ipv6";
    let no_such_protocol = |error: &io::Error| error.kind() == ErrorKind::NotFound;
    fs::write(SETTING, "1")
        .or_else(|error| if no_such_protocol(&error) { Ok(()) } else { Err(error) })
        .map_err(system(format!("write {SETTING}")))
}
