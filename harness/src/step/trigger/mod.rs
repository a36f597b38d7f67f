//! What a fault can be timed to: one trigger a file, told by what the servers log.

use std::fmt;

use crate::evidence::EventKind;
use crate::text::{Cursor, kinds};
use crate::validate::Checker;
use crate::vocab::NodeName;

kinds! {
    /// What `When` waits for.
    pub enum Trigger: TriggerKind {
        flagged::Flagged,
        vote_asked::VoteAsked,
        elected::Elected,
        resync_begins::ResyncBegins,
    }
}

/// A kind of trigger.
pub trait TriggerKind: fmt::Display + Sync {
    /// Reports what is wrong with it.
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>);

    /// Whether this is what is waited for.
    fn is(&self, event: &EventKind) -> bool;

    /// The nodes that it names.
    fn names(&self) -> Vec<NodeName>;
}
