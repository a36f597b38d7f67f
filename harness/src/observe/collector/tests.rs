//! What the collector counts, without a server.

use super::*;
use crate::evidence::{ClusterState, Event, Health, Member, Recorder, RunDirectory};
use crate::system::{Beside, Cluster, Deployment, NodeSpec, Origin, Replication};
use crate::vocab::{Ownership, Role};

struct NoRecorder;

impl Recorder for NoRecorder {
    fn record(&mut self, _: &Event) {}
}

struct Bench {
    collector: Collector,
    observation: watch::Receiver<Observation>,
    status: watch::Sender<BTreeMap<NodeName, NodeStatus>>,
    node: NodeName,
    directory: tempfile::TempDir,
}

/// A cluster of the one node A, which runs.
fn bench() -> Bench {
    bench_of(Deployment::Cluster(Cluster::new(1, 0)))
}

/// The nodes of these systems, all of which run.
fn bench_of(deployment: Deployment) -> Bench {
    let systems = deployment.systems();
    let directory = tempfile::tempdir().unwrap();
    let journal = Journal::create(&RunDirectory::new(directory.path()), Clock::new(), Box::new(NoRecorder)).unwrap();
    let observed = |node: &NodeSpec| Observed {
        node: node.name.clone(),
        id: NodeId("a".repeat(40)),
        address: node.address,
        log: directory.path().join("redis.log"),
    };
    let observed: Vec<_> = systems.nodes().map(observed).collect();
    let node = observed[0].node.clone();
    let running = observed.iter().map(|node| (node.node.clone(), NodeStatus::Running));
    let (status, statuses) = watch::channel(running.collect());
    let (collector, observation) =
        Collector::new(&observed, Names::default(), systems, statuses, watch::channel(Reach::default()).1, journal);
    Bench { collector, observation, status, node, directory }
}

impl Bench {
    fn answer(&self, asked: Instant, slots: &str) {
        self.answer_of(&self.node, asked, slots);
    }

    fn answer_of(&self, node: &NodeName, asked: Instant, slots: &str) {
        let member = Member {
            role: Role::Master,
            master: None,
            owns: slots.parse::<Ownership>().unwrap(),
            version: 1,
            health: Health::Ok,
            handshake: false,
            no_failover: false,
        };
        let members = [(node.clone(), member)].into();
        let view = NodeView {
            state: ClusterState::Ok,
            current_version: 1,
            master_link_up: None,
            data_too_old: false,
            members,
        };
        let replication =
            ReplicationProgress { role: Role::Master, history: "one".to_owned(), offset: 7, link_up: None };
        let report = NodeReport { id: NodeId("a".repeat(40)), view, replication: Some(replication) };
        self.collector.answered(node, asked, Ok(&report));
    }

    fn becomes(&self, status: NodeStatus) {
        self.status.send_replace([(self.node.clone(), status)].into());
    }

    fn settled(&self) -> bool {
        matches!(self.observation.borrow().settlement, Settlement::Settled(_))
    }

    fn events(&self) -> Vec<EventKind> {
        let text = std::fs::read_to_string(RunDirectory::new(self.directory.path()).events()).unwrap();
        text.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().kind).collect()
    }
}

#[test]
fn an_answer_settles() {
    let bench = bench();
    let asked = bench.collector.clock().now();
    bench.answer(asked, "0-16383");
    assert!(bench.settled());
    assert_eq!(bench.observation.borrow().asked, asked);
    assert_eq!(bench.observation.borrow().synced, Ok(()));
}

#[test]
fn an_answer_to_a_question_from_before_a_pause_does_not_count() {
    let bench = bench();
    bench.answer(bench.collector.clock().now(), "0-16383");
    let asked = bench.collector.clock().now();
    // It was paused and resumed so quickly that nobody looked in between.
    bench.becomes(NodeStatus::Paused);
    bench.becomes(NodeStatus::Running);
    bench.answer(asked, "0-16383");
    assert!(!bench.settled(), "the view is from before the pause, and so is the answer");
    bench.answer(bench.collector.clock().now(), "0-16383");
    assert!(bench.settled());
}

#[test]
fn a_node_that_does_not_run_has_no_view() {
    let bench = bench();
    bench.answer(bench.collector.clock().now(), "0-16383");
    bench.becomes(NodeStatus::Down);
    bench.collector.status_changed();
    assert_eq!(bench.observation.borrow().views[&bench.node], None);
    bench.answer(bench.collector.clock().now(), "0-16383");
    assert_eq!(bench.observation.borrow().views[&bench.node], None, "whoever answered, it is not the node");
}

#[test]
fn changes_of_the_settlement_are_journaled_and_a_changed_topology_too() {
    let bench = bench();
    let mut settled = Vec::new();
    for slots in ["0-16383", "0-16383", "0-16382", "0-16382"] {
        let asked = bench.collector.clock().now();
        bench.answer(asked, slots);
        let Settlement::Settled(agreement) = bench.observation.borrow().settlement.clone() else { panic!("settled") };
        settled.push(EventKind::Settled { asked, agreement });
    }
    bench.collector.answered(&bench.node, bench.collector.clock().now(), Err("it hung up".to_owned()));
    bench.collector.answered(&bench.node, bench.collector.clock().now(), Err("it hung up".to_owned()));
    let unsettled = EventKind::Unsettled { reason: "A does not answer: it hung up".to_owned() };
    assert_eq!(bench.events(), [settled[0].clone(), settled[2].clone(), unsettled]);
}

/// A cluster of A beside a server B: either settles by itself, both have settled when each has.
#[test]
fn systems_settle_by_themselves() {
    let server = Replication { replicas: 0, chain: false, origin: Origin::FIRST };
    let bench = bench_of(Deployment::Beside(Beside {
        cluster: Some(Cluster::new(1, 0)),
        sentinel: None,
        replication: None,
        standalone: Some(server),
        independent: None,
    }));
    let (b, now) = (NodeName::new("B"), || bench.collector.clock().now());
    bench.answer_of(&b, now(), "16384");
    assert!(!bench.settled());
    bench.answer(now(), "0-16383");
    assert!(bench.settled());
    bench.answer(now(), "0-16382");
    bench.collector.answered(&b, now(), Err("it hung up".to_owned()));
    let told = bench.events().into_iter().map(|what| match what {
        EventKind::SystemSettled { system } => format!("system {system}"),
        EventKind::Settled { agreement, .. } => format!("{} systems", agreement.systems().count()),
        EventKind::Unsettled { reason } => reason,
        other => format!("{other:?}"),
    });
    let expected = ["system 1", "system 0", "2 systems", "system 0", "2 systems", "B does not answer: it hung up"];
    assert_eq!(told.collect::<Vec<_>>(), expected);
}
