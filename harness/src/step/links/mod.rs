//! Which links a partition cuts or a shape is about: one kind a file, each a pure function from what is written to directed
//! links between hosts.

mod sides;

use std::collections::BTreeSet;
use std::fmt;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::target::Target;
use crate::evidence::LinksText;
use crate::text::{Cursor, Problem, kinds};
use crate::validate::Checker;
use crate::vocab::{HostName, Link, NodeName};

kinds! {
    /// Which links a step means. A client host that is not named keeps all its links unless the kind says otherwise.
    pub enum Links: LinksKind {
        split::Split,
        isolate::Isolate,
        halves::Halves,
        bridge::Bridge,
        ring::Ring as unit,
        one_way::OneWay,
        of::Of,
        all::All as unit,
    }
}

/// A kind of links.
pub trait LinksKind: fmt::Display {
    /// Reports what is wrong with it.
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>);

    /// The links, among these hosts. `chosen` are those of the nodes that its target chose.
    fn choose(&self, hosts: Hosts<'_>, chosen: &[HostName], random: &mut ChaCha8Rng) -> ChosenLinks;

    /// The nodes that it is about, which a selector may choose when the step begins.
    fn target(&self) -> Option<Target> {
        None
    }

    /// The hosts that it names.
    fn hosts(&self) -> Vec<HostName>;

    /// Whether a client host that it does not name keeps all its links by being forgotten, rather than on purpose.
    fn leaves_clients_out(&self) -> bool {
        false
    }

    /// Whether it treats nodes by their places in the plan, so that no two are alike to it.
    fn by_place(&self) -> bool {
        false
    }

    /// Whether its links are drawn when the step begins.
    fn is_drawn(&self) -> bool {
        false
    }

    /// Its links, if they are known before the run: they are neither drawn nor chosen from the topology.
    fn foreseen(&self, hosts: Hosts<'_>) -> Option<ChosenLinks> {
        let chosen = match self.target() {
            Some(Target { node: None, .. }) => return None,
            Some(Target { node: Some(node), .. }) => vec![HostName::own(&node)],
            None => Vec::new(),
        };
        // Of what is left nothing is drawn.
        (!self.is_drawn()).then(|| self.choose(hosts, &chosen, &mut ChaCha8Rng::seed_from_u64(0)))
    }

    /// What to say if it certainly means no link at all.
    fn nothing_meant(&self, hosts: Hosts<'_>, at: Cursor<'_>) -> Option<Problem> {
        let is_nothing = self.foreseen(hosts).is_some_and(|chosen| chosen.links.is_empty());
        is_nothing.then(|| Problem::new(at.head(), "this is about no link: there is no other host"))
    }
}

/// The hosts of a run.
#[derive(Clone, Copy, Debug)]
pub struct Hosts<'a> {
    /// Those that nodes run on, in the order of the plan.
    pub nodes: &'a [HostName],
    /// The client hosts.
    pub clients: &'a [HostName],
}

/// Directed links that a step means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChosenLinks {
    /// The links; empty if the step means none.
    pub links: BTreeSet<Link>,
    /// The same in words, such as `A inside | B C A1 B1 C1`.
    pub text: LinksText,
}

impl Hosts<'_> {
    fn all(&self) -> Vec<HostName> {
        self.nodes.iter().chain(self.clients).cloned().collect()
    }
}

impl Links {
    /// Reports what is wrong with the links.
    pub fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let reported = checker.reported();
        self.kind().check(checker, at);
        let certain = checker.sound.topology && checker.sound.load && checker.is_as_written(at);
        if !certain || checker.reported() != reported {
            return;
        }
        let nodes = checker.node_hosts();
        let clients: Vec<_> = checker.client_hosts().into_iter().collect();
        if let Some(problem) = self.kind().nothing_meant(Hosts { nodes: &nodes, clients: &clients }, at) {
            checker.report(problem);
        }
    }

    /// The nodes that it names; a host that is no node is none of them.
    pub fn names(&self) -> Vec<NodeName> {
        let hosts = self.kind().hosts();
        let target = self.kind().target().and_then(|target| target.node);
        hosts.iter().map(|host| NodeName::from(host.as_str())).chain(target).collect()
    }
}

/// Both directions between each of the one and each of the others.
fn between(one: &[HostName], others: &[HostName]) -> impl Iterator<Item = Link> {
    let pairs = one.iter().flat_map(|a| others.iter().map(move |b| (a.clone(), b.clone())));
    pairs.filter(|(a, b)| a != b).flat_map(|(a, b)| [Link::new(a.clone(), b.clone()), Link::new(b, a)])
}

#[cfg(test)]
mod tests;
