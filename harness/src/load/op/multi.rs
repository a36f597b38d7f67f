//! What the replies to a transaction say.

use super::{Answer, AttemptOutcome, error_outcome};
use crate::evidence::ErrorKind;
use crate::load::resp::Reply;

/// A transaction whose commands are queued behind so many replies.
pub(super) struct Multi {
    /// The replies that come before those to the commands: to `WATCH` and `MULTI`.
    pub(super) before: usize,
    /// How many commands it has.
    pub(super) commands: usize,
    /// Whether it does nothing if a key that it watches has changed.
    pub(super) watches: bool,
}

impl Multi {
    /// How many replies it gets.
    pub(super) const fn replies(&self) -> usize {
        self.before + self.commands + 1
    }

    /// The first refusal says why the transaction was not executed; `EXEC` says whether it was, which `is_done` tells from its replies.
    pub(super) fn classify(&self, answer: &Answer<'_>, is_done: impl Fn(&Reply<'_>) -> bool) -> AttemptOutcome {
        let refused = matches!(answer.before, AttemptOutcome::NotExecuted(_) | AttemptOutcome::Elsewhere(..));
        let is_exec = answer.nth + 1 == self.replies();
        match answer.reply {
            // After a refusal `EXEC` answers EXECABORT, and `WATCH` had no writes behind it yet.
            Reply::Error(_) if refused => answer.before,
            Reply::Error(text) => error_outcome(text),
            Reply::Nil if is_exec && self.watches => AttemptOutcome::NotExecuted(ErrorKind::Conflict),
            Reply::Array(replies)
                if is_exec && !refused && replies.len() == self.commands && replies.iter().all(is_done) =>
            {
                AttemptOutcome::Acknowledged(answer.written)
            }
            Reply::Simple(b"OK") if answer.nth < self.before => not_yet(answer.before, refused),
            Reply::Simple(b"QUEUED") if answer.nth >= self.before && !is_exec => not_yet(answer.before, refused),
            // Among others: a write that was executed by itself, since `MULTI` had been refused.
            _ => AttemptOutcome::Unknown(ErrorKind::Protocol),
        }
    }
}

/// What is known when another command is queued: nothing was executed, unless a reply before made that uncertain.
fn not_yet(before: AttemptOutcome, refused: bool) -> AttemptOutcome {
    if refused { before } else { AttemptOutcome::Unknown(ErrorKind::Closed) }
}
