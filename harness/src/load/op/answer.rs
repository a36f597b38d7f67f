//! What came of an attempt, as its replies say.

use crate::evidence::{ErrorKind, Value};
use crate::load::resp::Reply;
use crate::system::{Redirect, read_redirect};

/// A reply to an attempt, and what is known when it comes.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The position of its command in [`OpKind::commands`](super::OpKind::commands).
    pub command: usize,
    /// Which of the command's replies it is, from 0.
    pub nth: usize,
    /// The reply.
    pub reply: &'a Reply<'a>,
    /// The value that the command writes; missing if none.
    pub written: Value,
    /// What was known before it.
    pub before: AttemptOutcome,
}

impl Answer<'_> {
    /// Acknowledged with the value that `value_of` finds in the reply; nobody knows what happened if it finds none.
    pub(super) fn acknowledges(&self, value_of: impl FnOnce(&Reply<'_>) -> Option<Value>) -> AttemptOutcome {
        match self.reply {
            Reply::Error(text) => error_outcome(text),
            reply => value_of(reply).map_or(AttemptOutcome::Unknown(ErrorKind::Protocol), AttemptOutcome::Acknowledged),
        }
    }

    /// Acknowledges what was written if the reply is a number, as those are that say how many elements there are now.
    pub(super) fn counts(&self) -> AttemptOutcome {
        self.acknowledges(|reply| matches!(reply, Reply::Integer(_)).then_some(self.written))
    }

    /// Acknowledges what was written if the reply is `OK`.
    pub(super) fn is_ok(&self) -> AttemptOutcome {
        self.acknowledges(|reply| (*reply == Reply::Simple(b"OK")).then_some(self.written))
    }

    /// Acknowledges what was written if the reply says what it replaced: a value that `read` reads, or nothing.
    pub(super) fn replaces(&self, read: impl FnOnce(&[u8]) -> Value) -> AttemptOutcome {
        match self.acknowledges(|reply| text(reply, read)) {
            AttemptOutcome::Acknowledged(replaced) => AttemptOutcome::Replaced(self.written, replaced),
            other => other,
        }
    }

    /// How many elements were read, each of so many replies in an array. Which ones they are is read apart.
    pub(super) fn elements(&self, replies_each: usize) -> AttemptOutcome {
        self.acknowledges(|reply| match reply {
            Reply::Array(replies) => Some(read_elements(replies.len() / replies_each)),
            _ => None,
        })
    }
}

/// That so many elements were read, wherever they are recorded; no reply has 2^24.
pub(super) fn read_elements(count: usize) -> Value {
    Value::Elements { at: 0, count: u32::try_from(count).unwrap_or(u32::MAX) }
}

/// What the replies to one attempt say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Done, and this is what was written or read.
    Acknowledged(Value),
    /// Done, and this is what was written, and what the key held before.
    Replaced(Value, Value),
    /// Surely not executed.
    NotExecuted(ErrorKind),
    /// Surely not executed: another node should be asked.
    Elsewhere(ErrorKind, Redirect),
    /// May have been executed.
    Unknown(ErrorKind),
}

impl AttemptOutcome {
    /// What is known when the exchange broke off: a refusal that had come by then still stands, all else may have
    /// happened once a byte of the request was handed to the socket.
    pub(crate) fn cut_short(self, kind: ErrorKind, handed_over: bool) -> Self {
        match self {
            Self::NotExecuted(_) | Self::Elsewhere(..) => self,
            Self::Acknowledged(_) | Self::Replaced(..) | Self::Unknown(_) if handed_over => Self::Unknown(kind),
            Self::Acknowledged(_) | Self::Replaced(..) | Self::Unknown(_) => Self::NotExecuted(kind),
        }
    }
}

/// What a string that was read tells, missing if there is none; nothing if the reply is no string.
pub(crate) fn text(reply: &Reply<'_>, read: impl FnOnce(&[u8]) -> Value) -> Option<Value> {
    match reply {
        Reply::Bulk(bytes) => Some(read(bytes)),
        Reply::Nil => Some(Value::Missing),
        _ => None,
    }
}

/// What an error reply to a command says.
///
/// The servers check everything that can fail before they execute a command of a mix, so an error reply means that nothing
/// was executed, also one that the harness has no name for (`MISCONF`, `WRONGTYPE`, ...). Scripts are an exception.
pub(crate) fn error_outcome(text: &[u8]) -> AttemptOutcome {
    let kind = error_kind(text);
    match (kind, read_redirect(text)) {
        (ErrorKind::Moved | ErrorKind::Ask, Some(redirect)) => AttemptOutcome::Elsewhere(kind, redirect),
        _ => AttemptOutcome::NotExecuted(kind),
    }
}

/// The kind of an error reply, by its first word.
pub(crate) fn error_kind(text: &[u8]) -> ErrorKind {
    // `EXEC` says in the same reply why it did nothing (`execCommandAbort` in Redis' multi.c).
    let text = text.strip_prefix(b"EXECABORT Transaction discarded because of: ").unwrap_or(text);
    match text.split(|&byte| byte == b' ').next().unwrap_or_default() {
        b"MOVED" => ErrorKind::Moved,
        b"ASK" => ErrorKind::Ask,
        b"CLUSTERDOWN" => ErrorKind::ClusterDown,
        b"TRYAGAIN" => ErrorKind::TryAgain,
        b"LOADING" => ErrorKind::Loading,
        b"READONLY" => ErrorKind::ReadOnly,
        b"MASTERDOWN" => ErrorKind::MasterDown,
        b"OOM" => ErrorKind::OutOfMemory,
        b"NOREPLICAS" => ErrorKind::NoReplicas,
        b"CROSSSLOT" => ErrorKind::KeysApart,
        b"WRONGPASS" => ErrorKind::WrongPassword,
        b"NOAUTH" => ErrorKind::NotAuthenticated,
        b"NOPERM" => ErrorKind::NoPermission,
        _ if text.starts_with(b"ERR max number of clients") => ErrorKind::MaxClients,
        _ => ErrorKind::OtherReply,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("MOVED", ErrorKind::Moved)]
    #[case("CLUSTERDOWN The cluster is down", ErrorKind::ClusterDown)]
    #[case("CLUSTERDOWN Hash slot not served", ErrorKind::ClusterDown)]
    #[case("TRYAGAIN Multiple keys request during rehashing of slot", ErrorKind::TryAgain)]
    #[case("LOADING Redis is loading the dataset in memory", ErrorKind::Loading)]
    #[case("READONLY You can't write against a read only replica.", ErrorKind::ReadOnly)]
    #[case("MASTERDOWN Link with MASTER is down", ErrorKind::MasterDown)]
    #[case("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::OutOfMemory)]
    #[case("NOREPLICAS Not enough good replicas to write.", ErrorKind::NoReplicas)]
    #[case("CROSSSLOT Keys in request don't hash to the same slot", ErrorKind::KeysApart)]
    #[case("EXECABORT Transaction discarded because of: READONLY You can't write.", ErrorKind::ReadOnly)]
    #[case("EXECABORT Transaction discarded because of previous errors.", ErrorKind::OtherReply)]
    #[case("MISCONF Redis is configured to save RDB snapshots", ErrorKind::OtherReply)]
    #[case("ERR max number of clients reached", ErrorKind::MaxClients)]
    #[case("ERR max number of clients + cluster connections reached", ErrorKind::MaxClients)]
    #[case("ERR syntax error", ErrorKind::OtherReply)]
    #[case("WRONGPASS invalid username-password pair or user is disabled.", ErrorKind::WrongPassword)]
    #[case("NOAUTH Authentication required.", ErrorKind::NotAuthenticated)]
    #[case("NOPERM this user has no permissions to access one of the keys", ErrorKind::NoPermission)]
    #[case("MOVEDX 1 10.0.0.1:1", ErrorKind::OtherReply)]
    #[case("", ErrorKind::OtherReply)]
    #[case::not_a_slot("MOVED 16384 10.0.0.1:6379", ErrorKind::Moved)]
    #[case::a_hostname("MOVED 1 node.example:6379", ErrorKind::Moved)]
    #[case::no_port("ASK 1 10.0.0.1", ErrorKind::Ask)]
    fn an_error_reply_means_not_executed(#[case] text: &str, #[case] kind: ErrorKind) {
        assert_eq!(error_outcome(text.as_bytes()), AttemptOutcome::NotExecuted(kind));
    }

    #[rstest]
    #[case("MOVED 3999 10.128.0.3:6379", ErrorKind::Moved)]
    #[case("ASK 7 10.128.0.3:6380", ErrorKind::Ask)]
    fn a_redirect_sends_elsewhere(#[case] text: &str, #[case] kind: ErrorKind) {
        let redirect = read_redirect(text.as_bytes()).unwrap();
        assert_eq!(error_outcome(text.as_bytes()), AttemptOutcome::Elsewhere(kind, redirect));
    }
}
