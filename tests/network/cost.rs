//! What a link that is neither cut nor shaped costs a load, compared with the loopback interface of one host.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, UdpSocket};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::evidence::{Clock, Journal, RunDirectory};
use harness::network::ClientHost;
use harness::provider::{ClientSpec, ProviderChoice, Storage};
use harness::system::{self, Cluster, Deployment, NodeSpec, Servers};
use harness::vocab::{self, Address, CutBy, HostName, Link, LinkShape, NodeId, NodeName, Role, Size};

use super::inside::{Failure, say};
use super::load::{Figure, Load};
use super::wire::Silent;

const CLUSTER: Deployment = Deployment::Cluster(Cluster::new(3, 1));

/// The pipelines that are measured, and the least that a load across the lab must reach of one over loopback.
const LEAST: [(usize, f64); 2] = [(1, 0.9), (16, 0.95)];
/// How long a load runs at a stretch: short, so that another program takes as much from a load as from its neighbours.
const STRETCH: Duration = Duration::from_millis(50);
const ROUNDS: usize = 4;
/// What falls short is measured again, unless this has passed.
const TRIES: usize = 6;
const ENOUGH: Duration = Duration::from_secs(29);

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 2);
const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 128, 1, 2);
/// Hosts that have nothing to do with the load: two halves of 15.
const BYSTANDERS: u8 = 30;

/// Measures all arrangements; an error if one of them costs too much for sure.
pub(super) async fn measure(directory: &Path) -> Result<(), Failure> {
    let bench = Bench::raise(directory).await?;
    say("operations/s and p50 over loopback and across the lab, ratio of the operations (middle half of the ratios),");
    say("and of the same load over loopback to itself");
    let mut kept = vec![bench.compare("no shaping device", &LEAST)?];
    let shape = LinkShape { delay: vocab::Duration::from_millis(1), ..LinkShape::default() };
    bench.cluster.provider().shape("shape", &between(1, 1), shape).await?;
    kept.push(bench.compare("another host's links are shaped", &LEAST)?);
    kept.push(bench.beside_traffic()?);
    bench.cluster.provider().heal("shape").await?;
    kept.push(bench.compare("healed, the device is left", &LEAST)?);
    for side in [5, 15] {
        bench.cluster.provider().cut("halves", &between(side, side), CutBy::Drop).await?;
        let name = format!("{} other links are cut", 2 * u32::from(side) * u32::from(side));
        kept.push(bench.compare(&name, &LEAST[..1])?);
        bench.cluster.provider().heal("halves").await?;
    }
    if kept.into_iter().all(|is_kept| is_kept) { Ok(()) } else { Err("unshaped links cost too much".into()) }
}

/// All links between some hosts of the one half and some of the other, both ways.
fn between(left: u8, right: u8) -> BTreeSet<Link> {
    let pairs = (0..left).flat_map(|one| (0..right).map(move |other| (one, BYSTANDERS / 2 + other)));
    let links = pairs.map(|(one, other)| Link::new(bystander(one), bystander(other)));
    links.flat_map(|link| [link.reversed(), link]).collect()
}

fn bystander(index: u8) -> HostName {
    HostName::new(format!("bystander-{index}"))
}

fn bystander_ip(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 128, 1, 10 + index)
}

/// One master that owns every slot, reached across the lab and on its own host: two processes of the same program are not
/// equally fast.
fn node() -> NodeSpec {
    let bind = format!("{SERVER} {}", Ipv4Addr::LOCALHOST);
    NodeSpec {
        name: NodeName::master(0),
        host: "A".into(),
        id: NodeId(format!("{:040x}", 10)),
        address: Address::of_host(SERVER),
        role: Role::Master,
        master: None,
        owns: system::cluster::share(0, 1),
        version: 1,
        binary: None,
        image: None,
        config: BTreeMap::from([("bind".to_owned(), bind)]),
        tls: None,
    }
}

/// A lab with the hosts of the loads that are compared.
struct Bench {
    cluster: Servers,
    begin: Instant,
    /// Where the load across the lab comes from.
    client: ClientHost,
    /// The server's host, where the loads over loopback come from.
    own: ClientHost,
}

impl Bench {
    async fn raise(directory: &Path) -> Result<Self, Failure> {
        let begin = Instant::now();
        let directory = RunDirectory::new(directory);
        let journal = Journal::create(&directory, Clock::new(), Box::new(Silent))?;
        let bystanders = (0..BYSTANDERS).map(|index| (bystander(index), bystander_ip(index)));
        let hosts = [(HostName::from("client"), CLIENT)].into_iter().chain(bystanders);
        let hosts: Vec<_> = hosts.map(|(name, ip)| ClientSpec { name, ip }).collect();
        let nodes = [node()];
        let storage = Storage { size: Size { bytes: 16 << 20 }, caching: false };
        let provider = ProviderChoice::Namespaces
            .raise(&system::server_specs(&nodes), &hosts, storage, 1, &directory, journal)
            .await?;
        let cluster = Servers::prepare(CLUSTER, Arc::clone(&provider), &nodes, &directory)?;
        cluster.start_all().await?;
        // A master that starts takes no writes for two seconds.
        tokio::time::sleep(Duration::from_millis(2_500)).await;
        let (client, own) = (provider.host(&"client".into())?, provider.host(&nodes[0].host)?);
        Ok(Self { cluster, begin, client, own })
    }

    /// Measures an arrangement; whether it reaches, as far as this machine can tell, what is asked of it.
    fn compare(&self, arrangement: &str, least: &[(usize, f64)]) -> Result<bool, Failure> {
        let mut is_kept = true;
        for (pipeline, least) in least {
            let mut compared = Compared::default();
            for _ in 0..TRIES {
                for _ in 0..ROUNDS {
                    self.round(*pipeline, &mut compared)?;
                }
                if middle(&compared.ratios) >= *least || self.begin.elapsed() > ENOUGH {
                    break;
                }
            }
            let verdict = compared.verdict(*least);
            say(&format!("{arrangement:<33} pipeline {pipeline:>2}: {compared}{verdict}"));
            is_kept &= verdict != Verdict::Missed;
        }
        Ok(is_kept)
    }

    /// Compares the load across the lab with two over loopback, one just before it and one just after, and these with each other.
    ///
    /// Connections are made anew: where the kernel and the server keep them makes some sets faster than others.
    fn round(&self, pipeline: usize, compared: &mut Compared) -> Result<(), Failure> {
        let over_loopback = || Load::connect(&self.own, Ipv4Addr::LOCALHOST);
        let (mut first, mut second) = (over_loopback()?, over_loopback()?);
        let mut lab = Load::connect(&self.client, SERVER)?;
        let before = first.run(pipeline, STRETCH)?;
        let across = lab.run(pipeline, STRETCH)?;
        let after = second.run(pipeline, STRETCH)?;
        compared.ratios.push(across.throughput * 2.0 / (before.throughput + after.throughput));
        compared.calibration.push(after.throughput / before.throughput);
        compared.across.push(across);
        compared.loopback.push(before);
        Ok(())
    }

    /// The same with 1,000 packets a second on a shaped link.
    fn beside_traffic(&self) -> Result<bool, Failure> {
        let socket = self.cluster.provider().host(&bystander(0))?.on_host(|| UdpSocket::bind((bystander_ip(0), 0)))?;
        socket.connect((bystander_ip(BYSTANDERS / 2), 9))?;
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    // Nobody has to hear it.
                    let _ = socket.send(&[0; 1_000]);
                    thread::sleep(Duration::from_millis(1));
                }
            });
            let is_kept = self.compare("the same, with packets on them", &LEAST);
            stop.store(true, Ordering::Relaxed);
            is_kept
        })
    }
}

/// What an arrangement has shown.
#[derive(Default)]
struct Compared {
    loopback: Vec<Figure>,
    across: Vec<Figure>,
    ratios: Vec<f64>,
    calibration: Vec<f64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Reached,
    Missed,
    /// Other programs took so much that it cannot be told. It fails no test, or a busy machine would.
    Inconclusive,
}

impl Compared {
    /// A busy machine makes the same load differ from itself, and ratios from each other: only one that falls short in
    /// three of four comparisons, while loopback equals itself, is the network's fault.
    fn verdict(&self, least: f64) -> Verdict {
        let itself = middle(&self.calibration);
        let is_calm = itself >= least && itself <= 1.0 / least;
        if middle(&self.ratios) >= least {
            Verdict::Reached
        } else if is_calm && part(&self.ratios, 3) < least {
            Verdict::Missed
        } else {
            Verdict::Inconclusive
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for figures in [&self.loopback, &self.across] {
            let throughput: Vec<_> = figures.iter().map(|figure| figure.throughput).collect();
            let median: Vec<_> = figures.iter().map(|figure| figure.median.as_secs_f64() * 1e3).collect();
            write!(f, "{:>9.0}/s {:.3} ms  ", middle(&throughput), middle(&median))?;
        }
        let (low, high) = (part(&self.ratios, 1), part(&self.ratios, 3));
        let (ratio, itself) = (middle(&self.ratios), middle(&self.calibration));
        write!(f, "{ratio:.3} ({low:.2} to {high:.2})  {itself:.3}")
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reached => "",
            Self::Missed => "  too little",
            Self::Inconclusive => "  too little, but inconclusive: the machine was too uneven to tell",
        })
    }
}

fn middle(values: &[f64]) -> f64 {
    part(values, 2)
}

/// The value that so many quarters of all are below.
fn part(values: &[f64], quarters: usize) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[(values.len() - 1) * quarters / 4]
}
