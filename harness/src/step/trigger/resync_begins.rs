//! A replica begins to copy its master's data.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::TriggerKind;
use crate::evidence::{EventKind, LogEvent, LogRecord};
use crate::text::Cursor;
use crate::validate::Checker;
use crate::vocab::NodeName;

/// this replica's log says that a resynchronisation with its master begins, full or partial
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct ResyncBegins(pub NodeName);

impl ResyncBegins {
    pub(super) const EXAMPLE: &str = r#"ResyncBegins("A1")"#;
}

impl fmt::Display for ResyncBegins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} begins to resynchronise", self.0)
    }
}

impl TriggerKind for ResyncBegins {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known(&self.0, at.index(0));
    }

    fn is(&self, event: &EventKind) -> bool {
        let EventKind::Log(LogRecord { node, says, .. }) = event else { return false };
        *node == self.0 && matches!(says, LogEvent::FullResync | LogEvent::PartialResync)
    }

    fn names(&self) -> Vec<NodeName> {
        vec![self.0.clone()]
    }
}
