//! As many masters that own keys, in the order of their names, as are not a majority of them.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{Candidates, SelectorKind, check_only_system};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Foreseen, SystemFacts};
use crate::vocab::NodeName;

/// The fewest masters of which some are a minority.
const MASTERS_MIN: u16 = 3;

/// as many masters that own keys, in the order of their names, as are not a majority of them
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct MinorityOfMasters;

impl MinorityOfMasters {
    pub(super) const EXAMPLE: &str = "MinorityOfMasters";
}

impl fmt::Display for MinorityOfMasters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a minority of the masters")
    }
}

impl SelectorKind for MinorityOfMasters {
    fn choose(&self, among: Candidates<'_>, _: &mut ChaCha8Rng) -> Vec<NodeName> {
        among.running_masters().into_iter().take(among.master_count().saturating_sub(1) / 2).collect()
    }

    fn check_anybody(&self, checker: &mut Checker<'_>, _: &Foreseen<'_>, at: Cursor<'_>) {
        let Some(SystemFacts { masters, at: topology, .. }) = check_only_system(checker, at) else { return };
        if masters < MASTERS_MIN {
            let of = if masters == 1 { "a single master".to_owned() } else { format!("{masters} masters") };
            let problem = Problem::new(at.head(), format!("of {of} none is a minority: this chooses nothing"));
            let problem = problem.also(topology.field("masters").head(), "the reason");
            checker.report(problem.help("name a node: `node: \"A\"`"));
        }
    }
}
