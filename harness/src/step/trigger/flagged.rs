//! A node is flagged as failed (FAIL).

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::TriggerKind;
use crate::evidence::{EventKind, LogEvent, LogRecord};
use crate::text::Cursor;
use crate::validate::{Checker, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// another node's log says that this node is flagged as failed (FAIL): it found so itself, or was told
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Flagged(pub NodeName);

impl Flagged {
    pub(super) const EXAMPLE: &str = r#"Flagged("A")"#;
}

impl fmt::Display for Flagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is flagged as failed", self.0)
    }
}

impl TriggerKind for Flagged {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::FailureFlags, Meant::Node(&self.0), "Flagged", at);
        checker.known(&self.0, at.index(0));
    }

    fn is(&self, event: &EventKind) -> bool {
        let EventKind::Log(LogRecord { says, .. }) = event else { return false };
        match says {
            LogEvent::MarkedFailing { about }
            | LogEvent::ToldFailing { about, .. }
            | LogEvent::ObjectivelyDown { about } => *about == self.0,
            _ => false,
        }
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
