//! Proof that a link does what it should: numbered packets that must arrive, or must not arrive.
//!
//! The sockets are the harness's own, one on each host, so no server is involved. Where a single port is cut, the probes go
//! to that port and come from it: servers listen there for TCP only, so UDP sockets of the harness can have it as well.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_getcpu, sched_setaffinity};
use nix::unistd::Pid;
use tokio::sync::oneshot;

use super::error::system;
use super::links::{Direction, LinkState, LinkStates, Treatment};
use super::{ClientHost, NetworkError, ROUTER};
use crate::vocab::{self, CutBy, ServerPort};

/// The UDP port that probes are sent from and to: that of `discard` (RFC 863), which no server here uses.
pub const PROBE_PORT: u16 = 9;

/// How long probes are repeated on a link that must let one pass, in addition to the link's own delay. A link that
/// loses 9 of 10 packets lets at least one of these 50 probes pass in 199 of 200 cases.
const PROBE_BOUND: Duration = Duration::from_secs(2);
const REPEAT_AFTER: Duration = Duration::from_millis(40);

/// The way that a probe takes: from which port of which host to which port of which other one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Path {
    from: SocketAddrV4,
    to: SocketAddrV4,
}

impl Path {
    const fn of(direction: Direction, from_port: u16, to_port: u16) -> Self {
        Self { from: SocketAddrV4::new(direction.from, from_port), to: SocketAddrV4::new(direction.to, to_port) }
    }

    /// Of probes that say nothing about a single port.
    const fn ordinary(direction: Direction) -> Self {
        Self::of(direction, PROBE_PORT, PROBE_PORT)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Direction { from: *self.from.ip(), to: *self.to.ip() }.fmt(f)?;
        match (self.from.port(), self.to.port()) {
            (PROBE_PORT, PROBE_PORT) => Ok(()),
            (PROBE_PORT, port) => write!(f, " to port {port}"),
            (port, _) => write!(f, " from port {port}"),
        }
    }
}

/// What must happen to probes on a path.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Expected {
    path: Path,
    state: LinkState,
    /// The longest that a packet may take.
    delay: Duration,
}

impl Expected {
    /// What must happen to probes on these links in the current state.
    pub(in crate::network) fn of<'a>(
        directions: impl IntoIterator<Item = &'a Direction>,
        states: &LinkStates,
    ) -> Vec<Self> {
        let expected = |direction: &Direction| Self {
            path: Path::ordinary(*direction),
            state: states.state(*direction),
            delay: states.delay(*direction),
        };
        directions.into_iter().map(expected).collect()
    }

    /// What must happen to the probes of a port on each of these links: of each of its numbers one to it, one from it.
    pub(in crate::network) fn of_port<'a>(
        directions: impl IntoIterator<Item = &'a Direction>,
        port: ServerPort,
        states: &LinkStates,
    ) -> Vec<Self> {
        let expected = |direction: &Direction| {
            let (state, delay) = (states.state_of_port(*direction, port), states.delay(*direction));
            let paths = |number| [Path::of(*direction, PROBE_PORT, number), Path::of(*direction, number, PROBE_PORT)];
            port.numbers().flat_map(paths).map(move |path| Self { path, state, delay }).collect::<Vec<_>>()
        };
        directions.into_iter().flat_map(expected).collect()
    }

    /// Whether nothing may pass.
    pub(in crate::network) const fn is_cut(&self) -> bool {
        matches!(self.state, LinkState::Cut(_))
    }

    /// The shortest time that any packet may take.
    fn least_delay(&self) -> Duration {
        match self.state {
            LinkState::Shaped(shape) => shape.delay.0.saturating_sub(shape.jitter.0),
            LinkState::Open | LinkState::Cut(_) => Duration::ZERO,
        }
    }
}

impl Treatment {
    /// What must happen to the probes that show whether it is in force on these links.
    pub(in crate::network) fn probes(self, directions: &BTreeSet<Direction>, states: &LinkStates) -> Vec<Expected> {
        match self {
            Self::Cut(_) | Self::Shape(_) => Expected::of(directions, states),
            Self::CutPort(port) => Expected::of_port(directions, port, states),
        }
    }
}

/// How many paths did what they should, by kind. A link has one path, or two for each number of a port that is probed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::network) struct Proven {
    /// Paths on which a probe passed.
    pub(in crate::network) passed: usize,
    /// Paths on which a probe vanished.
    pub(in crate::network) vanished: usize,
    /// How many of those told their sender at once.
    pub(in crate::network) told: usize,
    /// The times of the fastest and the slowest probe that passed; `None` if none did.
    pub(in crate::network) took: Option<(Duration, Duration)>,
}

/// A probe that arrived.
#[derive(Clone, Copy, Debug, Default)]
struct Arrival {
    number: u64,
    /// The time from just before it was sent until it was read.
    took: Duration,
}

/// The newest probe that arrived on each path.
type Arrivals = BTreeMap<Path, Arrival>;

/// Sockets by their addresses.
type Sockets = BTreeMap<SocketAddrV4, UdpSocket>;

/// A probe's number and the time it was sent, in nanoseconds since the prober was made. Both are big-endian.
type Payload = [u8; 16];

/// The sockets of all hosts and of the router.
#[derive(Debug)]
pub(in crate::network) struct Prober {
    hosts: BTreeMap<Ipv4Addr, ClientHost>,
    sockets: Sockets,
    next: AtomicU64,
    epoch: Instant,
}

impl Prober {
    /// Opens the sockets. The calling thread must be in the router's namespace.
    pub(in crate::network) fn open(hosts: impl Iterator<Item = (Ipv4Addr, ClientHost)>) -> Result<Self, NetworkError> {
        let hosts: BTreeMap<_, _> = hosts.chain([(ROUTER, ClientHost::this())]).collect();
        let sockets = hosts.iter().map(|(ip, host)| open(host, SocketAddrV4::new(*ip, PROBE_PORT)));
        let sockets = sockets.collect::<Result<_, _>>()?;
        Ok(Self { hosts, sockets, next: AtomicU64::new(1), epoch: Instant::now() })
    }

    /// Checks that links do what they must, which takes at most 2 s plus their delay. The error is a sentence that says
    /// what is wrong.
    pub(in crate::network) async fn prove(self: &Arc<Self>, expected: Vec<Expected>) -> Result<Proven, String> {
        let (sender, proven) = oneshot::channel();
        let prober = Arc::clone(self);
        let work = move || {
            pin_to_current_processor();
            let _ = sender.send(prober.look(&expected));
        };
        let thread = thread::Builder::new().name("lab-probe".to_owned()).spawn(work);
        thread.map_err(|error| format!("cannot start a thread: {error}"))?;
        proven.await.unwrap_or_else(|_| Err("the thread that probes panicked".to_owned()))
    }

    fn look(&self, expected: &[Expected]) -> Result<Proven, String> {
        if let Some(slow) = expected.iter().find(|link| link.delay > PROBE_BOUND) {
            return Err(format!("{} delays packets for longer than a probe is waited for", slow.path));
        }
        let of_ports = self.open_ports(expected).map_err(|error| error.to_string())?;
        Round { prober: self, of_ports }.look(expected)
    }

    /// Opens the sockets at servers' ports that probes are sent from or to.
    fn open_ports(&self, expected: &[Expected]) -> Result<Sockets, NetworkError> {
        let addresses: BTreeSet<_> = expected.iter().flat_map(|link| [link.path.from, link.path.to]).collect();
        let missing = addresses.into_iter().filter(|address| !self.sockets.contains_key(address));
        let hosts = missing.filter_map(|address| Some((self.hosts.get(address.ip())?, address)));
        hosts.map(|(host, address)| open(host, address)).collect()
    }

    fn payload(&self, number: u64) -> Payload {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut payload = Payload::default();
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8..].copy_from_slice(&now.to_be_bytes());
        payload
    }

    fn arrival(&self, payload: &Payload) -> Arrival {
        let (number, sent) = payload.split_at(size_of::<u64>());
        let read = |bytes: &[u8]| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let sent = Duration::from_nanos(read(sent));
        Arrival { number: read(number), took: self.epoch.elapsed().saturating_sub(sent) }
    }
}

/// Probes that are sent to prove something once.
struct Round<'a> {
    prober: &'a Prober,
    /// Those that the prober does not have open all the time.
    of_ports: Sockets,
}

impl Round<'_> {
    fn look(&self, expected: &[Expected]) -> Result<Proven, String> {
        let delay = expected.iter().map(|link| link.delay).max().unwrap_or_default();
        let (cut, open): (Vec<&Expected>, Vec<&Expected>) = expected.iter().partition(|link| link.is_cut());
        let mut arrived = Arrivals::new();
        // Discards late probes of earlier proofs, which could fill the socket buffers.
        self.receive(Instant::now(), &mut Arrivals::new())?;
        self.must_pass(open.iter().map(|link| link.path).collect(), delay, &mut arrived)?;
        let took = open.iter().map(|link| in_time(link, &arrived)).collect::<Result<Vec<_>, _>>()?;
        let told = self.must_vanish(&cut, delay)?;
        let took = took.iter().min().copied().zip(took.iter().max().copied());
        Ok(Proven { passed: open.len(), vanished: cut.len(), told, took })
    }

    fn sockets(&self) -> impl Iterator<Item = (&SocketAddrV4, &UdpSocket)> {
        self.prober.sockets.iter().chain(&self.of_ports)
    }

    /// Sends probes until one of them has arrived on each path.
    fn must_pass(&self, mut missing: BTreeSet<Path>, delay: Duration, arrived: &mut Arrivals) -> Result<(), String> {
        let begin = Instant::now();
        let first = self.prober.next.load(Ordering::Relaxed);
        let mut repeat = begin;
        while !missing.is_empty() {
            let now = Instant::now();
            if now >= begin + PROBE_BOUND + delay {
                return Err(format!("no probe arrives on {}", listed(missing.iter())));
            }
            if now >= repeat {
                self.send(missing.iter().copied())?;
                repeat = now + REPEAT_AFTER;
            }
            self.receive(repeat, arrived)?;
            missing.retain(|path| arrived.get(path).is_none_or(|arrival| arrival.number < first));
        }
        Ok(())
    }

    /// Sends a probe over each cut path, where none may arrive; returns how many senders were told at once.
    fn must_vanish(&self, cut: &[&Expected], delay: Duration) -> Result<usize, String> {
        if cut.is_empty() {
            return Ok(0);
        }
        let (number, told) = self.send(cut.iter().map(|link| link.path))?;
        let mut arrived = Arrivals::new();
        let until = Instant::now() + delay;
        let fence = |link: &&Expected| Path::ordinary(Direction { from: ROUTER, to: *link.path.to.ip() });
        let fences: BTreeSet<_> = cut.iter().map(fence).collect();
        // A processor forwards packets in order. An unstopped probe makes two hops, a fence only one. So when the first
        // fence arrives the probe may still have its second hop ahead of it; when the second fence arrives the probe
        // would have arrived too.
        self.must_pass(fences.clone(), Duration::ZERO, &mut arrived)?;
        self.must_pass(fences, Duration::ZERO, &mut arrived)?;
        if !self.of_ports.is_empty() {
            // A probe and its fence come to different sockets there: the fence's may have been the only one seen ready.
            self.receive(Instant::now(), &mut arrived)?;
        }
        while Instant::now() < until {
            self.receive(until, &mut arrived)?;
        }
        let passed: Vec<_> = cut
            .iter()
            .map(|link| &link.path)
            .filter(|path| arrived.get(path).is_some_and(|seen| seen.number >= number))
            .collect();
        if !passed.is_empty() {
            return Err(format!("a probe passed on {}", listed(passed.into_iter())));
        }
        let mut untold =
            cut.iter().filter(|link| link.state == LinkState::Cut(CutBy::Reject) && !told.contains(&link.path));
        match untold.next() {
            Some(link) => Err(format!("{} is rejected and its sender is not told", link.path)),
            None => Ok(told.len()),
        }
    }

    /// Sends the next probe over each path. Returns its number, and the paths whose senders learnt that there is no
    /// route.
    fn send(&self, paths: impl Iterator<Item = Path>) -> Result<(u64, BTreeSet<Path>), String> {
        let number = self.prober.next.fetch_add(1, Ordering::Relaxed);
        let mut told = BTreeSet::new();
        for path in paths {
            let socket = self.prober.sockets.get(&path.from).or_else(|| self.of_ports.get(&path.from));
            let socket = socket.ok_or_else(|| format!("{} is no host", path.from.ip()))?;
            match socket.send_to(&self.prober.payload(number), path.to) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::HostUnreachable => {
                    told.insert(path);
                }
                Err(error) => return Err(format!("cannot send a probe over {path}: {error}")),
            }
        }
        Ok((number, told))
    }

    /// Reads what has arrived, after waiting for it until then at most.
    fn receive(&self, until: Instant, arrived: &mut Arrivals) -> Result<(), String> {
        let mut waiting: Vec<_> =
            self.sockets().map(|(_, socket)| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up to whole milliseconds: rounding down would busy-loop.
        let left = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
        match poll(&mut waiting, PollTimeout::from(left)) {
            // A server that exits interrupts a thread of its parent with SIGCHLD, possibly this one.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(format!("cannot wait for probes: {error}")),
        }
        for ((address, socket), ready) in self.sockets().zip(&waiting) {
            if ready.any() == Some(true) {
                self.take(*address, socket, arrived)?;
            }
        }
        Ok(())
    }

    /// Reads everything that has arrived at a socket.
    fn take(&self, to: SocketAddrV4, socket: &UdpSocket, arrived: &mut Arrivals) -> Result<(), String> {
        let mut payload = Payload::default();
        loop {
            match socket.recv_from(&mut payload) {
                Ok((length, SocketAddr::V4(from))) if length == payload.len() => {
                    let arrival = self.prober.arrival(&payload);
                    let newest = arrived.entry(Path { from, to }).or_default();
                    if arrival.number > newest.number {
                        *newest = arrival;
                    }
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(format!("cannot receive probes on {to}: {error}")),
            }
        }
    }
}

/// Opens a host's socket for probes.
fn open(host: &ClientHost, address: SocketAddrV4) -> Result<(SocketAddrV4, UdpSocket), NetworkError> {
    let open = || {
        let socket = host.udp_socket(address.into())?;
        socket.set_nonblocking(true)?;
        Ok((address, socket))
    };
    open().map_err(system(format!("open a socket for probes on {}", address.ip())))
}

/// How long the newest probe on a link took, which must not be less than the link's delay.
fn in_time(link: &Expected, arrived: &Arrivals) -> Result<Duration, String> {
    let took = arrived.get(&link.path).copied().unwrap_or_default().took;
    if took >= link.least_delay() {
        return Ok(took);
    }
    let (milliseconds, least) = (took.as_secs_f64() * 1e3, vocab::Duration(link.least_delay()));
    Err(format!("a probe took {milliseconds:.1} ms on {}, where none may take less than {least}", link.path))
}

/// Keeps the calling thread's packets in order, since each processor forwards from its own queue. Best effort: without
/// it, a proof merely becomes less likely to succeed.
fn pin_to_current_processor() {
    let mut only = CpuSet::new();
    if sched_getcpu().and_then(|processor| only.set(processor)).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

fn listed<'a>(paths: impl ExactSizeIterator<Item = &'a Path>) -> String {
    const SHOWN: usize = 3;
    let more = paths.len().saturating_sub(SHOWN);
    let shown: Vec<_> = paths.take(SHOWN).map(ToString::to_string).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more links") };
    shown.join(", ") + &more
}
