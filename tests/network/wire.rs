//! Two hosts in a lab, whose packets from the one to the other a shaper shapes, and what arrives of them.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::evidence::{Clock, Event, Journal, Recorder, RunDirectory};
use harness::network::{ClientHost, LinkCounters, SHAPING_TABLE, Shaper};
use harness::provider::{ClientSpec, ProviderChoice, Storage};
use harness::vocab::{LinkShape, Size};
use rtnetlink::RouteMessageBuilder;
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::packet_route::rule::RuleAction;

use super::inside::Failure;

pub(super) const FROM: Ipv4Addr = Ipv4Addr::new(10, 128, 1, 2);
pub(super) const TO: Ipv4Addr = Ipv4Addr::new(10, 128, 1, 3);
pub(super) const PORT: u16 = 7_000;
const SEED: u64 = 42;
/// How many packets are sent at once when they follow each other closely.
const BURST: usize = 50;
/// How many may then be under way: with a burst, fewer than a socket's buffer holds (about 270), however busy the
/// machine is.
const WINDOW: u64 = 100;
/// An IPv4 and a UDP header, in bytes.
pub(super) const HEADERS: usize = 28;
/// The shortest payload, in bytes: a packet's number.
pub(super) const NUMBER: usize = size_of::<u64>();

pub(super) struct Silent;

impl Recorder for Silent {
    fn record(&mut self, _: &Event) {}
}

/// A packet that came: its number, and when it was sent and came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrival {
    pub(super) number: usize,
    pub(super) sent: Instant,
    pub(super) came: Instant,
}

impl Arrival {
    pub(super) fn took(&self) -> Duration {
        self.came - self.sent
    }
}

pub(super) fn client(name: &str, ip: Ipv4Addr) -> ClientSpec {
    ClientSpec { name: name.into(), ip }
}

/// The two hosts, and the links between them.
pub(super) struct Wire {
    pub(super) shaper: Shaper,
    pub(super) from: ClientHost,
    pub(super) to: ClientHost,
}

impl Wire {
    /// Makes the hosts, and leads the links between them, both ways, into the shaper.
    pub(super) async fn make(directory: &Path) -> Result<Self, Failure> {
        let directory = RunDirectory::new(directory);
        let journal = Journal::create(&directory, Clock::new(), Box::new(Silent))?;
        let lab = ProviderChoice::Namespaces
            .raise(
                &[],
                &[client("from", FROM), client("to", TO)],
                Storage { size: Size { bytes: 1 << 20 }, caching: false },
                SEED,
                &directory,
                journal,
            )
            .await?;
        let shaper = Shaper::start(SEED)?;
        let (from, to) = (lab.host(&"from".into())?, lab.host(&"to".into())?);
        route_through_shaper((&from, FROM), TO, "host1.2").await?;
        route_through_shaper((&to, TO), FROM, "host1.3").await?;
        Ok(Self { shaper, from, to })
    }

    pub(super) fn shape(&self, shape: LinkShape) {
        self.shaper.set(FROM, TO, shape);
    }

    pub(super) fn counters(&self) -> LinkCounters {
        self.shaper.counters(FROM, TO)
    }

    /// The sender's and the receiver's socket.
    pub(super) fn sockets(&self) -> io::Result<(UdpSocket, UdpSocket)> {
        let sender = self.from.on_host(|| UdpSocket::bind((FROM, 0)))?;
        sender.connect((TO, PORT))?;
        Ok((sender, self.to.on_host(|| UdpSocket::bind((TO, PORT)))?))
    }

    /// Sends so many packets; what came, in that order.
    ///
    /// `linger` is how long nothing may come before nothing more is expected.
    pub(super) fn send(&self, count: usize, pace: Pace, linger: Duration) -> io::Result<Vec<Arrival>> {
        let (sender, receiver) = self.sockets()?;
        receiver.set_read_timeout(Some(linger))?;
        let so_far = AtomicU64::new(0);
        thread::scope(|scope| {
            let receiver = scope.spawn(|| receive(&receiver, &so_far));
            let mut sent = Vec::with_capacity(count);
            let begin = Instant::now();
            for number in 0..count {
                self.pause(begin, number, pace, &so_far);
                let mut payload = vec![0; pace.payload];
                payload[..NUMBER].copy_from_slice(&(number as u64).to_le_bytes());
                sent.push(Instant::now());
                sender.send(&payload)?;
            }
            let came = receiver.join().map_err(|_| io::Error::other("the receiver panicked"))??;
            Ok(came.into_iter().map(|(number, came)| Arrival { number, sent: sent[number], came }).collect())
        })
    }

    /// Waits until it is a packet's turn.
    fn pause(&self, begin: Instant, number: usize, pace: Pace, so_far: &AtomicU64) {
        if let Some(gap) = pace.gap {
            let due = begin + gap * u32::try_from(number).unwrap_or(u32::MAX);
            thread::sleep(due.saturating_duration_since(Instant::now()));
        } else if number.is_multiple_of(BURST) {
            let under_way = || {
                let LinkCounters { lost, duplicated, corrupted, .. } = self.counters();
                let gone = lost.saturating_add(corrupted).saturating_add(so_far.load(Ordering::Relaxed));
                (number as u64 + duplicated).saturating_sub(gone)
            };
            while under_way() > WINDOW {
                thread::sleep(Duration::from_micros(200));
            }
        }
    }
}

/// How packets follow each other.
#[derive(Clone, Copy)]
pub(super) struct Pace {
    /// `None`: as fast as they can without being lost at the receiver.
    pub(super) gap: Option<Duration>,
    /// Bytes.
    pub(super) payload: usize,
}

impl Pace {
    pub(super) const FAST: Self = Self { gap: None, payload: NUMBER };

    /// One by one, in so many microseconds each.
    pub(super) const fn every(microseconds: u64) -> Self {
        Self { gap: Some(Duration::from_micros(microseconds)), payload: NUMBER }
    }
}

/// What comes, until nothing does; `so_far` tells how much.
fn receive(socket: &UdpSocket, so_far: &AtomicU64) -> io::Result<Vec<(usize, Instant)>> {
    let mut came = Vec::new();
    let mut payload = [0; 2_000];
    loop {
        match socket.recv(&mut payload) {
            Ok(length) if length >= NUMBER => {
                let number = u64::from_le_bytes(payload[..NUMBER].try_into().unwrap_or_default());
                came.push((usize::try_from(number).unwrap_or(usize::MAX), Instant::now()));
                so_far.fetch_add(1, Ordering::Relaxed);
            }
            Ok(_) => return Err(io::Error::other("a packet came short")),
            Err(error) => {
                // Whoever waits for more waits in vain.
                so_far.store(u64::MAX, Ordering::Relaxed);
                return if error.kind() == ErrorKind::WouldBlock { Ok(came) } else { Err(error) };
            }
        }
    }
}

/// Sends a link through the shaper instead of its direct route. Packets come back from another interface.
async fn route_through_shaper(
    (host, from): (&ClientHost, Ipv4Addr),
    to: Ipv4Addr,
    interface: &str,
) -> Result<(), Failure> {
    let direct = RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(to, 32).scope(RouteScope::Link).build();
    let (connection, kernel, _) = host.on_host(rtnetlink::new_connection)?;
    tokio::spawn(connection);
    kernel.route().del(direct).execute().await?;
    let (connection, router, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    let rule = router.rule().add().v4().source_prefix(from, 32).destination_prefix(to, 32).input_interface(interface);
    Ok(rule.action(RuleAction::ToTable).table_id(SHAPING_TABLE).priority(10).execute().await?)
}
