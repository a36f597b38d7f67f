//! Partitions, cuts of ports and shapes end.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Healing, Stage, StepKind, disturb};
use crate::text::{Cursor, Problem, suggest};
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// ends all partitions, cuts of ports and shapes; `Heal(name: "west")` ends the one of that name
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Heal {
    /// Which one; all if not said.
    #[serde(default)]
    pub name: Option<String>,
}

impl Heal {
    pub(super) const EXAMPLE: &str = "Heal()";
}

impl fmt::Display for Heal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            None => f.write_str("Heal all links"),
            Some(name) => write!(f, "Heal `{name}`"),
        }
    }
}

impl StepKind for Heal {
    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        let name = self.name.as_deref();
        let healed: Vec<_> =
            foreseen.disturbances.extract_if(.., |(active, _)| name.is_none_or(|name| name == active)).collect();
        if healed.is_empty() {
            let problem = match name {
                None => Problem::new(at.head(), "there is nothing to heal here: no link is cut or shaped"),
                Some(name) => unknown(foreseen, name, at.field("name")),
            };
            checker.report(problem);
        }
        foreseen.healed.extend(healed.into_iter().map(|(name, _)| (name, at)));
    }

    fn healing(&self) -> Option<Healing<'_>> {
        Some(self.name.as_deref().map_or(Healing::All, Healing::Named))
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        let healing = disturb::heal(stage.servers.provider(), stage.journal, Some(index), self.name.as_deref());
        healing.map(|healed| healed.map(|()| StepEnd::Done)).boxed_local()
    }
}

fn unknown(foreseen: &Foreseen<'_>, name: &str, at: Cursor<'_>) -> Problem {
    let problem = Problem::new(at.head(), format!("there is no `{name}` to heal here"));
    if let Some((_, step)) = foreseen.healed.iter().rev().find(|(healed, _)| healed == name) {
        return problem.also(step.head(), "healed here already");
    }
    let active = foreseen.disturbances.iter().map(|(active, _)| active.as_str());
    match suggest(name, "in force", active) {
        help if help.is_empty() => problem.label("no link is cut or shaped"),
        help => help.into_iter().fold(problem, Problem::help),
    }
}
