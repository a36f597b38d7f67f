//! Hand-made runs for the tests of judging: three shards with a replica each, told moment by moment.

mod network;

use std::borrow::Borrow;
use std::collections::BTreeMap;

use super::case::Case;
use super::{Finding, Slo};
use crate::evidence::testing::{effect, plan, slo, timeline};
use crate::evidence::{
    Agreement, ClusterState, DataType, ErrorKind, Event, EventKind, Evidence, Health, LoadTotals, LogEvent, LogRecord,
    MachineSample, Member, NO_WORKER, NodeView, Operation, OperationEffect, OperationSource, Outcome, ReadElements,
    RecordedNode, RecordedPlan, RecordedStep, RunInfo, ServerInfo, Side, TopologyRecord, Value, Waits,
};
use crate::system::cluster::{failover_bounds, place, topology};
use crate::vocab::{Duration, Instant, NodeName, Product, Role, ServerVersion};

pub(crate) use crate::evidence::testing::{key_names, load};

/// When the load begins, in milliseconds.
pub(crate) const LOAD_STARTS: u64 = 1_000;

/// The evidence of a run, told in order.
pub(crate) struct Story {
    pub(crate) evidence: Evidence,
    members: BTreeMap<NodeName, Member>,
    version: u64,
    count: u64,
}

impl Story {
    /// Six nodes, one closed load `app` of two workers on a hundred keys, node timeout 1000; nothing happened yet.
    pub(crate) fn new() -> Self {
        let mut plan = plan("tests/story", "A story.", 1);
        plan.loads.push(load("app"));
        let members = plan.nodes.iter().map(|node| (node.name.clone(), member(node))).collect();
        let info = info(&plan);
        let evidence = Evidence {
            info,
            plan,
            snapshot: None,
            events: vec![],
            topology: vec![],
            replication: vec![],
            samples: vec![],
            history: crate::evidence::History::default(),
            elements: ReadElements::default(),
            key_lists: crate::evidence::KeyLists::default(),
            heard: vec![],
        };
        Self { evidence, members, version: 3, count: 0 }
    }

    /// The cluster is up and settled and the load begins.
    pub(crate) fn formed() -> Self {
        let mut story = Self::new();
        for node in story.evidence.plan.nodes.clone() {
            story.event(0, EventKind::NodeStarted { node: node.name, pid: 2, address: node.address });
        }
        story.view(LOAD_STARTS, &["A", "B", "C", "A1", "B1", "C1"]);
        story.event(LOAD_STARTS, EventKind::Formed);
        story.settled(LOAD_STARTS);
        story.event(LOAD_STARTS, EventKind::LoadStarted { load: "app".to_owned() });
        story
    }

    pub(crate) fn slo(&mut self, slo: Slo) {
        self.evidence.plan.slos.push(self::slo(slo));
    }

    pub(crate) fn step(&mut self, step: RecordedStep) {
        let line = 20 + self.evidence.plan.steps.len();
        self.evidence.plan.steps.extend(timeline(line, vec![step]));
    }

    /// Puts an event where its time belongs, whatever was told before.
    pub(crate) fn event(&mut self, ms: u64, kind: EventKind) {
        let at = Instant::from_millis(ms);
        let position = self.evidence.events.partition_point(|event| event.at <= at);
        self.evidence.events.insert(position, Event { at, kind });
    }

    /// A step of the timeline that acted on a node and is done.
    pub(crate) fn act(&mut self, ms: u64, step: usize, action: &str, node: &str) {
        self.event(ms, EventKind::StepStarted { step, text: action.to_string() });
        let proof = Some("wait status".to_owned());
        let began = Instant::from_millis(ms);
        self.event(
            ms + 1,
            EventKind::ActedOnNode {
                step: Some(step),
                action: action.to_owned(),
                effect: effect(action),
                node: node.into(),
                began,
                proof,
            },
        );
        self.event(ms + 1, EventKind::StepEnded { step });
    }

    /// All nodes that nobody holds for failed agree on what they were last told to believe.
    pub(crate) fn settled(&mut self, ms: u64) {
        let healthy = self.members.iter().filter(|(_, member)| member.health == Health::Ok);
        let members = healthy.map(|(node, _)| node.clone()).collect();
        let nodes = self.members.iter().map(|(node, member)| (node.clone(), place(member))).collect();
        let topology = topology(ClusterState::Ok, nodes);
        let agreement = Agreement::new(vec![Side { system: 0, members, topology }]);
        self.event(ms, EventKind::Settled { asked: Instant::from_millis(ms), agreement });
    }

    pub(crate) fn unsettled(&mut self, ms: u64) {
        self.event(ms, EventKind::Unsettled { reason: "B has not noticed that A is gone".to_owned() });
    }

    pub(crate) fn log(&mut self, ms: u64, node: &str, says: LogEvent) {
        let record = LogRecord { node: node.into(), logged: Instant::from_millis(ms), says };
        self.event(ms + 2, EventKind::Log(record));
    }

    /// What the machine took in each tenth of a second that ends at that many milliseconds, from the load's start on.
    pub(crate) fn machine(&mut self, until: u64, took: impl Fn(u64) -> MachineSample) {
        for end in (LOAD_STARTS / 100 + 1..=until / 100).map(|tenth| tenth * 100) {
            let from = Instant::from_millis(end - 100);
            self.event(end, EventKind::Machine(MachineSample { from, ..took(end) }));
        }
    }

    /// What the nodes believe of a node from now on; seen with the next view.
    pub(crate) fn health(&mut self, node: &str, health: Health) {
        self.members.get_mut(&NodeName::from(node)).unwrap().health = health;
    }

    /// `successor` owns what `failed` owned, which becomes its replica; seen with the next view.
    pub(crate) fn hand_over(&mut self, failed: &str, successor: &str) {
        self.version += 1;
        let (failed, successor) = (NodeName::from(failed), NodeName::from(successor));
        let old = self.members.get_mut(&failed).unwrap();
        let owns = std::mem::take(&mut old.owns);
        (old.role, old.master) = (Role::Replica, Some(successor.clone()));
        let new = self.members.get_mut(&successor).unwrap();
        (new.role, new.master, new.owns, new.version) = (Role::Master, None, owns, self.version);
    }

    /// These nodes are seen to believe it.
    pub(crate) fn view(&mut self, ms: u64, nodes: &[&str]) {
        let (members, version) = (self.members.clone(), self.version);
        self.view_of(ms, nodes, ClusterState::Ok, version, &members);
    }

    fn view_of(
        &mut self,
        ms: u64,
        nodes: &[&str],
        state: ClusterState,
        current_version: u64,
        members: &BTreeMap<NodeName, Member>,
    ) {
        for node in nodes {
            let (master_link_up, data_too_old, members) = (None, false, members.clone());
            let view = NodeView { state, current_version, master_link_up, data_too_old, members };
            let (at, node) = (Instant::from_millis(ms), (*node).into());
            self.evidence.topology.push(TopologyRecord { at, node, view: Some(view) });
        }
    }

    /// `A` is killed, flagged, replaced by `A1`, and all agree: the outage lasts as long as said.
    pub(crate) fn failover(&mut self, ms: u64, step: usize, took: u64) {
        self.act(ms, step, "Kill", "A");
        self.unsettled(ms + 15);
        self.health("A", Health::Fail);
        self.view(ms + took / 2, &["B", "C"]);
        self.hand_over("A", "A1");
        self.view(ms + took, &["A1", "B", "C"]);
        self.settled(ms + took + 20);
    }

    /// A write of the worker `key % 2` to `key` that the owner of the plan acknowledged; changed by `change`.
    pub(crate) fn write(&mut self, ms: u64, key: u32, change: impl FnOnce(&mut Operation)) {
        let mut operation = self.operation(ms, key);
        change(&mut operation);
        self.evidence.history.push(&operation);
    }

    /// A write that was due, and that nobody had begun when the load was stopped.
    pub(crate) fn never_begun(&mut self, ms: u64, key: u32, stopped: u64) {
        self.write(ms, key, |write| {
            let stopped = Instant::from_millis(stopped);
            (write.ready, write.started, write.ended) = (stopped, stopped, stopped);
            (write.outcome, write.error, write.attempts) = (Outcome::Fail, Some(ErrorKind::NotStarted), 0);
            (write.worker, write.node) = (NO_WORKER, None);
        });
    }

    fn operation(&mut self, ms: u64, key: u32) -> Operation {
        self.count += 1;
        let at = Instant::from_millis(ms);
        let worker = u16::try_from(key % 2).unwrap();
        let shard = Self::shard_of(key);
        Operation {
            load: 0,
            worker,
            source: OperationSource::Mix { entry: 0, command: 0 },
            effect: OperationEffect::Replaces,
            data: DataType::Value,
            key,
            shard: Some(shard),
            value: Value::Written(Value::id(0, worker, self.count)),
            intended: at,
            ready: at,
            started: at,
            ended: at.plus_nanos(1_000_000),
            outcome: Outcome::Ok,
            error: None,
            attempts: 1,
            unknown_attempts: 0,
            replaced: None,
            node: Some(shard),
        }
    }

    /// The shard of a key: they take turns.
    pub(crate) fn shard_of(key: u32) -> u16 {
        u16::try_from(key % 3).unwrap()
    }

    /// The first key of the shard that this master owns by the plan.
    pub(crate) fn key_of(&self, master: &str) -> u32 {
        let shard = self.evidence.plan.shards().position(|shard| shard.name.as_str() == master).unwrap();
        (1..=100).find(|key| usize::from(Self::shard_of(*key)) == shard).unwrap()
    }

    /// Acknowledged writes of a millisecond each, at every millisecond, to one key after the other.
    pub(crate) fn run(&mut self, from: u64, to: u64) {
        for ms in from..to {
            self.write(ms, u32::try_from(ms % 100).unwrap() + 1, |_| {});
        }
    }

    /// The load ends, every key is read back as it was last acknowledged, and the evidence is complete.
    pub(crate) fn end(&mut self, ms: u64) {
        let mut totals = LoadTotals::default();
        let mut last = BTreeMap::new();
        for operation in &self.evidence.history {
            *match operation.outcome {
                _ if operation.never_begun() => &mut totals.not_started,
                Outcome::Ok => &mut totals.ok,
                Outcome::Fail => &mut totals.fail,
                Outcome::Unknown => &mut totals.unknown,
            } += 1;
            if operation.outcome == Outcome::Ok && operation.writes() {
                last.insert(operation.key, operation.value);
            }
        }
        self.event(ms, EventKind::LoadEnded { load: "app".to_owned(), totals });
        self.event(ms + 20, EventKind::FinalReadStarted);
        let keys = last.len() as u64;
        for (key, value) in last {
            self.final_read(key, value, Outcome::Ok);
        }
        self.event(ms + 50, EventKind::FinalRead { keys, unreadable: 0, unserved: None, errors: BTreeMap::new() });
        self.event(ms + 60, EventKind::Ended);
    }

    pub(crate) fn final_read(&mut self, key: u32, value: Value, outcome: Outcome) {
        let again = self.evidence.history.iter().last().is_some_and(|last| last.is_final_read() && last.key == key);
        self.write(1_000_000, key, |read| {
            (read.source, read.effect) = (OperationSource::FinalRead, OperationEffect::Reads);
            (read.value, read.outcome) = (value, outcome);
            read.worker = NO_WORKER;
        });
        // A key that comes after the end was counted all the same; each of its elements is a read.
        for event in self.evidence.events.iter_mut().filter(|_| !again) {
            if let EventKind::FinalRead { keys, .. } = &mut event.kind {
                *keys += 1;
            }
        }
    }

    pub(crate) fn case(&self) -> Case<'_> {
        Case::new(&self.evidence)
    }

    pub(crate) fn judge(&self, slo: impl Borrow<Slo>) -> Finding {
        slo.borrow().kind().judge(&self.case())
    }
}

fn member(node: &RecordedNode) -> Member {
    Member {
        role: node.role,
        master: node.master.clone(),
        owns: node.owns.clone(),
        version: node.version,
        health: Health::Ok,
        handshake: false,
        no_failover: false,
    }
}

const VERSION: ServerVersion = ServerVersion { product: Product::Redis, major: 7, minor: 0, patch: 15 };

fn info(plan: &RecordedPlan) -> RunInfo {
    let server = |node: &RecordedNode| ServerInfo {
        node: node.name.clone(),
        binary: "redis-server".to_owned(),
        version: VERSION.to_string(),
        failover_bounds: failover_bounds(plan.node_timeout_ms(), VERSION),
    };
    RunInfo {
        harness_version: env!("CARGO_PKG_VERSION").to_owned(),
        scenario: plan.name.clone(),
        scenario_path: "scenarios/tests/story.ron".to_owned(),
        seed: 1,
        started_unix_us: 1_700_000_000_000_000,
        kernel: "6.1.0".to_owned(),
        processors: 2,
        alone: true,
        servers: plan.nodes.iter().map(server).collect(),
    }
}

/// Timers were late by this many milliseconds, and nobody is known to have waited.
pub(crate) fn late(milliseconds: f64) -> MachineSample {
    MachineSample { timer_late_nanos: nanos(milliseconds), ..MachineSample::default() }
}

/// Timers were 0.1 ms late; clients and the observer waited this long for a processor, and each of these servers.
pub(crate) fn waited(harness_ms: f64, servers: &[(&str, f64)]) -> MachineSample {
    let servers_nanos = servers.iter().map(|(node, ms)| ((*node).into(), nanos(*ms))).collect();
    MachineSample {
        waits: Some(Waits { clients_nanos: nanos(harness_ms), observer_nanos: nanos(harness_ms), servers_nanos }),
        ..late(0.1)
    }
}

/// This many milliseconds, in nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a test's own figures")]
pub(crate) fn nanos(milliseconds: f64) -> u64 {
    (milliseconds * 1e6) as u64
}

/// A duration of this many milliseconds.
pub(crate) fn ms(milliseconds: u64) -> Duration {
    Duration::from_millis(milliseconds)
}
