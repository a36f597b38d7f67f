//! Sides that cannot reach each other.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::sides::{self, Sides};
use super::{ChosenLinks, Hosts, LinksKind};
use crate::text::Cursor;
use crate::validate::Checker;
use crate::vocab::HostName;

/// between hosts of different sides; every node is on one of them
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Split {
    /// The sides, each with a name of its own.
    pub sides: Sides,
}

impl Split {
    pub(super) const EXAMPLE: &str = r#"Split(sides: {"west": ["A", "A1"], "east": ["B", "C", "B1", "C1"]})"#;
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sides::in_words(&self.sides))
    }
}

impl LinksKind for Split {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        sides::check(checker, &self.sides, None, at);
    }

    fn choose(&self, _: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        sides::apart(&self.sides.values().cloned().collect::<Vec<_>>())
    }

    fn hosts(&self) -> Vec<HostName> {
        self.sides.values().flatten().cloned().collect()
    }

    fn leaves_clients_out(&self) -> bool {
        true
    }
}
