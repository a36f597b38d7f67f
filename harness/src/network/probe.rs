//! Proof that a link does what it should: numbered packets that must arrive, or must not arrive.
//!
//! The sockets are the harness's own, one on each host, so no server is involved.

use std::collections::{BTreeMap, BTreeSet};
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
use super::links::{Direction, LinkState, LinkStates};
use super::{ClientHost, NetworkError, ROUTER};
use crate::vocab::{self, CutBy};

/// The UDP port that probes are sent from and to: that of `discard` (RFC 863), which no server here uses.
pub const PROBE_PORT: u16 = 9;

/// How long probes are repeated on a link that must let one pass, in addition to the link's own delay. A link that
/// loses 9 of 10 packets lets at least one of these 50 probes pass in 199 of 200 cases.
const PATIENCE: Duration = Duration::from_secs(2);
const REPEAT_AFTER: Duration = Duration::from_millis(40);

/// What must happen to probes on a link.
#[derive(Clone, Copy, Debug)]
pub(in crate::network) struct Expected {
    direction: Direction,
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
            direction: *direction,
            state: states.state(*direction),
            delay: states.delay(*direction),
        };
        directions.into_iter().map(expected).collect()
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

/// How many links did what they should, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::network) struct Proven {
    /// Links on which a probe passed.
    pub(in crate::network) passed: usize,
    /// Links on which a probe vanished.
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

/// The newest probe that arrived on each link.
type Arrivals = BTreeMap<Direction, Arrival>;

/// A probe's number and the time it was sent, in nanoseconds since the prober was made. Both are big-endian.
type Payload = [u8; 16];

/// The sockets of all hosts and of the router.
#[derive(Debug)]
pub(in crate::network) struct Prober {
    sockets: BTreeMap<Ipv4Addr, UdpSocket>,
    next: AtomicU64,
    epoch: Instant,
}

impl Prober {
    /// Opens the sockets. The calling thread must be in the router's namespace.
    pub(in crate::network) fn open(hosts: impl Iterator<Item = (Ipv4Addr, ClientHost)>) -> Result<Self, NetworkError> {
        let sockets = hosts.chain([(ROUTER, ClientHost::this())]).map(|(ip, host)| {
            let open = || {
                let socket = host.udp_socket(SocketAddr::from((ip, PROBE_PORT)))?;
                socket.set_nonblocking(true)?;
                Ok((ip, socket))
            };
            open().map_err(system(format!("open a socket for probes on {ip}")))
        });
        Ok(Self { sockets: sockets.collect::<Result<_, _>>()?, next: AtomicU64::new(1), epoch: Instant::now() })
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
        if let Some(slow) = expected.iter().find(|link| link.delay > PATIENCE) {
            return Err(format!("{} delays packets for longer than a probe is waited for", slow.direction));
        }
        let delay = expected.iter().map(|link| link.delay).max().unwrap_or_default();
        let (cut, open): (Vec<&Expected>, Vec<&Expected>) = expected.iter().partition(|link| link.is_cut());
        let mut arrived = Arrivals::new();
        // Discards late probes of earlier proofs, which could fill the socket buffers.
        self.receive(Instant::now(), &mut Arrivals::new())?;
        self.must_pass(open.iter().map(|link| link.direction).collect(), delay, &mut arrived)?;
        let took = open.iter().map(|link| in_time(link, &arrived)).collect::<Result<Vec<_>, _>>()?;
        let told = self.must_vanish(&cut, delay)?;
        let took = took.iter().min().copied().zip(took.iter().max().copied());
        Ok(Proven { passed: open.len(), vanished: cut.len(), told, took })
    }

    /// Sends probes until one of them has arrived on each link.
    fn must_pass(
        &self,
        mut missing: BTreeSet<Direction>,
        delay: Duration,
        arrived: &mut Arrivals,
    ) -> Result<(), String> {
        let begin = Instant::now();
        let first = self.next.load(Ordering::Relaxed);
        let mut repeat = begin;
        while !missing.is_empty() {
            let now = Instant::now();
            if now >= begin + PATIENCE + delay {
                return Err(format!("no probe arrives on {}", listed(missing.iter())));
            }
            if now >= repeat {
                self.send(missing.iter().copied())?;
                repeat = now + REPEAT_AFTER;
            }
            self.receive(repeat, arrived)?;
            missing.retain(|direction| arrived.get(direction).is_none_or(|arrival| arrival.number < first));
        }
        Ok(())
    }

    /// Sends a probe over each cut link, where none may arrive; returns how many senders were told at once.
    fn must_vanish(&self, cut: &[&Expected], delay: Duration) -> Result<usize, String> {
        if cut.is_empty() {
            return Ok(0);
        }
        let (number, told) = self.send(cut.iter().map(|link| link.direction))?;
        let mut arrived = Arrivals::new();
        let until = Instant::now() + delay;
        let fences: BTreeSet<_> = cut.iter().map(|link| Direction { from: ROUTER, to: link.direction.to }).collect();
        // A processor forwards packets in order. An unstopped probe makes two hops, a fence only one. So when the first
        // fence arrives the probe may still have its second hop ahead of it; when the second fence arrives the probe
        // would have arrived too.
        self.must_pass(fences.clone(), Duration::ZERO, &mut arrived)?;
        self.must_pass(fences, Duration::ZERO, &mut arrived)?;
        while Instant::now() < until {
            self.receive(until, &mut arrived)?;
        }
        let passed: Vec<_> = cut
            .iter()
            .map(|link| &link.direction)
            .filter(|direction| arrived.get(direction).is_some_and(|seen| seen.number >= number))
            .collect();
        if !passed.is_empty() {
            return Err(format!("a probe passed on {}", listed(passed.into_iter())));
        }
        let mut untold =
            cut.iter().filter(|link| link.state == LinkState::Cut(CutBy::Reject) && !told.contains(&link.direction));
        match untold.next() {
            Some(link) => Err(format!("{} is rejected and its sender is not told", link.direction)),
            None => Ok(told.len()),
        }
    }

    /// Sends the next probe over each link. Returns its number, and the links whose senders learnt that there is no
    /// route.
    fn send(&self, directions: impl Iterator<Item = Direction>) -> Result<(u64, BTreeSet<Direction>), String> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut told = BTreeSet::new();
        for direction in directions {
            let socket = self.sockets.get(&direction.from).ok_or_else(|| format!("{} is no host", direction.from))?;
            match socket.send_to(&self.payload(number), (direction.to, PROBE_PORT)) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::HostUnreachable => {
                    told.insert(direction);
                }
                Err(error) => return Err(format!("cannot send a probe over {direction}: {error}")),
            }
        }
        Ok((number, told))
    }

    fn payload(&self, number: u64) -> Payload {
        let now = u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX);
        let mut payload = Payload::default();
        payload[..8].copy_from_slice(&number.to_be_bytes());
        payload[8..].copy_from_slice(&now.to_be_bytes());
        payload
    }

    /// Reads what has arrived, after waiting for it until then at most.
    fn receive(&self, until: Instant, arrived: &mut Arrivals) -> Result<(), String> {
        let mut waiting: Vec<_> =
            self.sockets.values().map(|socket| PollFd::new(socket.as_fd(), PollFlags::POLLIN)).collect();
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up to whole milliseconds: rounding down would busy-loop.
        let left = u16::try_from(left.as_millis() + 1).unwrap_or(u16::MAX);
        match poll(&mut waiting, PollTimeout::from(left)) {
            // A server that exits interrupts a thread of its parent with SIGCHLD, possibly this one.
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(format!("cannot wait for probes: {error}")),
        }
        for ((ip, socket), ready) in self.sockets.iter().zip(&waiting) {
            if ready.any() == Some(true) {
                self.take(*ip, socket, arrived)?;
            }
        }
        Ok(())
    }

    /// Reads everything that has arrived at a socket.
    fn take(&self, to: Ipv4Addr, socket: &UdpSocket, arrived: &mut Arrivals) -> Result<(), String> {
        let mut payload = Payload::default();
        loop {
            match socket.recv_from(&mut payload) {
                Ok((length, SocketAddr::V4(from))) if length == payload.len() => {
                    let arrival = self.arrival(&payload);
                    let newest = arrived.entry(direction(from, to)).or_default();
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

    fn arrival(&self, payload: &Payload) -> Arrival {
        let (number, sent) = payload.split_at(size_of::<u64>());
        let read = |bytes: &[u8]| bytes.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        let sent = Duration::from_nanos(read(sent));
        Arrival { number: read(number), took: self.epoch.elapsed().saturating_sub(sent) }
    }
}

/// How long the newest probe on a link took, which must not be less than the link's delay.
fn in_time(link: &Expected, arrived: &Arrivals) -> Result<Duration, String> {
    let took = arrived.get(&link.direction).copied().unwrap_or_default().took;
    if took >= link.least_delay() {
        return Ok(took);
    }
    let (milliseconds, least) = (took.as_secs_f64() * 1e3, vocab::Duration(link.least_delay()));
    Err(format!("a probe took {milliseconds:.1} ms on {}, where none may take less than {least}", link.direction))
}

fn direction(from: SocketAddrV4, to: Ipv4Addr) -> Direction {
    Direction { from: *from.ip(), to }
}

/// Keeps the calling thread's packets in order, since each processor forwards from its own queue. Best effort: without
/// it, a proof merely becomes less likely to succeed.
fn pin_to_current_processor() {
    let mut only = CpuSet::new();
    if sched_getcpu().and_then(|processor| only.set(processor)).is_ok() {
        let _ = sched_setaffinity(Pid::from_raw(0), &only);
    }
}

fn listed<'a>(directions: impl ExactSizeIterator<Item = &'a Direction>) -> String {
    const SHOWN: usize = 3;
    let more = directions.len().saturating_sub(SHOWN);
    let shown: Vec<_> = directions.take(SHOWN).map(ToString::to_string).collect();
    let more = if more == 0 { String::new() } else { format!(" and {more} more links") };
    shown.join(", ") + &more
}
