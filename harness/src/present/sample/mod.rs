//! Evidence made by hand for this module's tests: a cluster whose nodes say what a story makes them say.

mod master_kill;
mod verdict;

use std::collections::BTreeMap;

pub(super) use self::master_kill::master_kill;
pub(super) use self::verdict::{differs, server, verdict};
use crate::evidence::testing::{self, effect};
use crate::evidence::{
    Agreement, ClusterState, Event, EventKind, Evidence, ExitCause, Health, LinkChange, LinksText, LogEvent, LogRecord,
    Member, NetworkChange, NodeStatus, NodeView, Reach, RecordedNode, RecordedPlan, RecordedStep, RunInfo, ServerInfo,
    Settlement, Side, TopologyRecord,
};
use crate::system::cluster::{place, settle, topology};
use crate::vocab::{CutBy, HostName, Instant, Link, NodeName, Ownership, Role};

/// A cluster that does what it is told.
pub(super) struct Story {
    pub(super) plan: RecordedPlan,
    pub(super) events: Vec<Event>,
    pub(super) topology: Vec<TopologyRecord>,
    members: BTreeMap<NodeName, Member>,
    down: Vec<NodeName>,
    version: u64,
}

pub(super) fn name(name: &str) -> NodeName {
    NodeName::from(name)
}

fn plan(replicas: usize, steps: Vec<RecordedStep>) -> RecordedPlan {
    let about = "A master is killed under load: its replica takes over in time and no acknowledged write is lost.";
    RecordedPlan {
        steps: testing::timeline(10, steps),
        snapshot: true,
        ..testing::plan("failover/master_kill", about, replicas)
    }
}

impl Story {
    /// Three masters with this many replicas each, started and formed at two seconds.
    pub(super) fn formed(replicas: usize, timeline: Vec<RecordedStep>) -> Self {
        let plan = plan(replicas, timeline);
        let member = |node: &RecordedNode| Member {
            role: node.role,
            master: node.master.clone(),
            owns: node.owns.clone(),
            version: node.version,
            health: Health::Ok,
            handshake: false,
            no_failover: false,
        };
        let members = plan.nodes.iter().map(|node| (node.name.clone(), member(node))).collect();
        let mut story = Self { plan, events: Vec::new(), topology: Vec::new(), members, down: Vec::new(), version: 3 };
        for (index, node) in story.plan.nodes.clone().iter().enumerate() {
            let pid = 10 + i32::try_from(index).unwrap();
            story.at(20, EventKind::NodeStarted { node: node.name.clone(), pid, address: node.address });
        }
        story.everyone_sees(1_990);
        story.at(2_000, EventKind::Formed);
        story.settled(2_000);
        story
    }

    pub(super) fn at(&mut self, ms: u64, kind: EventKind) {
        self.events.push(Event { at: Instant::from_millis(ms), kind });
    }

    /// All nodes that run agree on what the members are.
    pub(super) fn settled(&mut self, ms: u64) {
        let members = self.members.keys().filter(|node| !self.down.contains(node)).cloned().collect();
        let nodes = self.members.iter().map(|(node, member)| (node.clone(), place(member))).collect();
        let topology = topology(self.state(), nodes);
        let agreement = Agreement::new(vec![Side { system: 0, members, topology }]);
        self.at(ms, EventKind::Settled { asked: Instant::from_millis(ms), agreement });
    }

    /// All nodes that run agree with those that they reach, as far as the system says so of their last views.
    pub(super) fn settled_apart(&mut self, ms: u64) {
        let mut reach = Reach::default();
        for event in &self.events {
            if let EventKind::Network(change) = &event.kind {
                reach.apply(change);
            }
        }
        let status = |node: &NodeName| if self.down.contains(node) { NodeStatus::Down } else { NodeStatus::Running };
        let status = self.members.keys().map(|node| (node.clone(), status(node))).collect();
        let views = self.topology.iter().map(|record| (record.node.clone(), record.view.clone())).collect();
        if let Settlement::Settled(agreement) = settle(&status, &reach, &views) {
            self.at(ms, EventKind::Settled { asked: Instant::from_millis(ms), agreement });
        }
    }

    /// What a node says that sees the members as they are.
    fn state(&self) -> ClusterState {
        let healthy = self.members.values().filter(|member| member.health == Health::Ok);
        let served: usize = healthy.map(|member| member.owns.len()).sum();
        if served == 16_384 { ClusterState::Ok } else { ClusterState::Fail }
    }

    pub(super) fn log(&mut self, ms: u64, node: &str, says: LogEvent) {
        self.at(ms + 3, EventKind::Log(LogRecord { node: name(node), logged: Instant::from_millis(ms), says }));
    }

    /// A step acted on a node, or the harness did at the end.
    pub(super) fn act(&mut self, ms: u64, step: impl Into<Option<usize>>, action: &str, node: &str) {
        let (node, effect) = (name(node), effect(action));
        if let Some(status) = effect.process {
            self.down.retain(|other| *other != node);
            if status != NodeStatus::Running {
                self.down.push(node.clone());
            }
        }
        let began = Instant::from_millis(ms);
        let proof = Some(if effect.harms { "wait status: signal 9".to_owned() } else { "pid 31".to_owned() });
        self.at(
            ms + 2,
            EventKind::ActedOnNode {
                step: step.into(),
                action: action.to_owned(),
                effect,
                node: node.clone(),
                began,
                proof,
            },
        );
        if effect.process == Some(NodeStatus::Down) {
            self.at(ms + 2, EventKind::NodeExited { node: node.clone(), cause: ExitCause::Signal(9), expected: true });
            self.topology.push(TopologyRecord { at: Instant::from_millis(ms + 10), node, view: None });
        }
    }

    /// These hosts are cut off from all other nodes by a step, as the partition `cut`.
    pub(super) fn isolate(&mut self, ms: u64, step: usize, hosts: &[&str]) {
        let others: Vec<_> =
            self.plan.nodes.iter().map(|node| node.name.to_string()).filter(|n| !hosts.contains(&n.as_str())).collect();
        let pairs = hosts.iter().flat_map(|host| others.iter().map(move |other| Link::new(*host, other.as_str())));
        let links = pairs.flat_map(|link| [link.reversed(), link]).collect();
        let side = |names: Vec<&str>| names.into_iter().map(HostName::from).collect::<Vec<_>>();
        let text = LinksText::sides(&[side(hosts.to_vec()), side(others.iter().map(String::as_str).collect())]);
        self.network(ms, Some(step), text, LinkChange::Cut(CutBy::Drop), links);
    }

    /// The partition `cut` is healed by a step, or by the harness at the end.
    pub(super) fn heal(&mut self, ms: u64, step: impl Into<Option<usize>>) {
        let cut = self.events.iter().rev().find_map(|event| match &event.kind {
            EventKind::Network(change) => Some(change.links.clone()),
            _ => None,
        });
        self.network(ms, step.into(), LinksText::default(), LinkChange::HealCut, cut.unwrap_or_default());
    }

    fn network(&mut self, ms: u64, step: Option<usize>, text: LinksText, change: LinkChange, links: Vec<Link>) {
        let (began, done) = (Instant::from_millis(ms), Instant::from_millis(ms + 1));
        let (name, proof) = ("cut".to_owned(), Some(format!("{} probes vanished", links.len())));
        self.at(
            ms + 2,
            EventKind::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt: None }),
        );
    }

    /// These nodes see no change but that they reach only each other, and refuse to serve.
    pub(super) fn alone(&mut self, ms: u64, nodes: &[&str]) {
        let mut members = self.topology[0].view.as_ref().unwrap().members.clone();
        for (_, member) in members.iter_mut().filter(|(node, _)| !nodes.contains(&node.as_str())) {
            member.health = Health::Pfail;
        }
        for node in nodes.iter().map(|node| name(node)) {
            let view = NodeView {
                state: ClusterState::Fail,
                current_version: 3,
                master_link_up: members[&node].master.as_ref().map(|_| true),
                data_too_old: false,
                members: members.clone(),
            };
            self.topology.push(TopologyRecord { at: Instant::from_millis(ms), node, view: Some(view) });
        }
    }

    /// As [`Self::everyone_sees`], but for these.
    pub(super) fn all_but_see(&mut self, ms: u64, others: &[&str]) {
        let running = std::mem::take(&mut self.down);
        self.down = running.iter().cloned().chain(others.iter().map(|node| name(node))).collect();
        self.everyone_sees(ms);
        self.down = running;
    }

    /// Changes what every node will see of one.
    pub(super) fn member(&mut self, node: &str, change: impl FnOnce(&mut Member)) {
        change(self.members.get_mut(&name(node)).unwrap());
    }

    pub(super) fn forget(&mut self, node: &str) {
        self.members.remove(&name(node));
    }

    pub(super) fn failed(&mut self, node: &str) {
        self.member(node, |member| member.health = Health::Fail);
    }

    /// `winner` takes over what belonged to `master`; the other replicas of `master` follow the winner.
    pub(super) fn promote(&mut self, winner: &str, master: &str) {
        self.version += 1;
        let owns = std::mem::take(&mut self.members.get_mut(&name(master)).unwrap().owns);
        for member in self.members.values_mut().filter(|member| member.master == Some(name(master))) {
            member.master = Some(name(winner));
        }
        let version = self.version;
        self.member(winner, |member| {
            *member = Member { role: Role::Master, master: None, owns, version, ..member.clone() };
        });
    }

    /// A node that came back replicates `master`.
    pub(super) fn rejoin(&mut self, node: &str, master: &str) {
        let version = self.members[&name(master)].version;
        self.member(node, |member| {
            member.role = Role::Replica;
            member.master = Some(name(master));
            member.owns = Ownership::default();
            member.health = Health::Ok;
            member.version = version;
        });
    }

    /// Every running node's view becomes what the members are, one after another.
    pub(super) fn everyone_sees(&mut self, ms: u64) {
        let running: Vec<_> = self.members.keys().filter(|node| !self.down.contains(node)).cloned().collect();
        for (index, node) in running.into_iter().enumerate() {
            let view = NodeView {
                state: self.state(),
                current_version: self.version,
                master_link_up: self.members[&node].master.as_ref().map(|_| true),
                data_too_old: false,
                members: self.members.clone(),
            };
            self.topology.push(TopologyRecord { at: Instant::from_millis(ms + index as u64), node, view: Some(view) });
        }
    }

    /// The servers are shut down and the evidence is complete.
    pub(super) fn end(mut self, ms: u64) -> Evidence {
        for node in self.members.keys().filter(|node| !self.down.contains(node)).cloned().collect::<Vec<_>>() {
            self.at(ms, EventKind::NodeExited { node: node.clone(), cause: ExitCause::Code(0), expected: true });
            self.topology.push(TopologyRecord { at: Instant::from_millis(ms + 5), node, view: None });
        }
        self.at(ms + 10, EventKind::Ended);
        let servers = self.plan.nodes.iter().map(|node| ServerInfo {
            node: node.name.clone(),
            binary: "/usr/bin/redis-server".to_owned(),
            version: "Redis 7.0.15".to_owned(),
            failover_bounds: BTreeMap::new(),
        });
        let info = RunInfo {
            harness_version: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.plan.name.clone(),
            scenario_path: "scenarios/failover/master_kill.ron".to_owned(),
            seed: 1,
            started_unix_us: 1_735_732_800_000_000,
            kernel: "6.18.0".to_owned(),
            alone: true,
            processors: 2,
            servers: servers.collect(),
        };
        Evidence {
            info,
            plan: self.plan,
            snapshot: None,
            events: self.events,
            topology: self.topology,
            replication: vec![],
            samples: vec![],
            history: crate::evidence::History::default(),
            elements: crate::evidence::ReadElements::default(),
            key_lists: crate::evidence::KeyLists::default(),
            heard: vec![],
        }
    }
}
