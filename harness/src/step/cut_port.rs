//! One port of links is cut.

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
use crate::validate::{Checker, Foreseen, Meant};
use crate::vocab::{NodeName, ServerPort, SystemAbility};

/// cuts one port of links, as a firewall does: `port: Bus` (nodes no longer hear of each other, clients still reach them) or
/// `port: Clients` (the other way round; replicas cannot follow their masters either, nor sentinels watch them). Packets vanish
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct CutPort {
    /// Which links.
    pub links: Links,
    /// The port of the servers that nothing passes to or from.
    pub port: ServerPort,
    /// The name by which `Heal` can end it.
    #[serde(default)]
    pub name: Option<String>,
}

impl CutPort {
    pub(super) const EXAMPLE: &str = r#"CutPort(links: Isolate(node: "A"), port: Bus)"#;
}

impl fmt::Display for CutPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CutPort {} ({})", self.links, self.port)
    }
}

impl StepKind for CutPort {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        disturb::check(checker, &self.links, self.name.as_deref(), at);
        if self.port == ServerPort::Bus {
            checker.needs(SystemAbility::Membership, Meant::Any, "port: Bus", at.field("port"));
        }
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        disturb::follow(checker, foreseen, self.disturbance(), at);
    }

    fn disturbance(&self) -> Option<LinkDisturbance<'_>> {
        let (name, port) = (self.name.as_ref(), Some(self.port));
        Some(LinkDisturbance { noun: "port", name, links: &self.links, cuts: true, port })
    }

    fn names(&self) -> Vec<NodeName> {
        self.links.names()
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        disturb::begin(stage, index, &self.links, Treatment::CutPort(self.port)).boxed_local()
    }
}
