//! A replica asks for votes.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::TriggerKind;
use crate::evidence::{EventKind, LogEvent, LogRecord};
use crate::text::Cursor;
use crate::validate::{Checker, Meant};
use crate::vocab::{NodeName, SystemAbility};

/// this replica's log says that it begins an election: it asks the masters for their votes
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct VoteAsked(pub NodeName);

impl VoteAsked {
    pub(super) const EXAMPLE: &str = r#"VoteAsked("A1")"#;
}

impl fmt::Display for VoteAsked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} asks for votes", self.0)
    }
}

impl TriggerKind for VoteAsked {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.needs(SystemAbility::Elections, Meant::Node(&self.0), "VoteAsked", at);
        checker.known(&self.0, at.index(0));
    }

    fn is(&self, event: &EventKind) -> bool {
        let EventKind::Log(LogRecord { node, says, .. }) = event else { return false };
        *node == self.0 && matches!(says, LogEvent::ElectionStarted { .. } | LogEvent::FailoverTried { .. })
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
