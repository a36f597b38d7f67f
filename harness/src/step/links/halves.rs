//! Two halves of the nodes, drawn from the run's seed.

use std::fmt;

use documented::Documented;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::sides;
use super::{ChosenLinks, Hosts, LinksKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::HostName;

/// between two halves of the nodes, drawn from the `seed`; if the number is odd, the first half is the smaller one. Either half
/// may have the majority of the masters. `first: ["app"]` and `second: []` name the clients that go with each half
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Halves {
    /// The client hosts that go with the first half.
    #[serde(default)]
    pub first: Vec<HostName>,
    /// The client hosts that go with the second half.
    #[serde(default)]
    pub second: Vec<HostName>,
}

impl Halves {
    pub(super) const EXAMPLE: &str = "Halves()";
}

impl fmt::Display for Halves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, second) = (sides::with(&self.first), sides::with(&self.second));
        write!(f, "a half of the nodes{first} | the other half{second}")
    }
}

impl LinksKind for Halves {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let halves =
            [("first", self.first.as_slice(), at.field("first")), ("second", &self.second, at.field("second"))];
        for (_, hosts, at) in halves {
            check_clients(checker, hosts, at);
        }
        sides::check_disjoint(checker, &halves);
    }

    fn choose(&self, hosts: Hosts<'_>, _: &[HostName], random: &mut ChaCha8Rng) -> ChosenLinks {
        let mut drawn: Vec<_> = hosts.nodes.to_vec();
        drawn.shuffle(random);
        let (small, large) = drawn.split_at(drawn.len() / 2);
        // In the order of the plan, which is how people read names.
        let half = |nodes: &[HostName], clients: &[HostName]| {
            hosts.nodes.iter().filter(|node| nodes.contains(node)).chain(clients).cloned().collect::<Vec<_>>()
        };
        sides::apart(&[half(small, &self.first), half(large, &self.second)])
    }

    fn hosts(&self) -> Vec<HostName> {
        [self.first.as_slice(), &self.second].concat()
    }

    fn leaves_clients_out(&self) -> bool {
        true
    }

    fn by_place(&self) -> bool {
        true
    }

    fn is_drawn(&self) -> bool {
        true
    }

    fn nothing_meant(&self, hosts: Hosts<'_>, at: Cursor<'_>) -> Option<Problem> {
        (hosts.nodes.len() < 2).then(|| Problem::new(at.head(), "a single node has no halves"))
    }
}

/// Client hosts only: the nodes are drawn.
fn check_clients(checker: &mut Checker<'_>, hosts: &[HostName], at: Cursor<'_>) {
    for (index, host) in hosts.iter().enumerate() {
        if checker.is_node(host) {
            let problem = Problem::new(at.index(index).head(), format!("`{host}` is a node: the halves are drawn"));
            checker.report(problem.help("name client hosts here; to say who is where use `Split`"));
        } else {
            checker.check_host_at(hosts, index, at);
        }
    }
}
