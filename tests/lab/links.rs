//! Links between hosts, cut and healed, as sockets on the hosts see it. It takes no server.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use harness::evidence::RunDirectory;
use harness::network::ChangedLinks;
use harness::provider::{Provider, ProviderError};
use harness::vocab::{CutBy, HostName, Link};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::inside::{BOUND, Outcome, STORAGE, nodes, raise_hosts, say};
use super::{ports, rejects};

/// How long nothing must arrive to be called silence: some 1,000 times what a packet takes here.
pub(super) const SILENCE: Duration = Duration::from_millis(100);
const PORT: u16 = 7_000;

pub(super) type Done = Result<(), Box<dyn Error>>;

pub(super) async fn run(what: &str, directory: &RunDirectory) -> Outcome {
    let lab = raise_hosts(directory, &nodes(if what == "halves" { 15 } else { 2 }), STORAGE).await?;
    match what {
        "one-way" => one_way(&*lab).await,
        "established" => established(lab).await,
        "reject" => rejects::new_connections(&*lab).await,
        "reject-open" => rejects::open_connections(lab).await,
        "overlap" => overlap(&*lab).await,
        "port" => ports::one_port(&*lab).await,
        "port-overlap" => ports::overlap(&*lab).await,
        "port-unproven" => ports::unproven(&*lab).await,
        "unproven" => unproven(&*lab).await,
        "halves" => halves(&*lab).await,
        "mistakes" => mistakes(&*lab).await,
        _ => Err(format!("the lab cannot try links {what}").into()),
    }?;
    Ok(0)
}

pub(super) fn link(from: &str, to: &str) -> Link {
    Link::new(from, to)
}

pub(super) fn both(one: &str, other: &str) -> BTreeSet<Link> {
    BTreeSet::from([link(one, other), link(other, one)])
}

/// The address of a host of four nodes: A, B, A1, B1.
pub(super) fn ip(host: &str) -> Ipv4Addr {
    let index = ["A", "B", "A1", "B1"].iter().position(|name| *name == host).unwrap_or_default();
    Ipv4Addr::new(10, 128, 0, u8::try_from(index + 2).unwrap_or_default())
}

pub(super) fn listen(lab: &dyn Provider, host: &str) -> Result<TcpListener, Box<dyn Error>> {
    listen_at(lab, host, PORT)
}

pub(super) fn listen_at(lab: &dyn Provider, host: &str, port: u16) -> Result<TcpListener, Box<dyn Error>> {
    let socket = lab.host(&host.into())?.tcp_socket()?;
    socket.set_reuseaddr(true)?;
    socket.bind(SocketAddr::from((ip(host), port)))?;
    Ok(socket.listen(8)?)
}

pub(super) async fn connect(lab: &dyn Provider, from: &str, to: &str) -> std::io::Result<TcpStream> {
    connect_at(lab, from, to, PORT).await
}

pub(super) async fn connect_at(lab: &dyn Provider, from: &str, to: &str, port: u16) -> std::io::Result<TcpStream> {
    let host = lab.host(&from.into()).map_err(std::io::Error::other)?;
    let connected = timeout(SILENCE, host.tcp_socket()?.connect(SocketAddr::from((ip(to), port)))).await;
    connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into()))
}

/// A connection, both ends.
pub(super) async fn connection(
    lab: &dyn Provider,
    from: &str,
    to: &str,
) -> Result<(TcpStream, TcpStream, TcpListener), Box<dyn Error>> {
    connection_at(lab, from, to, PORT).await
}

pub(super) async fn connection_at(
    lab: &dyn Provider,
    from: &str,
    to: &str,
    port: u16,
) -> Result<(TcpStream, TcpStream, TcpListener), Box<dyn Error>> {
    let listener = listen_at(lab, to, port)?;
    let (opened, accepted) = tokio::join!(connect_at(lab, from, to, port), listener.accept());
    let (opened, accepted) = (opened?, accepted?.0);
    opened.set_nodelay(true)?;
    accepted.set_nodelay(true)?;
    Ok((opened, accepted, listener))
}

/// Sends the time, without a pause, to the other end, which keeps the newest one that it has got.
fn stream_times(lab: &Arc<dyn Provider>, mut from: OwnedWriteHalf, mut to: OwnedReadHalf, newest: Arc<AtomicU64>) {
    let lab = Arc::clone(lab);
    tokio::spawn(async move {
        while from.write_u64(lab.now().0).await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    tokio::spawn(async move {
        while let Ok(time) = to.read_u64().await {
            newest.store(time, Ordering::SeqCst);
        }
    });
}

/// Whether a byte passes within the time that counts as silence.
pub(super) async fn passes(from: &mut TcpStream, to: &mut TcpStream) -> Result<bool, Box<dyn Error>> {
    from.write_all(b"x").await?;
    let mut byte = [0];
    Ok(timeout(SILENCE, to.read_exact(&mut byte)).await.is_ok_and(|read| read.is_ok()))
}

pub(super) fn expect<T: PartialEq + std::fmt::Debug>(what: &str, seen: &T, expected: &T) -> Done {
    if seen == expected { Ok(()) } else { Err(format!("{what}: {seen:?} instead of {expected:?}").into()) }
}

pub(super) fn proof(changed: &ChangedLinks, expected: &str) -> Done {
    expect("the proof", &changed.proof.as_deref(), &Ok(expected))
}

async fn one_way(lab: &dyn Provider) -> Done {
    let (mut opened, mut accepted, _listener) = connection(lab, "A", "B").await?;
    let cut = lab.cut("one-way", &BTreeSet::from([link("A", "B")]), CutBy::Drop).await?;
    proof(&cut, "1 probe vanished on 1 link that had passed one before")?;
    expect("A's byte passes", &passes(&mut opened, &mut accepted).await?, &false)?;
    expect("B's byte passes", &passes(&mut accepted, &mut opened).await?, &true)?;
    let hears = |from: &str, to: &str| lab.reach().borrow().hears(&from.into(), &to.into());
    expect("who is heard", &(hears("A", "B"), hears("B", "A")), &(false, true))?;
    let healed = lab.heal("one-way").await?;
    proof(&healed, "1 probe vanished on 1 link just before the end, and 1 passed after it")?;
    timeout(BOUND, accepted.read_exact(&mut [0])).await??;
    expect("all is whole", &lab.reach().borrow().is_whole(), &true)
}

/// Packets go both ways all the time when links are cut: of what is sent after the cut is done, nothing arrives.
async fn established(lab: Arc<dyn Provider>) -> Done {
    let cuts = [both("A", "B"), BTreeSet::from([link("A", "B")]), BTreeSet::from([link("B", "A")])];
    for (links, by) in cuts.iter().flat_map(|links| [(links, CutBy::Drop), (links, CutBy::Reject)]) {
        let (opened, accepted, _listener) = connection(&*lab, "A", "B").await?;
        let (opened, accepted) = (opened.into_split(), accepted.into_split());
        let newest: [Arc<AtomicU64>; 2] = Default::default();
        stream_times(&lab, opened.1, accepted.0, Arc::clone(&newest[0]));
        stream_times(&lab, accepted.1, opened.0, Arc::clone(&newest[1]));
        let flowing = lab.now().0;
        await_newer(&newest, flowing).await?;
        let cut = lab.cut("cut", links, by).await?;
        sleep(SILENCE).await;
        for (newest, way) in newest.iter().zip([link("A", "B"), link("B", "A")]) {
            let newest = newest.load(Ordering::SeqCst);
            let late = Duration::from_nanos(newest.saturating_sub(cut.done.0));
            if links.contains(&way) && late > Duration::ZERO {
                return Err(format!("{way}, {by}: sent {late:?} after the cut").into());
            }
            say(&format!(
                "{way}, {by}, {} links cut: the newest was sent {:.1?} before",
                links.len(),
                Duration::from_nanos(cut.done.0.saturating_sub(newest))
            ));
        }
        lab.heal("cut").await?;
    }
    Ok(())
}

/// Waits until both ends have got something that was sent after `time`.
async fn await_newer(newest: &[Arc<AtomicU64>; 2], time: u64) -> Done {
    let newer = async {
        while newest.iter().any(|newest| newest.load(Ordering::SeqCst) <= time) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    Ok(timeout(BOUND, newer).await?)
}

async fn overlap(lab: &dyn Provider) -> Done {
    let _listener = listen(lab, "B")?;
    let wide: BTreeSet<_> = both("A", "B").into_iter().chain(both("A", "A1")).collect();
    lab.cut("narrow", &both("A", "B"), CutBy::Drop).await?;
    let cut = lab.cut("wide", &wide, CutBy::Drop).await?;
    proof(&cut, "4 probes vanished on 4 links of which 2 had passed one before; the others were cut already")?;
    expect("in force", &lab.link_changes_in_force(), &vec!["narrow".to_owned(), "wide".to_owned()])?;
    let healed = lab.heal("wide").await?;
    proof(&healed, "4 probes vanished on 4 links just before the end, and 2 passed after it; 2 links cut by others")?;
    expect("A's connection to B", &connect(lab, "A", "B").await.is_err(), &true)?;
    let healed = lab.heal("narrow").await?;
    proof(&healed, "2 probes vanished on 2 links just before the end, and 2 passed after it")?;
    connect(lab, "A", "B").await?;
    expect("in force", &lab.link_changes_in_force(), &Vec::new())
}

/// A rule that beats the lab's own lets packets pass; and a rule of the lab's own is gone.
async fn unproven(lab: &dyn Provider) -> Done {
    let (connection, kernel, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    let rule = kernel.rule().add().v4().source_prefix(ip("A"), 32).destination_prefix(ip("B"), 32);
    rule.priority(50).table_id(254).action(RuleAction::ToTable).execute().await?;
    let cut = lab.cut("leaky", &both("A", "B"), CutBy::Drop).await?;
    expect("the proof of a cut that leaks", &cut.proof.is_ok(), &false)?;
    remove_rules(&kernel, 50).await?;
    expect("the proof of an end", &lab.heal("leaky").await?.proof.is_ok(), &true)?;
    let cut = lab.cut("lost", &both("A", "B"), CutBy::Drop).await?;
    expect("the proof of a cut", &cut.proof.is_ok(), &true)?;
    remove_rules(&kernel, 100).await?;
    expect("the proof of the end of a cut that is gone", &lab.heal("lost").await?.proof.is_ok(), &false)
}

pub(super) async fn remove_rules(kernel: &rtnetlink::Handle, priority: u32) -> Done {
    let mut rules = kernel.rule().get(rtnetlink::IpVersion::V4).execute();
    let mut found = Vec::new();
    while let Some(rule) = rules.next().await {
        found.push(rule?);
    }
    found.retain(|rule| {
        rule.header.family == AddressFamily::Inet && rule.attributes.contains(&RuleAttribute::Priority(priority))
    });
    expect("rules there", &found.is_empty(), &false)?;
    for rule in found {
        kernel.rule().del(rule).execute().await?;
    }
    Ok(())
}

/// 30 hosts, 15 on each side, and with everything that the proof of it takes.
async fn halves(lab: &dyn Provider) -> Done {
    let names: Vec<HostName> = nodes(15).into_iter().map(|node| node.host).collect();
    for (side, by) in [(5, CutBy::Drop), (15, CutBy::Drop), (5, CutBy::Reject), (15, CutBy::Reject)] {
        let (left, right) = (&names[..side], &names[15..15 + side]);
        let pairs = left.iter().flat_map(|one| right.iter().map(move |other| Link::new(one.clone(), other.clone())));
        let links: BTreeSet<_> = pairs.flat_map(|link| [link.reversed(), link]).collect();
        let begin = Instant::now();
        let cut = lab.cut("halves", &links, by).await?;
        within_bounds(&cut, begin.elapsed())?;
        let begin = Instant::now();
        let healed = lab.heal("halves").await?;
        within_bounds(&healed, begin.elapsed())?;
    }
    Ok(())
}

/// The bounds are those of a busy machine; what it took is printed.
fn within_bounds(changed: &ChangedLinks, all: Duration) -> Done {
    let edge = Duration::from_nanos(changed.done.0 - changed.began.0);
    let (links, proof) = (changed.links.len(), &changed.proof);
    say(&format!("{links} links, {:?}: edge {edge:.1?}, with proof {all:.1?}: {proof:?}", changed.was));
    if proof.is_ok() && edge < Duration::from_millis(200) && all < Duration::from_secs(1) {
        return Ok(());
    }
    Err("that is not within bounds".into())
}

async fn mistakes(lab: &dyn Provider) -> Done {
    let links = both("A", "B");
    lab.cut("once", &links, CutBy::Drop).await?;
    let error =
        |outcome: Result<ChangedLinks, ProviderError>| outcome.err().map(|error| error.to_string()).unwrap_or_default();
    for (said, expected) in [
        (error(lab.cut("once", &links, CutBy::Drop).await), "the links are already disturbed by `once`"),
        (error(lab.heal("never").await), "no cut and no shape of that name is in force"),
        (error(lab.cut("nobody", &both("A", "Z"), CutBy::Drop).await), "the lab has no host Z"),
    ] {
        expect(&said, &said.contains(expected), &true)?;
    }
    expect("in force", &lab.link_changes_in_force(), &vec!["once".to_owned()])?;
    let nothing = lab.cut("nothing", &BTreeSet::new(), CutBy::Drop).await?;
    expect("the proof of a cut of nothing", &nothing.proof, &Err("it is about no link".to_owned()))
}
