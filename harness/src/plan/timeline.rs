//! What is wrong with the timeline: names and bounds, and steps that cannot be done where they stand.

use crate::evidence::{FaultKind, NodeStatus};
use crate::fault;
use crate::scenario::{Cursor, Problem, Span, Step};
use crate::vocab::{Duration, NodeName, Selector, Target};

use super::checker::Checker;
use super::life::{Lives, fault_of, words};

/// The most steps of a timeline. What is known of the cluster is followed through all of them, more than once.
const STEPS_MAX: usize = 500_000;
/// The fewest masters of which some are a minority.
const MINORITY_MASTERS_MIN: u16 = 3;

impl Checker<'_> {
    /// Every step, and every step in the light of those before it.
    pub(super) fn check_timeline(&mut self) {
        let scenario = self.scenario;
        let timeline = self.root.field("timeline");
        if scenario.timeline.is_empty() && self.sound.timeline {
            let problem = Problem::new(timeline.head(), "the timeline is empty: nothing would happen");
            self.report(problem.help("let the load run at least: `timeline: [Run(for: \"2s\")]`"));
        }
        if scenario.timeline.len() > STEPS_MAX {
            let message = format!("{} steps are too many", scenario.timeline.len());
            self.report(
                Problem::new(timeline.head(), message).help(format!("a timeline has at most {STEPS_MAX} steps")),
            );
            return;
        }
        let mut lives = Lives::new(self.members.iter().map(|member| &member.name));
        for (index, step) in scenario.timeline.iter().enumerate() {
            let at = timeline.index(index);
            self.check_step(step, at);
            // What follows from earlier steps is certain only when all of them are as written.
            if self.sound.topology && self.sound.timeline {
                self.follow(&mut lives, index, step, at);
            }
        }
    }

    /// What can be said of a step by itself.
    fn check_step(&mut self, step: &Step, at: Cursor<'_>) {
        if let Some((action, target)) = fault_of(step) {
            self.check_target(action, target, at);
        }
        self.check_network(step, at);
        match step {
            Step::Run { r#for } if *r#for == Duration::default() => {
                self.report(Problem::new(at.field("for").head(), "running for no time does nothing"));
            }
            Step::Join { node, replica_of } => {
                self.known(node, at.field("node"));
                self.known(replica_of, at.field("replica_of"));
                if node == replica_of {
                    self.report(Problem::new(at.field("replica_of").head(), "a node cannot replicate itself"));
                }
            }
            Step::Until { condition, within } => {
                if *within == Duration::default() {
                    let problem = Problem::new(at.field("within").head(), "no condition can be met in no time");
                    self.report(problem.help("write the longest it may take, such as `within: \"5s\"`"));
                }
                self.check_condition(condition, at.field("condition"));
            }
            _ => {}
        }
    }

    fn check_target(&mut self, action: FaultKind, target: &Target, at: Cursor<'_>) {
        self.check_chosen(words(action).0, target, "RandomMaster", at);
        if let (None, Some(selector)) = (&target.node, &target.select) {
            self.check_selector(action, selector, at.field("select"));
        }
    }

    /// That a node is named or chosen, and not both. `example` is a selector that could be written.
    pub(super) fn check_chosen(&mut self, name: &str, target: &Target, example: &str, at: Cursor<'_>) {
        if let Some(node) = &target.node {
            self.known(node, at.field("node"));
        }
        match (&target.node, &target.select) {
            (Some(_), Some(_)) => {
                let problem =
                    Problem::new(at.field("select").head(), format!("`{name}` takes `node` or `select`, not both"));
                self.report(problem.also(at.field("node").head(), "the other one"));
            }
            (None, None) if self.is_as_written(at) => {
                let problem = Problem::new(at.head(), format!("`{name}` does not say which node"));
                self.report(problem.help(format!("write `node: \"A\"`, or `select: {example}` to have one chosen")));
            }
            _ => {}
        }
    }

    /// A selector that can only choose nodes in the wrong state.
    fn check_selector(&mut self, action: FaultKind, selector: &Selector, at: Cursor<'_>) {
        let Some(chooses) = chooses(selector) else { return };
        if fault::requires(action).contains(&chooses) {
            return;
        }
        let (name, ..) = words(action);
        let message =
            format!("`{name}` needs {}, and this chooses {}", nodes_in(fault::requires(action)), nodes_in(&[chooses]));
        let problem = Problem::new(at.head(), message);
        self.report(match action {
            FaultKind::Resume => problem.help("write `select: Paused`"),
            FaultKind::Start | FaultKind::Wipe => problem.help("write `select: Down`"),
            _ => problem,
        });
    }

    /// What can be said of a step after those before it.
    fn follow(&mut self, lives: &mut Lives, index: usize, step: &Step, at: Cursor<'_>) {
        if let Some((action, target)) = fault_of(step) {
            match (&target.node, &target.select) {
                (Some(node), None) if self.member(node).is_some() => {
                    self.check_act(lives, action, node, at.field("node"));
                    lives.act(index, action, node);
                }
                (None, Some(selector)) => {
                    self.check_selected(lives, action, selector, at.field("select"));
                    lives.act_on_selected(index, action, selector);
                }
                // Nobody knows which node was meant.
                _ => lives.forget(),
            }
        }
        self.follow_network(lives, index, step, at);
        match step {
            Step::Join { node, replica_of } => {
                self.check_join(lives, node, replica_of, at);
                let shard = |name| self.member(name).map(|member| member.shard);
                lives.joined |= shard(node) != shard(replica_of);
                if let Some(state) = lives.nodes.get_mut(node) {
                    state.stranger = Some(false);
                }
            }
            Step::Until { condition, .. } => self.check_reachable(lives, condition, at.field("condition")),
            _ => {}
        }
    }

    fn check_act(&mut self, lives: &Lives, action: FaultKind, node: &NodeName, at: Cursor<'_>) {
        let Some(life) = lives.life(node) else { return };
        if fault::requires(action).contains(&life) {
            return;
        }
        let (name, verb, _) = words(action);
        let mut problem = Problem::new(at.head(), format!("cannot {verb} `{node}`: it {}", self.history(lives, node)))
            .label(format!("`{name}` needs {}", node_in(fault::requires(action))));
        if let Some((span, text)) = self.cause(lives, node) {
            problem = problem.also(span, text);
        }
        self.report(match (action, life) {
            (FaultKind::Resume, NodeStatus::Down) => problem.help("`Start` starts a node that is down"),
            (FaultKind::Start, NodeStatus::Paused) => problem.help("`Resume` lets a paused node go on"),
            (FaultKind::Wipe, _) => problem.help("`Kill` or `Stop` it first"),
            (FaultKind::Stop, NodeStatus::Paused) => {
                problem.help("a paused process would obey only when it goes on: `Resume` it first, or `Kill` it")
            }
            _ => problem,
        });
    }

    fn check_selected(&mut self, lives: &Lives, action: FaultKind, selector: &Selector, at: Cursor<'_>) {
        // A selector of the wrong kind has been reported.
        if chooses(selector).is_none_or(|life| fault::requires(action).contains(&life)) {
            self.check_anybody_chosen(lives, selector, at);
        }
    }

    /// A selector that certainly chooses nothing.
    pub(super) fn check_anybody_chosen(&mut self, lives: &Lives, selector: &Selector, at: Cursor<'_>) {
        let topology = self.root.field("topology");
        let (masters, replicas) = self.shape();
        match selector {
            Selector::Down | Selector::Paused => {
                let life = chooses(selector).filter(|life| lives.none_is(*life)).map(word);
                if let Some(life) = life {
                    self.report(Problem::new(at.head(), format!("no node is {life} here: this chooses nothing")));
                }
            }
            Selector::Replicas | Selector::RandomReplica | Selector::ReplicasOf { .. }
                if replicas == 0 && !lives.joined =>
            {
                let problem = Problem::new(at.head(), "no master has a replica: this chooses nothing");
                self.report(problem.also(topology.field("replicas").head(), "the reason"));
            }
            Selector::MinorityOfMasters if masters < MINORITY_MASTERS_MIN => {
                let of = if masters == 1 { "a single master".to_owned() } else { format!("{masters} masters") };
                let problem = Problem::new(at.head(), format!("of {of} none is a minority: this chooses nothing"));
                let problem = problem.also(topology.field("masters").head(), "the reason");
                self.report(problem.help("name a node: `node: \"A\"`"));
            }
            _ => {}
        }
    }

    fn check_join(&mut self, lives: &Lives, node: &NodeName, replica_of: &NodeName, at: Cursor<'_>) {
        for (name, place) in [(node, at.field("node")), (replica_of, at.field("replica_of"))] {
            if lives.life(name).is_some_and(|life| life != NodeStatus::Running) {
                let history = self.history(lives, name);
                let mut problem =
                    Problem::new(place.head(), format!("`Join` needs `{name}` running, but it {history}"));
                if let Some((span, text)) = self.cause(lives, name) {
                    problem = problem.also(span, text);
                }
                self.report(problem);
            }
        }
        let stranger = |name: &NodeName| lives.nodes.get(name).and_then(|state| state.stranger);
        if stranger(node) == Some(false) {
            let message = format!("`{node}` is in the cluster already");
            let problem = Problem::new(at.field("node").head(), message);
            self.report(problem.help("only a node that was wiped has to join: `Kill`, `Wipe`, `Start`, `Join`"));
        }
        if node != replica_of && stranger(replica_of) == Some(true) {
            let message = format!("`{replica_of}` was wiped and is not in the cluster itself");
            self.report(Problem::new(at.field("replica_of").head(), message));
        }
    }

    /// What happened to a node: `was killed at line 12`.
    pub(super) fn history(&self, lives: &Lives, node: &NodeName) -> String {
        match lives.nodes.get(node).and_then(|state| state.since) {
            Some((step, action)) => {
                let line = self.root.field("timeline").index(step).line();
                format!("was {} at line {line}", words(action).2)
            }
            None => "has been running since the cluster was formed".to_owned(),
        }
    }

    /// The step that put a node into its state.
    pub(super) fn cause(&self, lives: &Lives, node: &NodeName) -> Option<(Span, String)> {
        let (step, action) = lives.nodes.get(node)?.since?;
        Some((self.root.field("timeline").index(step).head(), format!("{} here", words(action).2)))
    }
}

/// The state of the nodes that a selector chooses; none if it does not mind.
fn chooses(selector: &Selector) -> Option<NodeStatus> {
    match selector {
        Selector::Down => Some(NodeStatus::Down),
        Selector::Paused => Some(NodeStatus::Paused),
        Selector::Masters | Selector::Replicas | Selector::RandomMaster | Selector::RandomReplica => {
            Some(NodeStatus::Running)
        }
        Selector::MasterOf { .. }
        | Selector::ReplicasOf { .. }
        | Selector::MajorityOfMasters
        | Selector::MinorityOfMasters => None,
    }
}

fn word(life: NodeStatus) -> &'static str {
    match life {
        NodeStatus::Running => "running",
        NodeStatus::Paused => "paused",
        NodeStatus::Down => "down",
    }
}

fn node_in(lives: &[NodeStatus]) -> String {
    let words: Vec<_> = lives.iter().map(|&life| word(life)).collect();
    format!("a node that is {}", words.join(" or "))
}

fn nodes_in(lives: &[NodeStatus]) -> String {
    let words: Vec<_> = lives.iter().map(|&life| word(life)).collect();
    format!("nodes that are {}", words.join(" or "))
}
