//! The idle connections of a load are open.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::ConditionKind;
use crate::observe::Observation;
use crate::step::Stage;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Instant, NodeName};

/// so many `idle` connections of a load are open, as far as its clients have noticed
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Connected {
    /// The load's name.
    pub load: String,
    /// How many, at least.
    pub count: u32,
}

impl Connected {
    pub(super) const EXAMPLE: &str = r#"Connected(load: "crowd", count: 5_000)"#;
}

impl fmt::Display for Connected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} idle connections of load `{}` are open", self.count, self.load)
    }
}

impl ConditionKind for Connected {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let Some(load) = checker.known_load(&self.load, at.field("load")) else { return };
        if load.idle == 0 {
            let message = format!("the load `{}` has no idle connections", self.load);
            let problem = Problem::new(at.field("load").head(), message);
            checker.report(problem.help("it would have to say how many: `idle: 5_000`"));
        } else if !(1..=load.idle).contains(&self.count) {
            let message = format!("the load `{}` has {} idle connections, not {}", self.load, load.idle, self.count);
            let problem = Problem::new(at.field("count").head(), message);
            checker.report(problem.help(format!("write a number from 1 to {}", load.idle)));
        }
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        checker.check_load_runs(&self.load, foreseen, at.field("load"));
    }

    /// Nothing that the observer sees says it.
    fn unmet(&self, _: &Observation) -> Option<String> {
        Some(format!("idle connections of load `{}` are missing", self.load))
    }

    fn wait<'a>(
        &'a self,
        stage: &'a mut Stage<'_>,
        since: Instant,
        within: std::time::Duration,
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        stage.loads.await_connected(&self.load, self.count, since, within).boxed_local()
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
