//! A command that is about to be sent: one operation of the history.

use super::{Answer, AttemptOutcome, CommandKind, Op, Redlock, Wait};
use crate::evidence::{
    DataType, ErrorKind, LoadIndex, NO_WORKER, Operation, OperationEffect, OperationSource, Outcome, Value,
};
use crate::load::Load;
use crate::load::pacing::Due;
use crate::load::resp::Reply;
use crate::vocab::{Duration, Instant, Position};

/// An entry of a load's mix, and what is the same of each operation that it is.
#[derive(Clone, Debug)]
pub(crate) struct MixEntry {
    op: Op,
    /// Its position in the mix.
    position: u16,
    /// How often it is chosen, relative to the mix's other entries.
    pub(crate) weight: u32,
    /// What its key holds.
    pub(crate) data: DataType,
    /// Whether no two of the entry may be under way on one key.
    pub(crate) takes_turns: bool,
    /// Whether it writes, or sends, a value of its own.
    pub(crate) is_unique: bool,
    iterates: bool,
    commands: Vec<EntryCommand>,
}

/// A command of an entry.
#[derive(Clone, Copy, Debug)]
struct EntryCommand {
    /// What it does to its key.
    effect: OperationEffect,
    /// What stands behind it, if it writes and its entry waits.
    wait: Option<Wait>,
    /// How many replies it gets.
    replies: usize,
    /// How much longer than others its replies may take, because the server waits for something.
    server_waits: Duration,
}

impl MixEntry {
    /// The entries of a mix.
    pub(crate) fn of(mix: &[Op]) -> Vec<Self> {
        (0..).zip(mix).map(|(position, op)| Self::new(position, op.clone())).collect()
    }

    fn new(position: u16, op: Op) -> Self {
        let kind = op.kind();
        let command = |(nth, command): (usize, &CommandKind)| {
            let wait = kind.wait().filter(|_| command.effect.writes());
            let replies = kind.replies(nth) + usize::from(wait.is_some());
            let server_waits = wait.map_or_else(|| kind.blocks_for(), |wait| wait.timeout);
            EntryCommand { effect: command.effect, wait, replies, server_waits }
        };
        Self {
            position,
            weight: kind.weight(),
            data: kind.data(),
            takes_turns: op.takes_turns(),
            is_unique: op.is_unique(),
            iterates: kind.iterates(),
            commands: kind.commands().iter().enumerate().map(command).collect(),
            op,
        }
    }

    /// Its command at that position for a key that lies there; none behind the last. What it writes has this id.
    pub(crate) fn command(&self, nth: usize, (key, place): (u32, Position), id: u64) -> Option<MixCommand<'_>> {
        let position = u8::try_from(nth).ok().filter(|_| nth < self.commands.len())?;
        Some(MixCommand { entry: self, position, key, place, id })
    }
}

/// A command that is about to be sent. It is sent unchanged by every attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MixCommand<'a> {
    entry: &'a MixEntry,
    /// The command's position in its entry.
    position: u8,
    /// The key's number.
    pub(crate) key: u32,
    /// Where the key lies.
    pub(crate) place: Position,
    /// The id of the value, if it writes one.
    id: u64,
}

impl<'a> MixCommand<'a> {
    fn of_entry(&self) -> &'a EntryCommand {
        &self.entry.commands[usize::from(self.position)]
    }

    /// What its key holds.
    pub(crate) fn data(&self) -> DataType {
        self.entry.data
    }

    /// What it does to its key.
    pub(crate) fn effect(&self) -> OperationEffect {
        self.of_entry().effect
    }

    /// What it writes; missing if nothing of its own.
    fn written(&self) -> Value {
        if self.effect().is_unique() { Value::Written(self.id) } else { Value::Missing }
    }

    /// The operation on a key of that shard that nobody had begun at a moment.
    pub(crate) fn not_started(&self, load: LoadIndex, shard: Option<u16>, due: Due, at: Instant) -> Operation {
        Operation {
            load,
            worker: NO_WORKER,
            source: OperationSource::Mix { entry: self.entry.position, command: self.position },
            effect: self.effect(),
            data: self.data(),
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
            replaced: None,
            node: None,
        }
    }

    /// Adds the command for the key of that text, in one piece.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, key: &[u8]) {
        self.entry.op.kind().encode(self.position.into(), out, key, self.id);
        if let Some(wait) = self.of_entry().wait {
            wait.encode(out);
        }
    }

    /// How many replies it gets.
    pub(crate) fn replies(&self) -> usize {
        self.of_entry().replies
    }

    /// Whether it goes through all keys of every shard, a step at a time.
    pub(crate) fn iterates(&self) -> bool {
        self.entry.iterates
    }

    /// The step of an iteration at that cursor.
    pub(crate) fn at_cursor(self, cursor: u64) -> Self {
        Self { id: cursor, ..self }
    }

    /// What a step of an iteration brought: where it goes on, 0 if nowhere, and the keys.
    pub(crate) fn step<'r>(&self, reply: &Reply<'r>) -> Option<(u64, Vec<&'r [u8]>)> {
        self.entry.op.kind().step(reply)
    }

    /// Whether the keys that are not found matter.
    pub(crate) fn looks_for_keys(&self, load: &Load) -> bool {
        load.looks_for_keys(&self.entry.op)
    }

    /// The lock that it takes or gives back on every master, if it does.
    pub(crate) fn lock(&self) -> Option<&'a Redlock> {
        self.entry.op.kind().lock()
    }

    /// The command that gives back what this one takes.
    pub(crate) fn giving_back(self) -> Self {
        Self { position: self.position + 1, ..self }
    }

    /// How much longer than others its replies may take, because the server waits for something.
    pub(crate) fn server_waits(&self) -> Duration {
        self.of_entry().server_waits
    }

    /// What an attempt that got no reply says: anything may have happened.
    pub(crate) const UNANSWERED: AttemptOutcome = AttemptOutcome::Unknown(ErrorKind::Protocol);

    /// What is known after the reply number `nth` (from 0), when `before` was known before it.
    pub(crate) fn classify(&self, nth: usize, reply: &Reply<'_>, before: AttemptOutcome) -> AttemptOutcome {
        let EntryCommand { wait, replies, .. } = self.of_entry();
        if let Some(wait) = wait.filter(|_| nth + 1 == *replies) {
            return wait.classify(reply, before);
        }
        let answer = Answer { command: self.position.into(), nth, reply, written: self.written(), before };
        self.entry.op.kind().classify(&answer)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::load::testing::load;

    fn entry(text: &str) -> MixEntry {
        MixEntry::of(&load("app", &format!("mix: [{text}], keys: Uniform(1)")).mix).remove(0)
    }

    /// Its commands for the first key.
    fn commands(entry: &MixEntry) -> impl Iterator<Item = MixCommand<'_>> {
        (0..).map_while(|nth| entry.command(nth, (1, Position(0)), 0xAB))
    }

    const SET: &str = r#"Set(value: "18B")"#;
    const SET_AND_WAIT: &str = r#"Set(value: "18B", wait: (replicas: 2, timeout: "50ms"))"#;
    const SET_GET: &str = r#"Set(value: "16B", get: true)"#;
    const SET_GET_AND_WAIT: &str = r#"Set(value: "16B", get: true, wait: (replicas: 2, timeout: "50ms"))"#;
    const INCR_AND_WAITAOF: &str = r#"Incr(wait: (replicas: 2, local: 1, timeout: "50ms"))"#;
    const PAIR: &str = r#"SetThenGet(value: "18B")"#;
    const MSET: &str = r#"Mset(keys: 2, value: "16B")"#;
    const TRANSACTION: &str = r#"Transaction(keys: 2, value: "16B")"#;
    const WATCHED: &str = r#"Transaction(keys: 2, value: "16B", watch: true)"#;

    /// As words, without the lengths that the wire needs.
    fn words(bytes: &[u8]) -> String {
        let (mut rest, mut words) = (bytes, Vec::new());
        while let Some((Reply::Array(arguments), used)) = Reply::parse(rest).unwrap() {
            let text = |argument: &Reply<'_>| match argument {
                Reply::Bulk(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                other => format!("{other:?}"),
            };
            words.push(arguments.iter().map(text).collect::<Vec<_>>().join(" "));
            rest = &rest[used..];
        }
        assert!(rest.is_empty(), "{rest:?}");
        words.join("; ")
    }

    #[rstest]
    #[case("Get()", "GET k:1")]
    #[case(SET, "SET k:1 8cc1466ad3122315xx")]
    #[case(r#"Set(value: "16B", expires: "1500ms")"#, "SET k:1 8cc1466ad3122315 PX 1500")]
    #[case(r#"Set(value: "16B", get: true, expires: "1s")"#, "SET k:1 8cc1466ad3122315 GET PX 1000")]
    #[case(SET_AND_WAIT, "SET k:1 8cc1466ad3122315xx; WAIT 2 50")]
    #[case::no_wait_is_for_ever(
        r#"Set(value: "16B", wait: (replicas: 1, timeout: "0ms"))"#,
        "SET k:1 8cc1466ad3122315; WAIT 1 1"
    )]
    #[case::one_after_the_other(PAIR, "SET k:1 8cc1466ad3122315xx; GET k:1")]
    #[case("Del()", "DEL k:1")]
    #[case("Incr()", "INCR k:1")]
    #[case(INCR_AND_WAITAOF, "INCR k:1; WAITAOF 1 2 50")]
    #[case("Append()", "APPEND k:1 8cc1466ad3122315")]
    #[case(r#"Rpush(value: "17B")"#, "RPUSH k:1 8cc1466ad3122315x")]
    #[case("Lrange(last: 10)", "LRANGE k:1 -10 -1")]
    #[case(r#"Blpop(timeout: "1050ms")"#, "BLPOP k:1 1.050")]
    #[case("Sadd()", "SADD k:1 8cc1466ad3122315")]
    #[case("Smembers()", "SMEMBERS k:1")]
    #[case(r#"Hset(value: "17B")"#, "HSET k:1 8cc1466ad3122315 8cc1466ad3122315x")]
    #[case("Hgetall()", "HGETALL k:1")]
    #[case("Zadd()", "ZADD k:1 171 8cc1466ad3122315")]
    #[case("Zrange(last: 10)", "ZRANGE k:1 -10 -1")]
    #[case(MSET, "MSET k:1:1 8cc1466ad3122315 k:1:2 8cc1466ad3122315")]
    #[case("Mget(keys: 2)", "MGET k:1:1 k:1:2")]
    #[case(TRANSACTION, "MULTI; SET k:1:1 8cc1466ad3122315; SET k:1:2 8cc1466ad3122315; EXEC")]
    #[case(WATCHED, "WATCH k:1:1 k:1:2; MULTI; SET k:1:1 8cc1466ad3122315; SET k:1:2 8cc1466ad3122315; EXEC")]
    #[case("Transfer(accounts: 2)", "MULTI; DECRBY k:1:2 10; INCRBY k:1:1 10; EXEC")]
    #[case("Balances(accounts: 2)", "MGET k:1:1 k:1:2")]
    #[case(r#"Eval(value: "16B")"#, r#"EVAL return redis.call("SET", KEYS[1], ARGV[1]) 1 k:1 8cc1466ad3122315"#)]
    #[case(r#"Fcall(value: "16B", function: "put")"#, "FCALL put 1 k:1 8cc1466ad3122315")]
    #[case("Scan(count: 10)", "SCAN 171 COUNT 10")]
    #[case(r#"Publish(value: "17B")"#, "PUBLISH k:1 8cc1466ad3122315x")]
    #[case(r#"Spublish(value: "16B")"#, "SPUBLISH k:1 8cc1466ad3122315")]
    fn commands_are_encoded(#[case] text: &str, #[case] expected: &str) {
        let (entry, mut out) = (entry(text), Vec::new());
        commands(&entry).for_each(|command| command.encode(&mut out, b"k:1"));
        assert_eq!(words(&out), expected);
    }

    const WRITTEN: AttemptOutcome = AttemptOutcome::Acknowledged(Value::Written(0xAB));
    const fn read(number: u64) -> AttemptOutcome {
        AttemptOutcome::Acknowledged(Value::Number(number))
    }
    const fn elements(count: u32) -> AttemptOutcome {
        AttemptOutcome::Acknowledged(Value::Elements { at: 0, count })
    }
    const MISSING: AttemptOutcome = AttemptOutcome::Acknowledged(Value::Missing);
    const FOREIGN: AttemptOutcome = AttemptOutcome::Acknowledged(Value::Foreign);
    const TORN: AttemptOutcome = AttemptOutcome::Acknowledged(Value::Torn);
    const MISFIT: AttemptOutcome = AttemptOutcome::Unknown(ErrorKind::Protocol);
    const DOWN: AttemptOutcome = AttemptOutcome::NotExecuted(ErrorKind::ClusterDown);

    const ID: &str = "$16\r\n8cc1466ad3122315\r\n";
    const OTHER: &str = "$16\r\nf2f6c1429c51ed79\r\n";

    /// The last command of the entry.
    #[rstest]
    #[case::set(SET, "+OK\r\n", WRITTEN)]
    #[case::not_the_ok(SET, "+QUEUED\r\n", MISFIT)]
    #[case::set_is_no_get(SET, "$-1\r\n", MISFIT)]
    #[case::replaced(SET_GET, OTHER, AttemptOutcome::Replaced(Value::Written(0xAB), Value::Written(0xAC)))]
    #[case::replaced_nothing(SET_GET, "$-1\r\n", AttemptOutcome::Replaced(Value::Written(0xAB), Value::Missing))]
    #[case::not_what_it_replaced(SET_GET, "+OK\r\n", MISFIT)]
    #[case::replaced_and_waited(
        SET_GET_AND_WAIT,
        "$-1\r\n:2\r\n",
        AttemptOutcome::Replaced(Value::Written(0xAB), Value::Missing)
    )]
    #[case::replaced_and_short(SET_GET_AND_WAIT, "$-1\r\n:1\r\n", AttemptOutcome::Unknown(ErrorKind::WaitShort))]
    #[case::read_only(SET, "-READONLY no\r\n", AttemptOutcome::NotExecuted(ErrorKind::ReadOnly))]
    #[case::missing("Get()", "$-1\r\n", MISSING)]
    #[case::read("Get()", ID, WRITTEN)]
    #[case::foreign("Get()", "$2\r\nhi\r\n", FOREIGN)]
    #[case::get_is_no_set("Get()", "+OK\r\n", MISFIT)]
    #[case::wrong_type("Get()", "-WRONGTYPE no\r\n", AttemptOutcome::NotExecuted(ErrorKind::OtherReply))]
    #[case::counter("Get(of: Counter)", "$2\r\n17\r\n", read(17))]
    #[case::no_counter("Get(of: Counter)", "$2\r\nhi\r\n", FOREIGN)]
    #[case::log("Get(of: Log)", "$32\r\n8cc1466ad3122315f2f6c1429c51ed79\r\n", elements(2))]
    #[case::read_of_a_pair(PAIR, "$-1\r\n", MISSING)]
    #[case::waited(SET_AND_WAIT, "+OK\r\n:2\r\n", WRITTEN)]
    #[case::short(SET_AND_WAIT, "+OK\r\n:1\r\n", AttemptOutcome::Unknown(ErrorKind::WaitShort))]
    #[case::unblocked(SET_AND_WAIT, "+OK\r\n-UNBLOCKED gone\r\n", AttemptOutcome::Unknown(ErrorKind::OtherReply))]
    #[case::wait_of_nothing(SET_AND_WAIT, "-CLUSTERDOWN no\r\n:2\r\n", DOWN)]
    #[case::odd_wait(SET_AND_WAIT, "+OK\r\n+OK\r\n", MISFIT)]
    #[case::wait_unanswered(SET_AND_WAIT, "+OK\r\n", WRITTEN)]
    #[case::on_disks(INCR_AND_WAITAOF, ":7\r\n*2\r\n:1\r\n:2\r\n", read(7))]
    #[case::not_on_its_own(INCR_AND_WAITAOF, ":7\r\n*2\r\n:0\r\n:2\r\n", AttemptOutcome::Unknown(ErrorKind::WaitShort))]
    #[case::not_on_others(INCR_AND_WAITAOF, ":7\r\n*2\r\n:1\r\n:1\r\n", AttemptOutcome::Unknown(ErrorKind::WaitShort))]
    #[case::no_waitaof(INCR_AND_WAITAOF, ":7\r\n-ERR unknown\r\n", AttemptOutcome::Unknown(ErrorKind::OtherReply))]
    #[case::removed("Del()", ":1\r\n", MISSING)]
    #[case::nothing_to_remove("Del()", ":0\r\n", MISSING)]
    #[case::counted("Incr()", ":3\r\n", read(3))]
    #[case::appended("Append()", ":32\r\n", WRITTEN)]
    #[case::pushed(r#"Rpush(value: "16B")"#, ":2\r\n", WRITTEN)]
    #[case::range("Lrange(last: 3)", "*2\r\n+a\r\n+b\r\n", elements(2))]
    #[case::popped(r#"Blpop(timeout: "1s")"#, "*2\r\n$3\r\nk:1\r\n$16\r\n8cc1466ad3122315\r\n", WRITTEN)]
    #[case::nothing_to_pop(r#"Blpop(timeout: "1s")"#, "*-1\r\n", MISSING)]
    #[case::fields("Hgetall()", "*4\r\n+a\r\n+b\r\n+c\r\n+d\r\n", elements(2))]
    #[case::all_the_same("Mget(keys: 2)", &format!("*2\r\n{ID}{ID}"), WRITTEN)]
    #[case::all_missing("Mget(keys: 2)", "*2\r\n$-1\r\n$-1\r\n", MISSING)]
    #[case::not_the_same("Mget(keys: 2)", &format!("*2\r\n{ID}{OTHER}"), TORN)]
    #[case::one_missing("Mget(keys: 2)", &format!("*2\r\n$-1\r\n{OTHER}"), TORN)]
    #[case::across_slots(MSET, "-CROSSSLOT Keys\r\n", AttemptOutcome::NotExecuted(ErrorKind::KeysApart))]
    #[case::transaction(TRANSACTION, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n+OK\r\n+OK\r\n", WRITTEN)]
    #[case::refused_in_the_queue(TRANSACTION, "+OK\r\n-CLUSTERDOWN no\r\n+QUEUED\r\n-EXECABORT x\r\n", DOWN)]
    #[case::refused_at_the_end(
        TRANSACTION,
        "+OK\r\n+QUEUED\r\n+QUEUED\r\n-EXECABORT Transaction discarded because of: CLUSTERDOWN no\r\n",
        DOWN
    )]
    #[case::no_transaction(TRANSACTION, "-LOADING no\r\n+OK\r\n", MISFIT)]
    #[case::half_of_it(TRANSACTION, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*1\r\n+OK\r\n", MISFIT)]
    #[case::unwatched(TRANSACTION, "+OK\r\n+QUEUED\r\n+QUEUED\r\n*-1\r\n", MISFIT)]
    #[case::watched(
        WATCHED,
        "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n*-1\r\n",
        AttemptOutcome::NotExecuted(ErrorKind::Conflict)
    )]
    #[case::broken_off(TRANSACTION, "+OK\r\n+QUEUED\r\n", AttemptOutcome::Unknown(ErrorKind::Closed))]
    #[case::transferred("Transfer(accounts: 2)", "+OK\r\n+QUEUED\r\n+QUEUED\r\n*2\r\n:1\r\n:-1\r\n", WRITTEN)]
    #[case::half_a_transfer("Transfer(accounts: 2)", "+OK\r\n+QUEUED\r\n+QUEUED\r\n*1\r\n:1\r\n", MISFIT)]
    #[case::not_transferred("Transfer(accounts: 2)", "+OK\r\n-CLUSTERDOWN no\r\n+QUEUED\r\n-EXECABORT x\r\n", DOWN)]
    #[case::balances("Balances(accounts: 2)", "*2\r\n$1\r\n7\r\n$2\r\n-3\r\n", read(4))]
    #[case::script(r#"Eval(value: "16B")"#, "+OK\r\n", WRITTEN)]
    #[case::script_down(r#"Eval(value: "16B")"#, "-CLUSTERDOWN no\r\n", DOWN)]
    #[case::script_failed(
        r#"Eval(value: "16B")"#,
        "-OOM command not allowed\r\n",
        AttemptOutcome::Unknown(ErrorKind::OutOfMemory)
    )]
    #[case::published(r#"Publish(value: "16B")"#, ":0\r\n", WRITTEN)]
    #[case::published_elsewhere(r#"Spublish(value: "16B")"#, "-CLUSTERDOWN no\r\n", DOWN)]
    #[case::not_published(r#"Spublish(value: "16B")"#, "+OK\r\n", MISFIT)]
    #[case::scanned("Scan(count: 10)", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\na\r\n", read(1))]
    #[case::no_cursor("Scan(count: 10)", "*2\r\n$1\r\nx\r\n*0\r\n", MISFIT)]
    fn replies_are_classified(#[case] text: &str, #[case] bytes: &str, #[case] expected: AttemptOutcome) {
        let entry = entry(text);
        let command = commands(&entry).last().unwrap();
        let (mut rest, mut got) = (bytes.as_bytes(), MixCommand::UNANSWERED);
        for nth in 0..command.replies() {
            let Some((reply, used)) = Reply::parse(rest).unwrap() else { break };
            got = command.classify(nth, &reply, got);
            rest = &rest[used..];
        }
        assert_eq!(got, expected);
    }
}
