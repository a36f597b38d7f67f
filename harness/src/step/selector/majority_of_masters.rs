//! As few masters that own keys, in the order of their names, as are a majority of them.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_only_system};
use crate::text::Cursor;
use crate::validate::{Checker, Foreseen};
use crate::vocab::NodeName;

/// as few masters that own keys, in the order of their names, as are a majority of them
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct MajorityOfMasters;

impl MajorityOfMasters {
    pub(super) const EXAMPLE: &str = "MajorityOfMasters";
}

impl fmt::Display for MajorityOfMasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a majority of the masters")
    }
}

impl SelectorKind for MajorityOfMasters {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_masters().into_iter().take(among.master_count() / 2 + 1).collect()
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, _: &Foreseen<'_>, at: Cursor<'_>) {
        check_only_system(checker, at);
    }
}
