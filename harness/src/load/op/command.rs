//! A command that is about to be sent: one operation of the history.

use super::{AttemptOutcome, CommandKind, Op};
use crate::evidence::{ErrorKind, LoadIndex, NO_WORKER, Operation, OperationEffect, OperationSource, Outcome, Value};
use crate::load::pacing::Due;
use crate::load::resp::Reply;
use crate::vocab::{Duration, Instant, Position};

/// A command that is about to be sent. It is sent unchanged by every attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MixCommand<'a> {
    op: &'a Op,
    /// The position of `op` in the mix.
    entry: u16,
    /// The command's position in `op`.
    position: u8,
    kind: CommandKind,
    /// The key's number.
    pub(crate) key: u32,
    /// Where the key lies.
    pub(crate) place: Position,
    /// The id of the value, if it writes one.
    id: u64,
}

impl<'a> MixCommand<'a> {
    /// The commands of the entry of a mix for a key that lies there, in order. What they write has this id.
    pub(crate) fn of_entry(
        op: &'a Op,
        entry: u16,
        (key, place): (u32, Position),
        id: u64,
    ) -> impl Iterator<Item = Self> {
        let kinds = (0..).zip(op.kind().commands());
        kinds.map(move |(position, &kind)| Self { op, entry, position, kind, key, place, id })
    }

    /// Whether it changes its key.
    pub(crate) fn writes(&self) -> bool {
        self.kind.effect == OperationEffect::WritesUnique
    }

    /// What it writes; missing for a read.
    fn written(&self) -> Value {
        match self.kind.effect {
            OperationEffect::WritesUnique => Value::Written(self.id),
            OperationEffect::Reads => Value::Missing,
        }
    }

    /// The operation on a key of that shard that nobody had begun at a moment.
    pub(crate) fn not_started(&self, load: LoadIndex, shard: Option<u16>, due: Due, at: Instant) -> Operation {
        Operation {
            load,
            worker: NO_WORKER,
            source: OperationSource::Mix { entry: self.entry, command: self.position },
            effect: self.kind.effect,
            key: self.key,
            shard,
            value: self.written(),
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
        self.op.kind().encode(self.position.into(), out, key, self.id);
    }

    /// How many replies it gets.
    pub(crate) fn replies(&self) -> usize {
        self.op.kind().replies(self.position.into())
    }

    /// How much longer than others its replies may take, because the server waits for something.
    pub(crate) fn server_waits(&self) -> Duration {
        self.op.kind().wait().map_or(Duration::default(), |wait| wait.timeout)
    }

    /// What an attempt that got no reply says: anything may have happened.
    pub(crate) const UNANSWERED: AttemptOutcome = AttemptOutcome::Unknown(ErrorKind::Protocol);

    /// What is known after the reply number `nth` (from 0), when `before` was known before it.
    pub(crate) fn classify(&self, nth: usize, reply: &Reply<'_>, before: AttemptOutcome) -> AttemptOutcome {
        self.op.kind().classify(self.position.into(), nth, reply, self.written(), before)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::load::ValueSize;
    use crate::load::op::{Get, Set, SetThenGet, Wait};
    use crate::vocab::Size;

    const VALUE: ValueSize = ValueSize::Fixed(Size { bytes: 18 });
    const WAIT: Wait = Wait { replicas: 2, timeout: Duration::from_millis(50) };

    fn set(wait: Option<Wait>) -> Op {
        Op::Set(Set { weight: 1, value: VALUE, wait })
    }

    fn get() -> Op {
        Op::Get(Get { weight: 1 })
    }

    fn set_then_get() -> Op {
        Op::SetThenGet(SetThenGet { weight: 1, value: VALUE })
    }

    #[rstest]
    #[case(get(), "*2\r\n$3\r\nGET\r\n$3\r\nk:1\r\n")]
    #[case(set(None), "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n")]
    #[case(
        set(Some(WAIT)),
        "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n2\r\n$2\r\n50\r\n"
    )]
    #[case::no_wait_is_for_ever(
        set(Some(Wait { replicas: 1, timeout: Duration::from_millis(0) })),
        "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n1\r\n"
    )]
    #[case::one_after_the_other(
        set_then_get(),
        "*3\r\n$3\r\nSET\r\n$3\r\nk:1\r\n$18\r\n00000000000000abxx\r\n*2\r\n$3\r\nGET\r\n$3\r\nk:1\r\n"
    )]
    fn commands_are_encoded(#[case] op: Op, #[case] bytes: &str) {
        let mut out = Vec::new();
        MixCommand::of_entry(&op, 0, (1, Position(0)), 0xAB).for_each(|command| command.encode(&mut out, b"k:1"));
        assert_eq!(String::from_utf8(out).unwrap(), bytes);
    }

    const WRITTEN: AttemptOutcome = AttemptOutcome::Acknowledged(Value::Written(0xAB));

    /// The last command of the entry.
    #[rstest]
    #[case::set(set(None), "+OK\r\n", WRITTEN)]
    #[case::not_the_ok(set(None), "+QUEUED\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case::set_is_no_get(set(None), "$-1\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case::read_only(set(None), "-READONLY no\r\n", AttemptOutcome::NotExecuted(ErrorKind::ReadOnly))]
    #[case::missing(get(), "$-1\r\n", AttemptOutcome::Acknowledged(Value::Missing))]
    #[case::read(get(), "$16\r\n00000000000000ab\r\n", WRITTEN)]
    #[case::foreign(get(), "$2\r\nhi\r\n", AttemptOutcome::Acknowledged(Value::Foreign))]
    #[case::get_is_no_set(get(), "+OK\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case::wrong_type(get(), "-WRONGTYPE no\r\n", AttemptOutcome::NotExecuted(ErrorKind::OtherReply))]
    #[case::read_of_a_pair(set_then_get(), "$-1\r\n", AttemptOutcome::Acknowledged(Value::Missing))]
    #[case::waited(set(Some(WAIT)), "+OK\r\n:2\r\n", WRITTEN)]
    #[case::short(set(Some(WAIT)), "+OK\r\n:1\r\n", AttemptOutcome::Unknown(ErrorKind::WaitShort))]
    #[case::unblocked(set(Some(WAIT)), "+OK\r\n-UNBLOCKED gone\r\n", AttemptOutcome::Unknown(ErrorKind::OtherReply))]
    #[case::wait_of_nothing(
        set(Some(WAIT)),
        "-CLUSTERDOWN no\r\n:2\r\n",
        AttemptOutcome::NotExecuted(ErrorKind::ClusterDown)
    )]
    #[case::odd_wait(set(Some(WAIT)), "+OK\r\n+OK\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case::wait_unanswered(set(Some(WAIT)), "+OK\r\n", WRITTEN)]
    fn replies_are_classified(#[case] op: Op, #[case] bytes: &str, #[case] answer: AttemptOutcome) {
        let command = MixCommand::of_entry(&op, 0, (1, Position(0)), 0xAB).last().unwrap();
        let (mut rest, mut got) = (bytes.as_bytes(), MixCommand::UNANSWERED);
        for nth in 0..command.replies() {
            let Some((reply, used)) = Reply::parse(rest).unwrap() else { break };
            got = command.classify(nth, &reply, got);
            rest = &rest[used..];
        }
        assert_eq!(got, answer);
    }
}
