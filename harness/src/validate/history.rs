//! What is said of a node's past where a step or a condition cannot have it as it is.

use super::checker::Checker;
use super::foreseen::Foreseen;
use crate::evidence::NodeStatus;
use crate::text::{Cursor, Problem, Span};
use crate::vocab::NodeName;

impl Checker<'_> {
    /// What happened to a node: `was killed at line 12`.
    pub fn history(&self, foreseen: &Foreseen<'_>, node: &NodeName) -> String {
        match foreseen.nodes.get(node).and_then(|state| state.since) {
            Some((step, verb)) => format!("was {} at line {}", verb.past, step.line()),
            None => "has been running since the cluster was formed".to_owned(),
        }
    }

    /// The problem, with the step that put a node into its state.
    #[must_use]
    pub fn with_cause(&self, problem: Problem, foreseen: &Foreseen<'_>, node: &NodeName) -> Problem {
        match cause(foreseen, node) {
            Some((span, text)) => problem.also(span, text),
            None => problem,
        }
    }

    /// Reports a node that must answer and certainly does not, or that is certainly in no cluster. Whether it did.
    pub fn check_present(&mut self, foreseen: &Foreseen<'_>, node: &NodeName, what: &str, at: Cursor<'_>) -> bool {
        if matches!(foreseen.status(node), Some(NodeStatus::Down | NodeStatus::Paused)) {
            self.report_absent(foreseen, node, what, at);
            return true;
        }
        let is_gone = foreseen.is_member(node) == Some(false);
        if is_gone {
            let problem = Problem::new(at.head(), format!("`{node}` cannot {what}: it was wiped and is in no cluster"));
            self.report(problem.help(format!("introduce it first: `Join(node: \"{node}\", replica_of: ...)`")));
        }
        is_gone
    }

    /// Reports that a node cannot do something in its state.
    pub fn report_absent(&mut self, foreseen: &Foreseen<'_>, node: &NodeName, what: &str, at: Cursor<'_>) {
        let message = format!("`{node}` cannot {what}: it {}", self.history(foreseen, node));
        let problem = self.with_cause(Problem::new(at.head(), message), foreseen, node);
        self.report(problem);
    }

    /// Whether a replica may have moved to another shard of a node's system by itself: a master whose replicas are gone is given one by the master
    /// that has most of them, if it keeps one. (Redis 7.0 `cluster.c`: `clusterHandleSlaveMigration`.)
    pub fn may_migrate(&self, foreseen: &Foreseen<'_>, node: &NodeName) -> bool {
        self.system_of(node).is_some_and(|system| system.replicas >= 2) && !foreseen.is_untouched()
    }
}

fn cause(foreseen: &Foreseen<'_>, node: &NodeName) -> Option<(Span, String)> {
    let (step, verb) = foreseen.nodes.get(node)?.since?;
    Some((step.head(), format!("{} here", verb.past)))
}
