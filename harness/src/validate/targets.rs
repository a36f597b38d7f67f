//! What is wrong with the nodes that a step means.

use super::checker::{Checker, TopologyFacts};
use super::foreseen::{Action, Foreseen, chooses};
use crate::evidence::NodeStatus;
use crate::text::{Cursor, Problem};
use crate::vocab::{NodeName, Selector, Target};

/// The fewest masters of which some are a minority.
const MINORITY_MASTERS_MIN: u16 = 3;

impl<'a> Checker<'a> {
    /// That a node is named or chosen, and not both. `example` is a selector that could be written.
    pub fn check_chosen(&mut self, name: &str, target: &Target, example: &str, at: Cursor<'_>) {
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

    /// A target whose selector can only choose nodes in the wrong state.
    pub fn check_target(&mut self, action: Action, target: &Target, at: Cursor<'_>) {
        self.check_chosen(action.verb.name, target, "RandomMaster", at);
        let (None, Some(selector)) = (&target.node, &target.select) else { return };
        let Some(chooses) = chooses(selector).filter(|chooses| !action.requires.contains(chooses)) else { return };
        let (needs, gets) = (nodes_in(action.requires), nodes_in(&[chooses]));
        let message = format!("`{}` needs {needs}, and this chooses {gets}", action.verb.name);
        let problem = Problem::new(at.field("select").head(), message);
        self.report(match action.requires {
            [NodeStatus::Paused] => problem.help("write `select: Paused`"),
            [NodeStatus::Down] => problem.help("write `select: Down`"),
            _ => problem,
        });
    }

    /// What a step does to its target after the steps before it; reported if it cannot be done.
    pub fn follow_target(&mut self, foreseen: &mut Foreseen<'a>, action: Action, target: &Target, at: Cursor<'a>) {
        match (&target.node, &target.select) {
            (Some(node), None) if self.member(node).is_some() => {
                self.check_status(foreseen, action, node, at.field("node"));
                foreseen.act(at, action, node);
            }
            (None, Some(selector)) => {
                // A selector that chooses nodes in the wrong state has been reported.
                if chooses(selector).is_none_or(|status| action.requires.contains(&status)) {
                    self.check_anybody_chosen(foreseen, selector, at.field("select"));
                }
                foreseen.act_on_selected(at, action, selector);
            }
            // Nobody knows which node was meant.
            _ => foreseen.forget(),
        }
    }

    fn check_status(&mut self, foreseen: &Foreseen<'_>, action: Action, node: &NodeName, at: Cursor<'_>) {
        let Some(status) = foreseen.status(node).filter(|status| !action.requires.contains(status)) else { return };
        let verb = action.verb;
        let message = format!("cannot {} `{node}`: it {}", verb.present, self.history(foreseen, node));
        let problem =
            Problem::new(at.head(), message).label(format!("`{}` needs {}", verb.name, node_in(action.requires)));
        let problem = self.with_cause(problem, foreseen, node);
        self.report(match (action.requires, status) {
            ([NodeStatus::Paused], NodeStatus::Down) => problem.help("`Start` starts a node that is down"),
            ([NodeStatus::Down], _) if action.effect.process.is_none() => problem.help("`Kill` or `Stop` it first"),
            ([NodeStatus::Down], NodeStatus::Paused) => problem.help("`Resume` lets a paused node go on"),
            ([NodeStatus::Running], NodeStatus::Paused) if action.effect.process == Some(NodeStatus::Down) => {
                problem.help("a paused process would obey only when it goes on: `Resume` it first, or `Kill` it")
            }
            _ => problem,
        });
    }

    /// Reports a selector that certainly chooses nothing.
    pub fn check_anybody_chosen(&mut self, foreseen: &Foreseen<'_>, selector: &Selector, at: Cursor<'_>) {
        let topology = self.root.field("topology");
        let TopologyFacts { masters, replicas, .. } = self.topology;
        match selector {
            Selector::Down | Selector::Paused => {
                if let Some(status) = chooses(selector).filter(|status| foreseen.none_is(*status)) {
                    let message = format!("no node is {} here: this chooses nothing", word(status));
                    self.report(Problem::new(at.head(), message));
                }
            }
            Selector::Replicas | Selector::RandomReplica | Selector::ReplicasOf { .. }
                if replicas == 0 && !foreseen.moved =>
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
}

fn word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Running => "running",
        NodeStatus::Paused => "paused",
        NodeStatus::Down => "down",
    }
}

fn node_in(statuses: &[NodeStatus]) -> String {
    let words: Vec<_> = statuses.iter().map(|&status| word(status)).collect();
    format!("a node that is {}", words.join(" or "))
}

fn nodes_in(statuses: &[NodeStatus]) -> String {
    let words: Vec<_> = statuses.iter().map(|&status| word(status)).collect();
    format!("nodes that are {}", words.join(" or "))
}
