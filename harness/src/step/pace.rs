//! A load goes on at another pace.

use std::fmt;

use documented::Documented;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::load::LoadPace;
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// a load on a schedule goes on at another pace, which begins here
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Pace {
    /// The load.
    pub load: String,
    /// Its pace from here on.
    pub to: LoadPace,
}

impl Pace {
    pub(super) const EXAMPLE: &str = r#"Pace(load: "app", to: Open(per_second: 5000))"#;
}

impl fmt::Display for Pace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pace load {}: {}", self.load, self.to)
    }
}

impl StepKind for Pace {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let (load, to) = (at.field("load"), at.field("to"));
        if self.to.is_closed() {
            let problem = Problem::new(to.head(), "a load on a schedule cannot become a closed loop");
            checker.report(problem.help("write another load that is `Closed`, and begin it with `StartLoad`"));
        }
        if self.to.ends() {
            let problem =
                Problem::new(to.head(), "a load cannot go on at a pace that ends: such a pace is a load's own");
            checker.report(problem.help("write another load with this pace, and begin it with `StartLoad`"));
        }
        self.to.kind().problems(to).into_iter().for_each(|problem| checker.report(problem));
        if checker.known_load(&self.load, load).is_some_and(|known| known.per_second_max.is_none()) {
            let message = format!("the load `{}` is a closed loop, which has no schedule to change", self.load);
            let problem = Problem::new(load.head(), message);
            checker.report(problem.help("give it a `pace` other than `Closed`"));
        }
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        checker.check_load_runs(&self.load, foreseen, at.field("load"));
    }

    fn acts(&self) -> bool {
        false
    }

    fn paces(&self) -> Option<(&str, &LoadPace)> {
        Some((&self.load, &self.to))
    }

    fn heading(&self) -> String {
        format!("Pace load {}", self.load)
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, _: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        Box::pin(async {
            if let Some(arrivals) = self.to.arrivals() {
                stage.loads.change_pace(&self.load, arrivals).await?;
            }
            Ok(StepEnd::Done)
        })
    }
}
