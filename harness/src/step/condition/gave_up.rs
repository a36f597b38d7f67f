//! The workers of a load have given up.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::ConditionKind;
use crate::load::LoadEnd;
use crate::observe::Observation;
use crate::step::Stage;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Instant, NodeName};

/// every worker of a load whose client `gives_up` has done so
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct GaveUp(pub String);

impl GaveUp {
    pub(super) const EXAMPLE: &str = r#"GaveUp("app")"#;
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "load `{}` has given up", self.0)
    }
}

impl ConditionKind for GaveUp {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let at = at.index(0);
        if checker.known_load(&self.0, at).is_some_and(|load| !load.gives_up) {
            let problem = Problem::new(at.head(), format!("the load `{}` never gives up", self.0));
            checker.report(problem.help("its client would have to say so: `client: (gives_up: true)`"));
        }
    }

    fn check_reachable(&self, checker: &mut Checker<'_>, foreseen: &Foreseen<'_>, at: Cursor<'_>) {
        checker.check_load_runs(&self.0, foreseen, at.index(0));
    }

    /// Nothing that the observer sees says it.
    fn unmet(&self, _: &Observation) -> Option<String> {
        Some(format!("load `{}` goes on", self.0))
    }

    fn wait<'a>(
        &'a self,
        stage: &'a mut Stage<'_>,
        _: Instant,
        within: std::time::Duration,
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        stage.loads.await_end(&self.0, LoadEnd::GaveUp, within).boxed_local()
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }
}
