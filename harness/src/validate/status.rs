//! The status of the nodes that a step means.

use super::checker::Checker;
use super::foreseen::{Action, Foreseen};
use crate::evidence::NodeStatus;
use crate::text::{Cursor, Problem};
use crate::vocab::NodeName;

impl Checker<'_> {
    /// That a node has a status in which this can be done to it.
    pub fn check_status(&mut self, foreseen: &Foreseen<'_>, action: Action, node: &NodeName, at: Cursor<'_>) {
        let Some(status) = foreseen.status(node).filter(|status| !action.requires.contains(status)) else { return };
        let message = format!("cannot {} `{node}`: it {}", action.verb.present, self.history(foreseen, node));
        let problem =
            Problem::new(at.head(), message).label(format!("`{}` needs {}", action.name, node_in(action.requires)));
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
}

/// A status in a word.
pub fn status_word(status: NodeStatus) -> &'static str {
    match status {
        NodeStatus::Running => "running",
        NodeStatus::Paused => "paused",
        NodeStatus::Down => "down",
    }
}

fn node_in(statuses: &[NodeStatus]) -> String {
    let words: Vec<_> = statuses.iter().map(|&status| status_word(status)).collect();
    format!("a node that is {}", words.join(" or "))
}

/// Nodes of these statuses, in words.
pub fn nodes_in(statuses: &[NodeStatus]) -> String {
    let words: Vec<_> = statuses.iter().map(|&status| status_word(status)).collect();
    format!("nodes that are {}", words.join(" or "))
}
