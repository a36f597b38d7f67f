//! Which links a partition cuts. One kind, one file, each a pure function from the step's words to directed links.

mod halves;
mod isolate;
mod one_way;
mod ring;
mod split;

use std::collections::BTreeSet;

use rand_chacha::ChaCha8Rng;

use crate::evidence::LinksText;
use crate::vocab::{HostName, Link, Links, NodeName};

/// The hosts of a run.
#[derive(Clone, Copy, Debug)]
pub struct Hosts<'a> {
    /// The nodes, in the order of the plan.
    pub nodes: &'a [NodeName],
    /// The client hosts.
    pub clients: &'a [HostName],
}

/// Directed links, and how they came to be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meant {
    /// The links; empty if the words mean none.
    pub links: BTreeSet<Link>,
    /// The same in words, such as `A inside | B C A1 B1 C1`.
    pub text: LinksText,
}

impl Hosts<'_> {
    fn all(&self) -> Vec<HostName> {
        self.nodes.iter().map(HostName::from).chain(self.clients.iter().cloned()).collect()
    }
}

/// The links that are meant. `chosen` are the nodes that an `Isolate` with a selector chose.
pub fn meant(links: &Links, hosts: Hosts<'_>, chosen: &[NodeName], random: &mut ChaCha8Rng) -> Meant {
    match links {
        Links::Split { sides } => split::meant(&sides.values().cloned().collect::<Vec<_>>()),
        Links::Bridge { node, sides } => {
            let Meant { links, text } = split::meant(&sides.values().cloned().collect::<Vec<_>>());
            Meant { links, text: text.words(", ").hosts(&[HostName::from(node)]).words(" sees both") }
        }
        Links::Isolate(isolated) => isolate::meant(chosen, &isolated.with, hosts),
        Links::Halves { first, second } => halves::meant(first, second, hosts, random),
        Links::Ring => ring::meant(hosts),
        Links::OneWay { from, to } => one_way::meant(from, to),
        Links::Of(of) => one_way::of(of, hosts),
        Links::All => one_way::all(hosts),
    }
}

/// Both directions between each of the one and each of the others.
fn between(one: &[HostName], others: &[HostName]) -> impl Iterator<Item = Link> {
    let pairs = one.iter().flat_map(|a| others.iter().map(move |b| (a.clone(), b.clone())));
    pairs.filter(|(a, b)| a != b).flat_map(|(a, b)| [Link::new(a.clone(), b.clone()), Link::new(b, a)])
}

#[cfg(test)]
mod tests;
