//! Making the hosts, each a network namespace, and their router, which is this process's own namespace.

use std::fs::{self, File};
use std::future::Future;
use std::net::Ipv4Addr;
use std::os::fd::{AsRawFd, RawFd};
use std::thread;

use nix::sched::{CloneFlags, setns, unshare};
use rtnetlink::packet_route::link::{InfoData, InfoKind, InfoVeth};
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::packet_route::rule::RuleAction;
use rtnetlink::{Handle, LinkMessageBuilder, LinkUnspec, LinkVeth, RouteMessageBuilder};
use tokio::sync::oneshot;

use super::NetworkError;
use super::direct_links::{self, DirectLinks, End};
use super::error::{netlink, system};
use super::interfaces::{index_of, interface_to};

/// The router's address, the same on all its interfaces.
pub const ROUTER: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 1);

/// The address of the n-th host, counted from 0: 10.128.0.2 and up. The router has 10.128.0.1. No address ends in 0 or
/// 255, because some machines take those for network or broadcast addresses.
pub fn host_address(index: usize) -> Ipv4Addr {
    const PER_BLOCK: usize = 254;
    let place = index + 1;
    let low = u8::try_from(place % PER_BLOCK + 1).unwrap_or(u8::MAX);
    let block = place / PER_BLOCK;
    let [high, mid] = [block / 256, block % 256].map(|part| u8::try_from(part).unwrap_or(u8::MAX));
    Ipv4Addr::new(10, 128_u8.saturating_add(high), mid, low)
}

/// A host's interface to the router.
const INTERFACE: &str = "eth0";
/// `lo` is the first interface of every network namespace.
const LOOPBACK_INDEX: u32 = 1;
const INTERFACE_INDEX: u32 = 2;

/// Where a host is to be.
pub(super) struct Site {
    /// Its address.
    pub(super) ip: Ipv4Addr,
    /// The network namespace that becomes it; else one is made.
    pub(super) namespace: Option<File>,
}

/// The network namespaces of new hosts, each alive while its file is open or a process is in it, and which links
/// between them are direct.
pub(super) struct Raised {
    pub(super) namespaces: Vec<File>,
    pub(super) direct: DirectLinks,
}

/// Makes hosts at these sites, in this order; the last `clients` of them are those of clients. The calling thread's
/// namespace becomes their router.
pub(super) async fn raise(sites: Vec<Site>, clients: usize) -> Result<Raised, NetworkError> {
    let (sender, made) = oneshot::channel();
    // In a separate thread, which is left in the last host's namespace.
    let maker = thread::Builder::new().name("lab-network".to_owned());
    maker.spawn(move || sender.send(make_hosts(sites, clients))).map_err(system("start a thread"))?;
    made.await.unwrap_or(Err(NetworkError::Panicked))
}

/// Prepares the calling thread's namespace to be the router.
pub(crate) fn prepare_router() -> Result<(), NetworkError> {
    accept_from_anywhere()?;
    block_on(async { loopback_up(&connect()?).await })
}

/// Makes one of each kind of object that a network consists of, to see whether the kernel allows it.
pub(crate) fn try_out() -> Result<(), NetworkError> {
    prepare_router()?;
    let (from, to) = (host_address(0), host_address(1));
    let sites = [from, to].map(|ip| Site { ip, namespace: None }).into();
    let hosts = thread::spawn(move || make_hosts(sites, 0)).join().unwrap_or(Err(NetworkError::Panicked));
    let ruled = block_on(async move {
        let rule = connect()?.rule().add().v4().source_prefix(from, 32).destination_prefix(to, 32);
        rule.action(RuleAction::Blackhole).execute().await.map_err(netlink("add a routing rule"))
    });
    hosts.and(ruled)
}

/// Leaves the calling thread in the last host's namespace, so it must not be used afterwards.
fn make_hosts(sites: Vec<Site>, clients: usize) -> Result<Raised, NetworkError> {
    block_on(async {
        let router_namespace = namespace_of_this_thread()?;
        let router = connect()?;
        let mut ends = Vec::with_capacity(sites.len());
        for Site { ip, namespace } in sites {
            let entered = match namespace {
                Some(namespace) => setns(namespace, CloneFlags::CLONE_NEWNET),
                None => unshare(CloneFlags::CLONE_NEWNET),
            };
            entered.map_err(|error| system(format!("make host {ip}"))(error.into()))?;
            let namespace = namespace_of_this_thread()?;
            accept_from_anywhere()?;
            let kernel = connect()?;
            connect_host(&kernel, ip, router_namespace.as_raw_fd()).await?;
            route_to(&router, ip).await?;
            direct_links::disable_ipv6()?;
            ends.push(End { ip, kernel, namespace });
        }
        let direct = direct_links::make(&ends, clients).await?;
        Ok(Raised { namespaces: ends.into_iter().map(|end| end.namespace).collect(), direct })
    })
}

/// Gives a host its interface, its address and its routes. The interface's other end goes to the router.
async fn connect_host(host: &Handle, ip: Ipv4Addr, router: RawFd) -> Result<(), NetworkError> {
    loopback_up(host).await?;
    let name = interface_to(ip);
    let other_end = LinkUnspec::new_with_name(&name).index(index_of(ip)).setns_by_fd(router).build();
    let pair = LinkMessageBuilder::<LinkVeth>::new_with_info_kind(InfoKind::Veth)
        .name(INTERFACE)
        .index(INTERFACE_INDEX)
        .up()
        .set_info_data(InfoData::Veth(InfoVeth::Peer(other_end)))
        .build();
    host.link().add(pair).execute().await.map_err(netlink(format!("make the interfaces {INTERFACE} and {name}")))?;
    let address = host.address().add(INTERFACE_INDEX, ip.into(), 32);
    address.execute().await.map_err(netlink(format!("give host {ip} its address")))?;
    let router = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(ROUTER, 32)
        .output_interface(INTERFACE_INDEX)
        .scope(RouteScope::Link);
    let others = RouteMessageBuilder::<Ipv4Addr>::new().gateway(ROUTER).output_interface(INTERFACE_INDEX);
    for route in [router, others] {
        let added = host.route().add(route.build()).execute().await;
        added.map_err(netlink(format!("give host {ip} a route")))?;
    }
    Ok(())
}

/// Adds the router's address and route for a host. Cuts and shapes are policy rules, not changes to these routes.
async fn route_to(router: &Handle, ip: Ipv4Addr) -> Result<(), NetworkError> {
    let index = index_of(ip);
    // The kernel does not accept "up" for this end when the pair is created.
    let up = LinkUnspec::new_with_index(index).up().build();
    router.link().change(up).execute().await.map_err(netlink(format!("bring up the router's interface to {ip}")))?;
    // On each interface instead of once on `lo`: with `arp_ignore` set, the machine would not answer ARP for it there.
    let address = router.address().add(index, ROUTER.into(), 32);
    address.execute().await.map_err(netlink(format!("address the router's interface to {ip}")))?;
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(ip, 32)
        .output_interface(index)
        .pref_source(ROUTER)
        .scope(RouteScope::Link)
        .build();
    router.route().add(route).execute().await.map_err(netlink(format!("route to {ip}")))
}

/// Turns reverse path filtering off in the calling thread's namespace: with it, cutting one direction would also cut
/// the other. Interfaces that are made later take the value of `default`.
fn accept_from_anywhere() -> Result<(), NetworkError> {
    for interfaces in ["all", "default"] {
        let setting = format!("/proc/sys/net/ipv4/conf/{interfaces}/rp_filter");
        fs::write(&setting, "0").map_err(system(format!("write {setting}")))?;
    }
    Ok(())
}

async fn loopback_up(handle: &Handle) -> Result<(), NetworkError> {
    let up = LinkUnspec::new_with_index(LOOPBACK_INDEX).up().build();
    handle.link().change(up).execute().await.map_err(netlink("bring up the loopback interface"))
}

/// Opens a netlink connection to the calling thread's network namespace. Must be called within a tokio runtime.
pub(super) fn connect() -> Result<Handle, NetworkError> {
    let (connection, handle, _) = rtnetlink::new_connection().map_err(system("open a netlink socket"))?;
    tokio::spawn(connection);
    Ok(handle)
}

/// Opens the calling thread's network namespace.
pub(super) fn namespace_of_this_thread() -> Result<File, NetworkError> {
    File::open("/proc/thread-self/ns/net").map_err(system("open this thread's network namespace"))
}

/// Runs netlink requests on the calling thread, in whose namespace they take effect.
pub(super) fn block_on<T>(work: impl Future<Output = Result<T, NetworkError>>) -> Result<T, NetworkError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    runtime.map_err(system("start a runtime"))?.block_on(work)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "10.128.0.2")]
    #[case(252, "10.128.0.254")]
    #[case(253, "10.128.1.1")]
    #[case(506, "10.128.1.254")]
    #[case(507, "10.128.2.1")]
    fn addresses_skip_what_is_not_a_host(#[case] index: usize, #[case] address: &str) {
        assert_eq!(host_address(index).to_string(), address);
    }
}
