//! What a step acts on: a node by name, or nodes chosen when the step begins.

use std::fmt;

use serde::Deserialize;

use super::selector::Selector;
use crate::evidence::NodeStatus;
use crate::text::{Cursor, Problem};
use crate::validate::{Action, Checker, Foreseen, nodes_in};
use crate::vocab::NodeName;

/// What a step acts on. Exactly one of the two fields is written: `node: "A"` or `select: MasterOf(slot: 0)`.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen from the topology when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.node, &self.select) {
            (Some(node), _) => node.fmt(f),
            (None, Some(selector)) => selector.fmt(f),
            (None, None) => f.write_str("nothing"),
        }
    }
}

impl Target {
    /// Whether its nodes follow from the topology, and not from the status of processes alone.
    pub(super) fn asks_topology(&self) -> bool {
        self.node.is_none() && self.select.as_ref().is_some_and(|selector| selector.kind().by_status().is_none())
    }

    /// That a node is named or chosen, and not both. `name` takes it, and `example` is a selector that could be written.
    pub(super) fn check_written(&self, checker: &mut Checker<'_>, name: &str, example: &str, at: Cursor<'_>) {
        if let Some(node) = &self.node {
            checker.known(node, at.field("node"));
        }
        match (&self.node, &self.select) {
            (Some(_), Some(_)) => {
                let problem =
                    Problem::new(at.field("select").head(), format!("`{name}` takes `node` or `select`, not both"));
                checker.report(problem.also(at.field("node").head(), "the other one"));
            }
            (None, None) if checker.is_as_written(at) => {
                let problem = Problem::new(at.head(), format!("`{name}` does not say which node"));
                checker.report(problem.help(format!("write `node: \"A\"`, or `select: {example}` to have one chosen")));
            }
            _ => {}
        }
    }

    /// Also that its selector does not mean nodes of the wrong status only.
    pub(super) fn check(&self, checker: &mut Checker<'_>, action: Action, at: Cursor<'_>) {
        self.check_written(checker, action.name, "RandomMaster", at);
        let (None, Some(selector)) = (&self.node, &self.select) else { return };
        let Some(means) = selector.kind().means().filter(|means| !action.requires.contains(means)) else { return };
        let (needs, gets) = (nodes_in(action.requires), nodes_in(&[means]));
        let message = format!("`{}` needs {needs}, and this chooses {gets}", action.name);
        let problem = Problem::new(at.field("select").head(), message);
        checker.report(match action.requires {
            [NodeStatus::Paused] => problem.help("write `select: Paused`"),
            [NodeStatus::Down] => problem.help("write `select: Down`"),
            _ => problem,
        });
    }

    /// Notes what a step does to it after the steps before it; reports it if that cannot be done.
    pub(super) fn follow<'a>(
        &self,
        checker: &mut Checker<'a>,
        foreseen: &mut Foreseen<'a>,
        action: Action,
        at: Cursor<'a>,
    ) {
        match (&self.node, &self.select) {
            (Some(node), None) if checker.member(node).is_some() => {
                checker.check_status(foreseen, action, node, at.field("node"));
                foreseen.act(at, action, node);
            }
            (None, Some(selector)) => {
                let selector = selector.kind();
                // A selector of nodes of the wrong status has been reported.
                if selector.means().is_none_or(|status| action.requires.contains(&status)) {
                    selector.check_anybody(checker, foreseen, at.field("select"));
                }
                foreseen.act_on_selected(at, action, selector.by_status());
            }
            // Nobody knows which node was meant.
            _ => foreseen.forget(),
        }
    }
}
