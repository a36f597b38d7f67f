//! Links are cut.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::links::Links;
use super::{LinkDisturbance, Stage, StepKind, disturb};

use crate::network::Treatment;
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::{CutBy, NodeName};

/// cuts links: nothing passes them; `by: Drop` (packets vanish) if not said, or `by: Reject`
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Which links.
    pub links: Links,
    /// What becomes of the packets.
    #[serde(default)]
    pub by: CutBy,
    /// The name by which `Heal` can end it.
    #[serde(default)]
    pub name: Option<String>,
}

impl Partition {
    pub(super) const EXAMPLE: &str = r#"Partition(links: Isolate(node: "A"))"#;
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Partition {} ({})", self.links, self.by)
    }
}

impl StepKind for Partition {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        disturb::check(checker, &self.links, self.name.as_deref(), at);
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        disturb::follow(checker, foreseen, self.disturbance(), at);
    }

    fn disturbance(&self) -> Option<LinkDisturbance<'_>> {
        let name = self.name.as_ref();
        Some(LinkDisturbance { noun: "partition", name, links: &self.links, cuts: true, port: None })
    }

    fn heading(&self) -> String {
        format!("Partition {}", self.links)
    }

    fn names(&self) -> Vec<NodeName> {
        self.links.names()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        disturb::begin(stage, index, &self.links, Treatment::Cut(self.by)).boxed_local()
    }
}
