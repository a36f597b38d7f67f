//! Sides that cannot reach each other, and one node that reaches them all.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::sides::{self, Sides};
use super::{ChosenLinks, Hosts, LinksKind};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{HostName, NodeName};

/// between the sides, as with `Split`, except for one node, which is on no side and reaches everybody
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Bridge {
    /// The node that reaches everybody.
    pub node: NodeName,
    /// The sides, each with a name of its own.
    pub sides: Sides,
}

impl Bridge {
    pub(super) const EXAMPLE: &str = r#"Bridge(node: "B", sides: {"west": ["A", "A1"], "east": ["C", "B1", "C1"]})"#;
}

impl fmt::Display for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, and {} sees both", sides::in_words(&self.sides), self.node)
    }
}

impl LinksKind for Bridge {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known(&self.node, at.field("node"));
        if checker.check_own_host(&self.node, at.field("node")) {
            return;
        }
        sides::check(checker, &self.sides, Some(&self.node), at);
        for (name, hosts) in &self.sides {
            if let Some(index) = hosts.iter().position(|host| host.is(&self.node)) {
                let node = &self.node;
                let place = at.field("sides").entry(name).index(index).head();
                let problem = Problem::new(place, format!("`{node}` sees both sides and is on one of them, `{name}`"));
                checker.report(problem.also(at.field("node").head(), "the bridge").help("the bridge is on no side"));
            }
        }
    }

    fn choose(&self, _: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        let ChosenLinks { links, text } = sides::apart(&self.sides.values().cloned().collect::<Vec<_>>());
        ChosenLinks { links, text: text.words(", ").hosts(&[HostName::own(&self.node)]).words(" sees both") }
    }

    fn hosts(&self) -> Vec<HostName> {
        self.sides.values().flatten().cloned().chain([HostName::own(&self.node)]).collect()
    }

    fn leaves_clients_out(&self) -> bool {
        true
    }
}
