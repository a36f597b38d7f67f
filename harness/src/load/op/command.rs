//! A command that is about to be sent: one operation of the history.

use super::{Answer, Wait, get, set};
use crate::evidence::{ErrorKind, LoadIndex, NO_WORKER, Operation, OperationEffect, OperationSource, Outcome, Value};
use crate::load::client::Due;
use crate::load::resp::Reply;
use crate::vocab::Instant;

/// A command that is about to be sent. It is sent unchanged by every attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Which command of the mix it is.
    pub(crate) source: OperationSource,
    /// What it does to its key.
    pub(crate) effect: OperationEffect,
    /// The key's number.
    pub(crate) key: u32,
    /// What it writes; missing for a read.
    pub(crate) value: Value,
    /// The size of the value it writes, in bytes.
    pub(crate) size: usize,
    /// What it asks of replicas.
    pub(crate) wait: Option<Wait>,
}

impl Command {
    /// The operation on a key of that shard that nobody had begun at a moment.
    pub(crate) fn not_started(&self, load: LoadIndex, shard: Option<u16>, due: Due, at: Instant) -> Operation {
        Operation {
            load,
            worker: NO_WORKER,
            source: self.source,
            effect: self.effect,
            key: self.key,
            shard,
            value: self.value,
            intended: due.intended,
            ready: due.ready,
            started: at,
            ended: at,
            outcome: Outcome::Fail,
            error: Some(ErrorKind::NotStarted),
            attempts: 0,
            unknown_attempts: 0,
            node: None,
        }
    }

    /// Adds the command for the key of that text, in one piece.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, key: &[u8]) {
        match self.value {
            Value::Written(id) => set::encode(out, key, id, self.size),
            Value::Missing | Value::Foreign => get::encode(out, key),
        }
        if let Some(wait) = self.wait {
            set::encode_wait(out, wait);
        }
    }

    /// How many replies it gets.
    pub(crate) fn replies(&self) -> usize {
        1 + usize::from(self.wait.is_some())
    }

    /// What an attempt that got no reply says: anything may have happened.
    pub(crate) const UNANSWERED: Answer = Answer::Unknown(ErrorKind::Protocol);

    /// What is known after the reply at `position` (from 0), when `before` was known before it.
    pub(crate) fn classify(&self, position: usize, reply: &Reply<'_>, before: Answer) -> Answer {
        match (position, self.wait) {
            (0, _) if self.effect == OperationEffect::WritesUnique => set::classify(reply, self.value),
            (0, _) => get::classify(reply),
            (_, Some(wait)) => set::classify_wait(reply, wait, before),
            (_, None) => before,
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::vocab::{Duration, Size};

    const WAIT: Wait = Wait { replicas: 2, timeout: Duration::from_millis(50) };

    fn set(wait: Option<Wait>) -> Command {
        Command { value: Value::Written(0xAB), size: 18, wait, ..set::write(1, 0, Size { bytes: 18 }, None) }
    }

    #[rstest]
    #[case(get::read(1), "*2\r\n$3\r\nGET\r\n$3\r\nk:1\r\n")]
    #[case(set(None), "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n")]
    #[case(
        set(Some(WAIT)),
        "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$2\r\n50\r\n"
    )]
    #[case::no_wait_is_for_ever(
        set(Some(Wait { replicas: 1, timeout: Duration::from_millis(0) })),
        "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n1\r\n"
    )]
    fn commands_are_encoded(#[case] command: Command, #[case] bytes: &str) {
        let mut out = Vec::new();
        command.encode(&mut out, b"k:1");
        assert_eq!(String::from_utf8(out).unwrap(), bytes);
    }

    const WRITTEN: Answer = Answer::Acknowledged(Value::Written(0xAB));

    #[rstest]
    #[case::set(set(None), "+OK\r\n", WRITTEN)]
    #[case::not_the_ok(set(None), "+QUEUED\r\n", Answer::Unknown(ErrorKind::Protocol))]
    #[case::set_is_no_get(set(None), "$-1\r\n", Answer::Unknown(ErrorKind::Protocol))]
    #[case::read_only(set(None), "-READONLY no\r\n", Answer::NotExecuted(ErrorKind::ReadOnly))]
    #[case::missing(get::read(1), "$-1\r\n", Answer::Acknowledged(Value::Missing))]
    #[case::read(get::read(1), "$16\r\n00000000000000ab\r\n", WRITTEN)]
    #[case::foreign(get::read(1), "$2\r\nhi\r\n", Answer::Acknowledged(Value::Foreign))]
    #[case::get_is_no_set(get::read(1), "+OK\r\n", Answer::Unknown(ErrorKind::Protocol))]
    #[case::wrong_type(get::read(1), "-WRONGTYPE no\r\n", Answer::NotExecuted(ErrorKind::OtherReply))]
    #[case::waited(set(Some(WAIT)), "+OK\r\n:2\r\n", WRITTEN)]
    #[case::short(set(Some(WAIT)), "+OK\r\n:1\r\n", Answer::Unknown(ErrorKind::WaitShort))]
    #[case::unblocked(set(Some(WAIT)), "+OK\r\n-UNBLOCKED gone\r\n", Answer::Unknown(ErrorKind::OtherReply))]
    #[case::wait_of_nothing(set(Some(WAIT)), "-CLUSTERDOWN no\r\n:2\r\n", Answer::NotExecuted(ErrorKind::ClusterDown))]
    #[case::odd_wait(set(Some(WAIT)), "+OK\r\n+OK\r\n", Answer::Unknown(ErrorKind::Protocol))]
    #[case::wait_unanswered(set(Some(WAIT)), "+OK\r\n", WRITTEN)]
    fn replies_are_classified(#[case] command: Command, #[case] bytes: &str, #[case] answer: Answer) {
        let (mut rest, mut got) = (bytes.as_bytes(), Command::UNANSWERED);
        for position in 0..command.replies() {
            let Some((reply, used)) = Reply::parse(rest).unwrap() else { break };
            got = command.classify(position, &reply, got);
            rest = &rest[used..];
        }
        assert_eq!(got, answer);
    }
}
