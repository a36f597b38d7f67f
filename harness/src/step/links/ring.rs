//! Each node reaches a majority, and no two reach the same one.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{ChosenLinks, Hosts, LinksKind, between};
use crate::evidence::LinksText;
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::HostName;

/// between nodes that are not close neighbours in a ring, in which replicas stand beside their masters: each node still reaches a
/// majority, and no two reach the same one
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct Ring;

/// The fewest hosts of which a ring leaves some link to cut.
const HOSTS_MIN: usize = 4;

impl Ring {
    pub(super) const EXAMPLE: &str = "Ring";
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all but neighbours in a ring")
    }
}

impl LinksKind for Ring {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let count = checker.node_hosts().len();
        if checker.sound.topology && count < HOSTS_MIN {
            let hosts = if count == 1 { "host" } else { "hosts" };
            let problem = Problem::new(at.head(), format!("a ring of {count} {hosts} has no link to cut"));
            checker.report(problem.help(format!("it takes {HOSTS_MIN} nodes or more on hosts of their own")));
        }
    }

    fn choose(&self, hosts: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        // By name: a replica stands beside its master, and opposite of both are other shards.
        let mut ring: Vec<_> = hosts.nodes.to_vec();
        ring.sort();
        let count = ring.len();
        // With itself a node reaches 1 + 2 x `near`, at least a majority.
        let near = (count / 2).div_ceil(2);
        let distance = |a: usize, b: usize| (b - a).min(count - (b - a));
        let pairs = (0..count).flat_map(|a| (a + 1..count).map(move |b| (a, b)));
        let far = pairs.filter(|&(a, b)| distance(a, b) > near);
        let links = far.flat_map(|(a, b)| between(&ring[a..=a], &ring[b..=b]).collect::<Vec<_>>()).collect();
        let text = format!("a ring of {count} hosts, each of which sees {near} on either side");
        ChosenLinks { links, text: LinksText::default().words(text) }
    }

    fn hosts(&self) -> Vec<HostName> {
        Vec::new()
    }

    fn by_place(&self) -> bool {
        true
    }
}
