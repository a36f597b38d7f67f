//! The facts of a scenario that semantic checks draw on, and the problems that they find.

use std::collections::{BTreeMap, BTreeSet};

use crate::text::{Cursor, Problem, Span, suggest};
use crate::vocab::{HostName, NodeName, Role, SystemAbility};

/// A node's place in the topology that a scenario starts with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedNode {
    /// Its name.
    pub name: NodeName,
    /// The host that it runs on.
    pub host: HostName,
    /// Its shard, counted from 0; none of a node that holds no data.
    pub shard: Option<usize>,
    /// The role it starts in.
    pub role: Role,
    /// The place of its system among those of the topology.
    pub system: usize,
}

/// What is known of the topology.
#[derive(Clone, Debug, Default)]
pub struct TopologyFacts<'a> {
    /// The nodes, in the order of the plan; empty when the topology is not certain.
    pub members: Vec<PlannedNode>,
    /// The systems: one, or several side by side.
    pub systems: Vec<SystemFacts<'a>>,
}

/// What is known of a system.
#[derive(Clone, Copy, Debug)]
pub struct SystemFacts<'a> {
    /// Where it is written.
    pub at: Cursor<'a>,
    /// What loads call it.
    pub name: &'static str,
    /// How many masters there are.
    pub masters: u16,
    /// How many replicas each master has.
    pub replicas: u16,
    /// How many sentinels watch them.
    pub sentinels: u16,
    /// What the system is called in sentences.
    pub noun: &'static str,
    /// What its nodes can do.
    pub abilities: &'static [SystemAbility],
}

impl SystemFacts<'_> {
    /// Whether its nodes can do something.
    pub fn can(&self, ability: SystemAbility) -> bool {
        self.abilities.contains(&ability)
    }
}

/// The fewest masters of which a majority is left when one dies.
const MASTERS_FOR_MAJORITY: u16 = 3;

/// Whom a word of the language is about.
#[derive(Clone, Copy, Debug)]
pub enum Meant<'a> {
    /// A node of this name.
    Node(&'a NodeName),
    /// What a load of this name drives.
    Load(&'a str),
    /// The nodes that faults are done to, as far as steps name them; any of the systems if not.
    Faults,
    /// Any of the systems.
    Any,
}

/// What is known of a load.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "what each says has nothing to do with the others")]
pub struct LoadFacts {
    /// Its name.
    pub name: String,
    /// The place of the system that it drives among those of the topology; none if it is not known which.
    pub system: Option<usize>,
    /// The host that its connections come from.
    pub host: HostName,
    /// The host that its subscribers' connections come from.
    pub subscribers_host: HostName,
    /// Whether it scans keys that it neither removes nor lets expire.
    pub looks_for_keys: bool,
    /// Whether it has subscribers.
    pub has_subscribers: bool,
    /// Whether it ends by itself, after a number of operations or when no key is left.
    pub is_limited: bool,
    /// Whether it reads values.
    pub reads: bool,
    /// Whether it is told what values or counters hold.
    pub reads_registers: bool,
    /// Whether it reads the elements of sets, hashes, lists or logs.
    pub reads_elements: bool,
    /// Whether it transfers amounts and reads balances.
    pub transfers: bool,
    /// Whether it writes values that expire.
    pub writes_what_expires: bool,
    /// Whether it writes several keys together.
    pub writes_groups: bool,
    /// Whether it takes locks.
    pub locks: bool,
    /// The mix entries a second of its highest stage; none if its rate does not go from stage to stage.
    pub stages_max: Option<u64>,
    /// Whether its workers do nothing more after an operation that is not ok.
    pub gives_up: bool,
    /// Whether a step begins it; else it begins with the timeline.
    pub waits: bool,
    /// Whether it writes.
    pub writes: bool,
    /// Whether it writes anything of which it can be told whether it is lost: not so of transfers.
    pub writes_what_may_be_lost: bool,
    /// How many idle connections it has.
    pub idle: u32,
    /// How many operations a second it asks for at most; none if for as many as it gets.
    pub per_second_max: Option<u64>,
}

/// What is known of a step.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "what each says has nothing to do with the others")]
pub struct StepFacts<'a> {
    /// Where it is written.
    pub at: Cursor<'a>,
    /// Whether it is a fault, and not the end of one.
    pub is_fault: bool,
    /// Whether it makes a replica a master.
    pub promotes: bool,
    /// Whether it may take a master away from the other masters, so that it is replaced.
    pub takes_away: bool,
    /// The nodes that it names.
    pub names: Vec<NodeName>,
    /// Whether it keeps nodes from hearing of each other.
    pub cuts: bool,
    /// The node that it cuts off from everybody, and the hosts that stay with it.
    pub isolates: Option<(NodeName, Vec<HostName>)>,
}

/// Which parts of the scenario are as written. About the others no conclusion is drawn: it might be a false one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "one for each section of the file")]
pub struct Sound {
    /// The topology.
    pub topology: bool,
    /// The servers.
    pub server: bool,
    /// The loads.
    pub load: bool,
    /// The timeline.
    pub timeline: bool,
    /// The SLOs.
    pub slos: bool,
}

/// Says why a scenario must not set a directive of a node, or of all if none is named, if it must not.
pub type Reserved = Box<dyn Fn(&str, Option<&NodeName>) -> Option<&'static str>>;

/// The semantic checks' common ground.
pub struct Checker<'a> {
    /// The file's outermost value.
    pub root: Cursor<'a>,
    /// The topology.
    pub topology: TopologyFacts<'a>,
    /// The loads.
    pub loads: Vec<LoadFacts>,
    /// The steps of the timeline.
    pub steps: Vec<StepFacts<'a>>,
    /// What is as written.
    pub sound: Sound,
    /// The directives that a system has for itself.
    pub(super) reserved: Reserved,
    /// Where the file is not as it was meant.
    broken: Vec<Span>,
    problems: Vec<Problem>,
}

impl<'a> Checker<'a> {
    /// A checker that has found nothing yet. `broken` is where the file is not as it was meant.
    pub fn new(
        root: Cursor<'a>,
        (topology, loads, steps): (TopologyFacts<'a>, Vec<LoadFacts>, Vec<StepFacts<'a>>),
        sound: Sound,
        reserved: Reserved,
        broken: Vec<Span>,
    ) -> Self {
        Self { root, topology, loads, steps, sound, reserved, broken, problems: Vec::new() }
    }

    /// Whether a value is as written, with all that is in it: what it lacks it was meant to lack.
    pub fn is_as_written(&self, at: Cursor<'_>) -> bool {
        let span = at.span();
        !self.broken.iter().any(|broken| broken.start < span.end && span.start < broken.end.max(broken.start + 1))
    }

    /// How many problems were reported so far.
    pub fn reported(&self) -> usize {
        self.problems.len()
    }

    /// Adds a problem.
    pub fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Everything that was reported.
    pub fn into_problems(self) -> Vec<Problem> {
        self.problems
    }

    /// The node of that name.
    pub fn member(&self, name: &NodeName) -> Option<&PlannedNode> {
        self.topology.members.iter().find(|member| member.name == *name)
    }

    /// Whether a node runs on a host.
    pub fn is_node(&self, host: &HostName) -> bool {
        self.topology.members.iter().any(|member| member.host == *host)
    }

    /// The hosts that nodes run on, in the order of the plan.
    pub fn node_hosts(&self) -> Vec<HostName> {
        let own = self.topology.members.iter().filter(|member| member.host.is(&member.name));
        own.map(|member| member.host.clone()).collect()
    }

    /// The nodes that run on the own host of this one, beside it.
    pub fn beside(&self, node: &NodeName) -> Vec<NodeName> {
        let beside = self.topology.members.iter().filter(|member| member.host.is(node) && member.name != *node);
        beside.map(|member| member.name.clone()).collect()
    }

    /// Whether any load writes; taken for granted when the loads are not as written.
    pub fn writes(&self) -> bool {
        !self.sound.load || self.loads.iter().any(|load| load.writes)
    }

    /// The client hosts: loads may share one, and may come from a node's.
    pub fn client_hosts(&self) -> BTreeSet<HostName> {
        let hosts = self.loads.iter().flat_map(|load| [load.host.clone(), load.subscribers_host.clone()]);
        hosts.filter(|host| !self.is_node(host)).collect()
    }

    /// The system of a node.
    pub fn system_of(&self, node: &NodeName) -> Option<SystemFacts<'a>> {
        self.systems_meant(Meant::Node(node)).first().copied()
    }

    /// The systems that a word is about: that of a node or a load, which is none if nobody knows that; any of them if it names
    /// neither.
    pub fn systems_meant(&self, of: Meant<'_>) -> Vec<SystemFacts<'a>> {
        let index = match of {
            Meant::Any => return self.topology.systems.clone(),
            Meant::Faults => return self.systems_of_faults(),
            Meant::Node(node) => self.member(node).map(|member| member.system),
            Meant::Load(load) => self.loads.iter().find(|known| known.name == load).and_then(|known| known.system),
        };
        match (&self.topology.systems[..], index) {
            ([only], _) => vec![*only],
            (systems, index) => index.and_then(|index| systems.get(index)).copied().into_iter().collect(),
        }
    }

    fn systems_of_faults(&self) -> Vec<SystemFacts<'a>> {
        let system = |name: &NodeName| self.member(name).map(|member| member.system);
        let faults = self.steps.iter().filter(|step| step.takes_away);
        let named: Vec<BTreeSet<_>> = faults.map(|step| step.names.iter().filter_map(system).collect()).collect();
        let all = named.is_empty() || named.iter().any(BTreeSet::is_empty);
        let is_meant = |index: &usize| all || named.iter().any(|systems| systems.contains(index));
        let systems = self.topology.systems.iter().enumerate().filter(|(index, _)| is_meant(index));
        systems.map(|(_, system)| *system).collect()
    }

    /// Reports a word that rests on what the nodes of none of the systems can do that it is about.
    pub fn needs(&mut self, ability: SystemAbility, of: Meant<'_>, word: &str, at: Cursor<'_>) {
        let systems = self.systems_meant(of);
        let Some(first) = systems.first().filter(|_| self.sound.topology) else { return };
        if systems.iter().any(|system| system.can(ability)) {
            return;
        }
        let message = format!("`{word}` means nothing here: {}", ability.lack());
        let problem = Problem::new(at.head(), message);
        let nouns: Vec<_> = systems.iter().map(|system| format!("a {}", system.noun)).collect();
        let place = if systems.len() > 1 { self.root.field("topology") } else { first.at };
        self.report(problem.also(place.head(), nouns.join(" and ")));
    }

    /// Reports two nodes of different systems, of which one cannot follow the other.
    pub fn check_same_system(&mut self, node: &NodeName, of: &NodeName, at: Cursor<'_>) {
        let (Some(one), Some(other)) = (self.member(node), self.member(of)) else { return };
        if one.system != other.system {
            let [one, other] = [one.system, other.system].map(|index| self.topology.systems[index]);
            let message = format!("`{node}` cannot follow `{of}`: they are nodes of different systems");
            let problem =
                Problem::new(at.head(), message).also(one.at.head(), format!("`{node}` is of this {}", one.noun));
            self.report(problem.also(other.at.head(), format!("`{of}` is of this {}", other.noun)));
        }
    }

    /// Reports a name that no node has.
    pub fn known(&mut self, name: &NodeName, at: Cursor<'_>) {
        if !self.sound.topology || self.member(name).is_some() {
            return;
        }
        let members = self.topology.members.iter();
        let help = suggest(name.as_str(), "nodes", members.map(|member| member.name.as_str()));
        let message = if self.sound.load && self.loads.iter().any(|load| load.host.is(name)) {
            format!("`{name}` is a client host, and this is about nodes")
        } else {
            format!("unknown node `{name}`")
        };
        let problem = Problem::new(at.head(), message);
        self.report(help.into_iter().fold(problem, Problem::help));
    }

    /// Reports the name of a node that runs on the host of another one, where a host is meant; whether it is one.
    pub fn check_own_host(&mut self, node: &NodeName, at: Cursor<'_>) -> bool {
        let Some(PlannedNode { host, system, .. }) = self.member(node).filter(|member| !member.host.is(node)) else {
            return false;
        };
        let message = format!("`{node}` has no host of its own: it runs on that of `{host}`");
        let reason = self.topology.systems[*system].at.field("placement").head();
        let problem = Problem::new(at.head(), message).also(reason, "the reason");
        self.report(problem.help(format!("name `{host}`, which means all that runs there")));
        true
    }

    /// Reports a name that no host has.
    pub fn known_host(&mut self, host: &HostName, at: Cursor<'_>) {
        if !self.sound.topology || !self.sound.load || self.is_node(host) {
            return;
        }
        let clients = self.client_hosts();
        if clients.contains(host) || self.check_own_host(&NodeName::from(host.as_str()), at) {
            return;
        }
        if let Some(load) = self.loads.iter().find(|load| load.name == host.as_str()) {
            let problem = Problem::new(at.head(), format!("`{host}` is a load, and no host has that name"));
            let help = format!("its connections come from `{}`: name that host", load.host);
            return self.report(problem.help(help));
        }
        let nodes = self.node_hosts();
        let help = suggest(host.as_str(), "hosts", nodes.iter().chain(&clients).map(HostName::as_str));
        let message =
            format!("unknown host `{}`: it is no node, and no load comes from it", host.as_str().escape_debug());
        self.report(help.into_iter().fold(Problem::new(at.head(), message), Problem::help));
    }

    /// Reports hosts that are unknown or named twice; there must be at least one.
    pub fn check_hosts(&mut self, hosts: &[HostName], at: Cursor<'_>) {
        if hosts.is_empty() && at.is_exact() {
            self.report(Problem::new(at.head(), "no host is named here"));
        }
        for index in 0..hosts.len() {
            self.check_host_at(hosts, index, at);
        }
    }

    /// Reports one of several hosts if it is unknown or named before.
    pub fn check_host_at(&mut self, hosts: &[HostName], index: usize, at: Cursor<'_>) {
        let host = &hosts[index];
        if let Some(first) = hosts[..index].iter().position(|other| other == host) {
            let problem = Problem::new(at.index(index).head(), format!("`{host}` is named twice here"));
            self.report(problem.also(at.index(first).head(), "the first"));
        } else {
            self.known_host(host, at.index(index));
        }
    }

    /// Reports a name that cannot be read in a line of text.
    pub fn check_label(&mut self, name: &str, at: Cursor<'_>) {
        if name.trim().is_empty() || name.chars().any(char::is_control) {
            let problem = Problem::new(at.head(), format!("`{}` is not a name", name.escape_debug()));
            self.report(problem.help("a name has at least one letter and stands on one line"));
        }
    }

    /// Reports keys that stand in a map twice: the first would be ignored without a word.
    pub fn check_keys(&mut self, at: Cursor<'_>) {
        let mut seen = BTreeMap::new();
        for (key, span) in at.keys() {
            if let Some(first) = seen.get(&key).cloned() {
                let problem = Problem::new(span, format!("`{}` stands here twice", key.escape_debug()));
                self.report(problem.also(first, "the first"));
            } else {
                seen.insert(key, span);
            }
        }
    }

    /// Why no replica of the systems that are meant can ever take over, and where that stands: that of the first, if none can in any.
    pub fn no_failover(&self, of: Meant<'_>) -> Option<(String, Span)> {
        let systems = self.systems_meant(of);
        let reasons: Option<Vec<_>> = systems.iter().map(|system| self.no_failover_of(system)).collect();
        reasons.filter(|_| self.sound.topology)?.into_iter().next()
    }

    fn no_failover_of(&self, system: &SystemFacts<'_>) -> Option<(String, Span)> {
        let SystemFacts { masters, replicas, sentinels, at, .. } = *system;
        let by_hand = self.steps.iter().any(|step| step.promotes);
        if by_hand && !system.can(SystemAbility::Elections) {
            None
        } else if replicas == 0 {
            Some(("no master has a replica that could take over".to_owned(), at.field("replicas").head()))
        } else if !system.can(SystemAbility::Elections) {
            let why = "no replica takes over by itself: that takes a `Promote`";
            Some((why.to_owned(), at.head()))
        } else if sentinels == 0 && masters < MASTERS_FOR_MAJORITY {
            let count = if masters == 1 { "a single master".to_owned() } else { format!("{masters} masters") };
            let why = format!("of {count} no majority is left to elect a replica when one dies");
            Some((why, at.field("masters").head()))
        } else {
            None
        }
    }
}
