//! Some hosts against everybody else.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::super::selector::Selector;
use super::super::target::Target;
use super::sides;
use super::{ChosenLinks, Hosts, LinksKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{HostName, NodeName};

/// between these hosts, which still reach each other, and everybody else, clients too; `select: MinorityOfMasters` instead of
/// `node` has the nodes chosen, `with: ["app"]` names hosts that stay with them
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Isolate {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen from the settled topology when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// Other hosts that stay with them: replicas, clients.
    #[serde(default)]
    pub with: Vec<HostName>,
}

impl Isolate {
    pub(super) const EXAMPLE: &str = r#"Isolate(node: "A")"#;
}

impl fmt::Display for Isolate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let target = Target { node: self.node.clone(), select: self.select.clone() };
        write!(f, "{target}{} | the rest", sides::with(&self.with))
    }
}

impl LinksKind for Isolate {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let target = Target { node: self.node.clone(), select: self.select.clone() };
        target.check_written(checker, "Isolate", "MinorityOfMasters", at);
        if !self.with.is_empty() {
            checker.check_hosts(&self.with, at.field("with"));
        }
        let Some(node) = &self.node else { return };
        checker.check_own_host(node, at.field("node"));
        if let Some(index) = self.with.iter().position(|host| host.is(node)) {
            let place = at.field("with").index(index).head();
            checker.report(Problem::new(place, format!("`{node}` is isolated already: `with` names the others")));
        }
    }

    fn choose(&self, hosts: Hosts<'_>, chosen: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        let isolated: Vec<_> = chosen.iter().chain(&self.with).cloned().collect();
        let rest = hosts.all().into_iter().filter(|host| !isolated.contains(host)).collect();
        sides::apart(&[isolated, rest])
    }

    fn target(&self) -> Option<Target> {
        Some(Target { node: self.node.clone(), select: self.select.clone() })
    }

    fn hosts(&self) -> Vec<HostName> {
        self.with.clone()
    }

    fn nothing_meant(&self, hosts: Hosts<'_>, at: Cursor<'_>) -> Option<Problem> {
        let is_nothing = match self.foreseen(hosts) {
            Some(chosen) => chosen.links.is_empty(),
            // Whichever nodes are chosen: everybody stays with them.
            None => self.with.len() == hosts.all().len(),
        };
        let everybody = at.field("with");
        is_nothing.then(|| {
            if everybody.is_exact() {
                let message = "nobody is left to be isolated from: every other host is in `with`";
                Problem::new(everybody.head(), message)
            } else {
                Problem::new(at.head(), "this is about no link: there is no other host")
            }
        })
    }
}
