//! The observer against a real server: a cluster of one node on a loopback port.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::watch;

use super::{Observation, Observed, Observer, Sampler};
use crate::evidence::{
    Clock, Event, EventKind, Figure, Figures, Journal, LogEvent, NodeStatus, Recorder, ResourceSample, RunDirectory,
    SampleWriter, Settlement, TopologyRecord,
};
use crate::system::{Access, Cluster, Deployment};
use crate::vocab::{Address, NodeId, NodeName};

/// A server of the test's own; it ends with the value, on every way out of the test.
struct Server(Child);

impl Server {
    fn start(directory: &Path, Address(address): Address) -> Self {
        let child = Command::new("redis-server")
            .args(["--port", &address.port().to_string(), "--bind", &address.ip().to_string()])
            .args(["--cluster-enabled", "yes", "--save", ""])
            .args(["--logfile", "redis.log", "--loglevel", "verbose", "--dir"])
            .arg(directory)
            .env("TZ", "UTC")
            .stdout(Stdio::null())
            .spawn();
        Self(child.expect("this test needs redis-server 7.0 or later on the path"))
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), signal).unwrap();
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; there is nothing to do about an error here.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[derive(Clone, Default)]
struct Events(Arc<Mutex<Vec<EventKind>>>);

impl Recorder for Events {
    fn record(&mut self, event: &Event) {
        self.0.lock().unwrap().push(event.kind.clone());
    }
}

async fn until(
    observation: &mut watch::Receiver<Observation>,
    what: &str,
    condition: impl FnMut(&Observation) -> bool,
) -> Observation {
    let met =
        tokio::time::timeout(Duration::from_secs(10), observation.wait_for(condition)).await.map(|met| met.is_ok());
    let last = observation.borrow().clone();
    assert!(matches!(met, Ok(true)), "{what}: not within 10 s; last seen: {last:?}");
    last
}

async fn give_all_slots(address: Address) {
    let client = redis::Client::open((address.ip().to_string(), address.0.port())).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let mut command = redis::cmd("CLUSTER");
    command.arg("ADDSLOTSRANGE").arg(0).arg(16_383).exec_async(&mut connection).await.unwrap();
}

fn settled(observation: &Observation) -> bool {
    matches!(observation.settlement, Settlement::Settled(_))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn follows_a_server_through_pause_and_death() {
    let directory = tempfile::tempdir().unwrap();
    let (node, address) = (NodeName::new("A"), Address::of_own_loopback());
    let (events, clock) = (Events::default(), Clock::new());
    let run = RunDirectory::new(directory.path());
    let journal = Journal::create(&run, clock, Box::new(events.clone())).unwrap();
    let (status, statuses) = watch::channel(BTreeMap::from([(node.clone(), NodeStatus::Running)]));
    let watched =
        Observed { node: node.clone(), id: NodeId("0".repeat(40)), address, log: directory.path().join("redis.log") };
    let observer = Observer::start(
        vec![watched],
        statuses,
        watch::channel(crate::evidence::Reach::default()).1,
        (Deployment::Cluster(Cluster::new(1, 0)), Access::default()),
        journal.clone(),
        Duration::from_millis(5),
    );
    let mut observation = observer.observation();

    let mut server = Server::start(directory.path(), address);
    until(&mut observation, "the node answers", |observation| observation.views[&node].is_some()).await;
    give_all_slots(address).await;
    let first = until(&mut observation, "settled", settled).await;
    assert_eq!(first.synced, Ok(()));
    assert_eq!(first.views[&node].as_ref().unwrap().members.keys().collect::<Vec<_>>(), [&node]);

    server.signal(Signal::SIGSTOP);
    status.send_replace([(node.clone(), NodeStatus::Paused)].into());
    let paused = until(&mut observation, "paused", |observation| !settled(observation)).await;
    assert_eq!(paused.views[&node], None);
    assert!(paused.synced.is_ok(), "nobody runs, so nobody lags");
    server.signal(Signal::SIGCONT);
    let resumed_at = clock.now();
    status.send_replace([(node.clone(), NodeStatus::Running)].into());
    let resumed = until(&mut observation, "settled again", settled).await;
    assert!(resumed.asked > resumed_at, "the view is from after the pause");

    server.kill();
    until(&mut observation, "found dead without being told", |observation| observation.views[&node].is_none()).await;
    status.send_replace([(node.clone(), NodeStatus::Down)].into());
    let mut server = Server::start(directory.path(), address);
    status.send_replace([(node.clone(), NodeStatus::Running)].into());
    until(&mut observation, "settled after the restart", settled).await;
    server.kill();
    observer.stop().await;
    assert!(journal.take_error().is_none());
    check_evidence(&run, &events.0.lock().unwrap());
}

/// B takes connections and never answers, nothing listens at the address of C, and D does not run: A is sampled all the same.
#[test]
fn a_server_is_sampled_whatever_becomes_of_others() {
    let directory = tempfile::tempdir().unwrap();
    let address = Address::of_own_loopback();
    let mut server = Server::start(directory.path(), address);
    let silent = TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)).unwrap();
    let names = ["A", "B", "C", "D"].map(NodeName::new);
    let loopback = |port| Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port));
    let [of_b, of_c] = [silent.local_addr().unwrap().port(), 1].map(loopback);
    let addresses = [address, of_b, of_c, address];
    let status = |node: &NodeName| if node.as_str() == "D" { NodeStatus::Paused } else { NodeStatus::Running };
    let (_status, statuses) = watch::channel(names.iter().map(|node| (node.clone(), status(node))).collect());
    let run = RunDirectory::new(directory.path());
    let sampler = Sampler::start(
        names.into_iter().zip(addresses).collect(),
        statuses,
        (Deployment::Cluster(Cluster::new(4, 0)), Access::default()),
        Box::new(Figures::default),
        SampleWriter::create(&run, Clock::new()).unwrap(),
    );
    let count = |recorded: &[ResourceSample], node: Option<&NodeName>| {
        recorded.iter().filter(|sample| sample.node.as_ref() == node).count()
    };
    let (a, deadline) = (NodeName::new("A"), std::time::Instant::now() + Duration::from_secs(20));
    loop {
        let recorded = samples(&run);
        if count(&recorded, Some(&a)) >= 2 && count(&recorded, None) >= 3 {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "{recorded:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let stopping = std::time::Instant::now();
    drop(sampler.unwrap());
    assert!(stopping.elapsed() < Duration::from_secs(2), "it took {:?}", stopping.elapsed());
    server.kill();

    let recorded = samples(&run);
    let of_a: Vec<_> = recorded.iter().filter(|sample| sample.node.as_ref() == Some(&a)).collect();
    let of_machine = count(&recorded, None);
    assert_eq!(of_a.len() + of_machine, recorded.len(), "{recorded:?}");
    let last = of_a.last().unwrap();
    let pid = f64::from(server.0.id());
    assert_eq!((last.figure(Figure::ProcessId), last.figure(Figure::Keys)), (Some(pid), Some(0.0)));
}

/// The samples whose lines are complete.
fn samples(run: &RunDirectory) -> Vec<ResourceSample> {
    let text = std::fs::read_to_string(run.samples()).unwrap_or_default();
    let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
    whole.map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn check_evidence(run: &RunDirectory, events: &[EventKind]) {
    let flips = events.iter().filter(|what| matches!(what, EventKind::Settled { .. } | EventKind::Unsettled { .. }));
    let settled: Vec<_> = flips.map(|what| matches!(what, EventKind::Settled { .. })).collect();
    assert_eq!(settled[..5], [true, false, true, false, true], "{events:?}");
    let ok = LogEvent::StateChanged { ok: true };
    let states = events.iter().filter(|what| matches!(what, EventKind::Log(record) if record.says == ok)).count();
    assert_eq!(states, 2, "each start of the server logs it once: {events:?}");

    let topology = std::fs::read_to_string(run.topology()).unwrap();
    let records: Vec<TopologyRecord> = topology.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.windows(2).all(|pair| pair[0].view != pair[1].view && pair[0].at <= pair[1].at), "{records:?}");
    assert!(records.iter().filter(|record| record.view.is_none()).count() >= 2, "{records:?}");
}
