//! A replica wins an election.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::TriggerKind;
use crate::evidence::{EventKind, LogRecord};
use crate::text::Cursor;
use crate::validate::{Checker, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// this replica's log says that it won its election
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Elected(pub NodeName);

impl Elected {
    pub(super) const EXAMPLE: &str = r#"Elected("A1")"#;
}

impl fmt::Display for Elected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} wins its election", self.0)
    }
}

impl TriggerKind for Elected {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::Elections, Meant::Node(&self.0), "Elected", at);
        checker.known(&self.0, at.index(0));
    }

    fn is(&self, event: &EventKind) -> bool {
        let EventKind::Log(LogRecord { node, says, .. }) = event else { return false };
        *node == self.0 && says.is_promotion()
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
