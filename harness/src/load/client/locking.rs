//! A lock on a majority of independent masters, as the Redis documentation has it ("Distributed Locks with Redis").

use std::collections::BTreeMap;

use super::super::op::Redlock;
use super::super::worker::StopSignal;
use super::{AttemptOutcome, MixCommand, NodeRequest, RetryingClient, UnderWay};
use crate::evidence::{ErrorKind, Operation, OperationEffect, Outcome, Value};
use crate::load::exchange::Interrupted;
use crate::load::resp::Reply;
use crate::system::NodeIndex;
use crate::vocab::{Address, Duration, Instant};

/// A master: its place in its system, its index in the plan, and its address.
type Master = (NodeIndex, u16, Address);

/// What the masters said to one command, by their places in their system.
struct Answers(BTreeMap<NodeIndex, AttemptOutcome>);

impl Answers {
    /// Those that did it: a bit each.
    fn done(&self) -> u64 {
        let done = self.0.iter().filter(|(_, answer)| matches!(answer, AttemptOutcome::Acknowledged(_)));
        done.map(|(master, _)| 1_u64.checked_shl((*master).into()).unwrap_or(0)).sum()
    }

    /// Whether so many did it.
    fn is_majority(&self) -> bool {
        self.done().count_ones() as usize >= Redlock::quorum(self.0.len())
    }

    /// Whether any may have done it without the client learning it.
    fn is_doubtful(&self) -> bool {
        self.0.values().any(|answer| matches!(answer, AttemptOutcome::Unknown(_)))
    }

    /// Why there was no majority: somebody else's lock, if without those that have it there could be none.
    fn error(&self) -> ErrorKind {
        let errors = || {
            self.0.values().filter_map(|answer| match answer {
                AttemptOutcome::NotExecuted(kind)
                | AttemptOutcome::Elsewhere(kind, _)
                | AttemptOutcome::Unknown(kind) => Some(*kind),
                AttemptOutcome::Acknowledged(_) | AttemptOutcome::Replaced(..) => None,
            })
        };
        let others = |kind: &ErrorKind| *kind != ErrorKind::LockHeld;
        let without = self.0.len() - errors().filter(others).count();
        if without >= Redlock::quorum(self.0.len()) {
            return ErrorKind::LockHeld;
        }
        errors().rfind(others).unwrap_or(ErrorKind::TimedOut)
    }
}

impl RetryingClient {
    /// Does the one command of the batch, which takes a lock or gives it back. Nothing is given back that is not held.
    pub(super) async fn lock_or_unlock(&mut self, batch: &mut Vec<UnderWay<'_>>, lock: &Redlock, deadline: Instant) {
        let Some(command) = batch.first_mut() else { return };
        if command.operation.effect == OperationEffect::Locks {
            self.lock(command, lock, deadline).await;
        } else if let Some(until) = self.holds_until.take() {
            self.unlock(command, lock, until).await;
        } else {
            batch.clear();
        }
    }

    /// Whether it holds a lock, or at least believes so.
    pub(crate) fn holds_a_lock(&self) -> bool {
        self.holds_until.is_some()
    }

    /// Waits for as long as it believes to hold a lock, or until it is told to stop.
    pub(crate) async fn hold(&mut self, stop: &StopSignal) {
        let Some(until) = self.holds_until else { return };
        tokio::select! {
            () = tokio::time::sleep_until(self.shared.clock.std_instant(until).into()) => {}
            () = stop.given() => self.holds_until = Some(self.shared.clock.now().min(until)),
        }
    }

    /// Tries until it has a majority and time is left, or the deadline passes.
    async fn lock(&mut self, under_way: &mut UnderWay<'_>, lock: &Redlock, deadline: Instant) {
        let UnderWay { command, operation, .. } = under_way;
        let (clock, client) = (self.shared.clock, self.shared.load.client.clone());
        for tried in 0.. {
            let began = clock.now();
            let answers = self.ask_masters(command, operation, lock.node_timeout).await;
            let (now, valid_until) = (clock.now(), lock.valid_until(began));
            operation.attempts = operation.attempts.saturating_add(1);
            operation.value = Value::Number(answers.done());
            operation.ended = now;
            if answers.is_majority() && now < valid_until {
                operation.outcome = Outcome::Ok;
                self.holds_until = Some(lock.believed_until(now, valid_until));
                return;
            }
            let kind = if answers.is_majority() { ErrorKind::TimedOut } else { answers.error() };
            operation.error = Some(kind);
            self.shared.attempt_failed(kind);
            self.ask_masters(&command.giving_back(), operation, lock.node_timeout).await;
            let next = clock.now().plus_nanos(Duration(client.wait(tried, &mut self.random)).as_nanos());
            let is_last = client.attempts.is_some_and(|most| tried + 1 >= most) || next >= deadline;
            operation.ended = clock.now();
            if is_last {
                return;
            }
            tokio::time::sleep_until(clock.std_instant(next).into()).await;
        }
    }

    /// Asks every master once, as the documentation has it: those that do not answer forget the lock by themselves.
    async fn unlock(&mut self, under_way: &mut UnderWay<'_>, lock: &Redlock, until: Instant) {
        let UnderWay { command, operation, .. } = under_way;
        (operation.intended, operation.ready) = (until, until);
        let answers = self.ask_masters(command, operation, lock.node_timeout).await;
        (operation.attempts, operation.ended) = (1, self.shared.clock.now());
        if answers.is_majority() {
            operation.outcome = Outcome::Ok;
            return;
        }
        let kind = answers.error();
        operation.error = Some(kind);
        if answers.is_doubtful() {
            (operation.outcome, operation.unknown_attempts) = (Outcome::Unknown, 1);
        }
        self.shared.attempt_failed(kind);
    }

    /// Sends a command to one master after the other, for the operation that it is a part of.
    async fn ask_masters(&mut self, command: &MixCommand<'_>, operation: &mut Operation, timeout: Duration) -> Answers {
        self.request.clear();
        self.shared.keys.text(command.data(), command.key, &mut self.key);
        command.encode(&mut self.request, &self.key);
        let masters: Vec<Master> = self.shared.routes.borrow().known().planned().collect();
        let mut answers = BTreeMap::new();
        for (node, index, address) in masters {
            let now = self.shared.clock.now();
            let until = self.shared.clock.std_instant(now.plus_nanos(timeout.as_nanos()));
            let request = NodeRequest { node, address, bytes: &self.request, replies: 1, until };
            let mut answer = MixCommand::UNANSWERED;
            let shared = &self.shared;
            let on_reply = |reply: &Reply<'_>, _: bool| {
                if let Reply::Error(text) = reply {
                    shared.error_replied(text);
                }
                answer = command.classify(0, reply, answer);
                answer != MixCommand::UNANSWERED
            };
            let ended = self.connections.exchange(&shared.connections, &shared.dialer, &request, on_reply).await;
            if let Err(Interrupted { kind, handed_over_bytes }) = ended {
                answer = answer.cut_short(kind, handed_over_bytes > 0);
            }
            if matches!(answer, AttemptOutcome::Acknowledged(_) | AttemptOutcome::NotExecuted(ErrorKind::LockHeld)) {
                operation.node = Some(index);
            }
            answers.insert(node, answer);
        }
        Answers(answers)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use rstest::rstest;

    use super::*;
    use crate::evidence::HistoryReader;
    use crate::load::RunningLoads;
    use crate::load::testing::{Act, Fake, journal, load, task};

    /// What a master says to `SET .. NX`.
    const GIVES: &str = "+OK\r\n";
    const HAS_GIVEN: &str = "$-1\r\n";
    const LOADS: &str = "-LOADING Redis is loading the dataset in memory\r\n";
    /// Nothing at all.
    const SILENT: &str = "";

    /// What became of one lock that was wanted of masters that say this, and how often it was given back on each.
    async fn lock(masters: &[&'static str], redlock: &str) -> (Vec<Operation>, Vec<usize>) {
        let mut servers = Vec::new();
        for says in masters.iter().copied() {
            let given_back = Arc::new(AtomicUsize::new(0));
            let fake = Fake::bind().await;
            let (own, counts) = (fake.address, Arc::clone(&given_back));
            fake.serve(own, move |command, _| match says {
                _ if command.starts_with("EVAL if redis.call") => {
                    counts.fetch_add(1, Ordering::Relaxed);
                    Act::Say(":1\r\n".to_owned())
                }
                _ if !command.starts_with("SET app:lock:1 ") => Act::Say("-ERR what?\r\n".to_owned()),
                SILENT => Act::Silence,
                says => Act::Say(says.to_owned()),
            });
            servers.push((own, given_back));
        }
        let fields = format!(
            r#"mix: [Redlock({redlock})], keys: Uniform(1), workers: 1, operations: 1, client: (attempts: 2, retry_wait: "1ms")"#
        );
        let addresses: Vec<_> = servers.iter().map(|(address, _)| *address).collect();
        let (_temporary, directory, journal) = journal();
        let running = RunningLoads::start(&[task(load("app", &fields), &addresses)], journal, &directory).unwrap();
        running.end_of("app", Duration::from_secs(20)).await.unwrap();
        running.stop().await.unwrap();
        let file = std::fs::File::open(directory.history()).unwrap();
        let history = HistoryReader::new(file).unwrap().read_all().unwrap().iter().collect();
        (history, servers.iter().map(|(_, given_back)| given_back.load(Ordering::Relaxed)).collect())
    }

    const PATIENT: &str = r#"ttl: "60s", hold: "30ms", node_timeout: "5s""#;
    const HASTY: &str = r#"ttl: "60s", hold: "30ms", node_timeout: "50ms""#;

    #[rstest]
    #[case::of_all(&[GIVES, GIVES, GIVES], PATIENT, 0b111)]
    #[case::somebody_else_has_one(&[GIVES, HAS_GIVEN, GIVES], PATIENT, 0b101)]
    #[case::one_does_not_answer(&[SILENT, GIVES, GIVES], HASTY, 0b110)]
    #[tokio::test]
    async fn who_has_a_majority_has_the_lock(
        #[case] masters: &[&'static str],
        #[case] redlock: &str,
        #[case] granted: u64,
    ) {
        let (history, given_back) = lock(masters, redlock).await;
        let [lock, unlock] = &history[..] else { panic!("{history:?}") };
        assert_eq!((lock.outcome, lock.value, lock.attempts), (Outcome::Ok, Value::Number(granted), 1), "{lock:?}");
        assert_eq!((lock.effect, unlock.effect), (OperationEffect::Locks, OperationEffect::Unlocks));
        assert_eq!((unlock.outcome, unlock.intended), (Outcome::Ok, lock.ended.plus_nanos(30_000_000)));
        // Also by those that did not give it, or did not say so.
        assert_eq!(given_back, vec![1; masters.len()]);
    }

    #[rstest]
    #[case::somebody_else_has_it(&[GIVES, HAS_GIVEN, HAS_GIVEN], PATIENT, 0b001, ErrorKind::LockHeld)]
    #[case::half_of_them(&[GIVES, HAS_GIVEN, GIVES, HAS_GIVEN], PATIENT, 0b101, ErrorKind::LockHeld)]
    #[case::too_few_serve(&[LOADS, GIVES, LOADS], PATIENT, 0b010, ErrorKind::Loading)]
    #[case::its_time_is_over(&[GIVES, GIVES, SILENT], r#"ttl: "100ms", hold: "1s", node_timeout: "99ms""#, 0b011, ErrorKind::TimedOut)]
    #[tokio::test]
    async fn who_has_none_gives_back_what_it_has_and_tries_again(
        #[case] masters: &[&'static str],
        #[case] redlock: &str,
        #[case] granted: u64,
        #[case] error: ErrorKind,
    ) {
        let (history, given_back) = lock(masters, redlock).await;
        let [lock] = &history[..] else { panic!("{history:?}") };
        assert_eq!((lock.outcome, lock.value, lock.attempts), (Outcome::Fail, Value::Number(granted), 2), "{lock:?}");
        assert_eq!(lock.error, Some(error));
        assert_eq!(given_back, vec![2; masters.len()]);
    }

    #[tokio::test]
    async fn who_looks_at_its_clock_ends_in_time() {
        let (history, _) = lock(&[GIVES], r#"ttl: "200ms", hold: "5s""#).await;
        let [lock, unlock] = &history[..] else { panic!("{history:?}") };
        let valid = [lock.started, lock.ended].map(|began| began.plus_nanos(196_000_000));
        assert!((valid[0]..=valid[1]).contains(&unlock.intended), "{history:?}");
    }

    #[tokio::test]
    async fn who_is_stopped_meanwhile_does_not() {
        let (history, _) = lock(&[GIVES], r#"ttl: "200ms", hold: "50ms", pause: "300ms""#).await;
        let [lock, unlock] = &history[..] else { panic!("{history:?}") };
        assert_eq!(unlock.intended, lock.ended.plus_nanos(350_000_000));
    }
}
