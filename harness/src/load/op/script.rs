//! How scripts and functions are called, and what their replies say.

use super::{Answer, AttemptOutcome};
use crate::evidence::ErrorKind;
use crate::load::resp::{push_array, push_bulk};

/// Adds the command, what it runs and the one key to a request; one argument more is the caller's to add.
pub(super) fn encode(out: &mut Vec<u8>, [command, runs]: [&[u8]; 2], key: &[u8]) {
    push_array(out, 5);
    for argument in [command, runs, b"1", key] {
        push_bulk(out, argument);
    }
}

/// What the reply to a script says that writes: any that is no error acknowledges.
///
/// An error may come from within, after a part was executed. Only what the server says before it begins means that nothing was
/// (`getNodeByQuery` in cluster.c, `evalGenericCommand` in eval.c).
pub(super) fn classify(answer: &Answer<'_>) -> AttemptOutcome {
    match answer.acknowledges(|_| Some(answer.written)) {
        AttemptOutcome::NotExecuted(kind) if !says_before(kind) => AttemptOutcome::Unknown(kind),
        outcome => outcome,
    }
}

fn says_before(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::Moved
            | ErrorKind::Ask
            | ErrorKind::ClusterDown
            | ErrorKind::TryAgain
            | ErrorKind::KeysApart
            | ErrorKind::Loading
            | ErrorKind::MasterDown
            | ErrorKind::NotAuthenticated
            | ErrorKind::WrongPassword
            | ErrorKind::MaxClients
    )
}
