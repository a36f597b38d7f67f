//! A lock on a majority of independent masters: `SET key token NX PX ttl` on each in turn, and a script that gives it back.

use std::fmt;

use documented::Documented;
use serde::Deserialize;

use super::{Answer, AttemptOutcome, CommandKind, OpKind, script};
use crate::evidence::{DataType, ErrorKind, OperationEffect};
use crate::load::resp::{Reply, push_array, push_bulk};
use crate::load::value::{push_id, push_number};
use crate::text::{Cursor, Problem};
use crate::vocab::{Duration, Instant, SystemAbility};

/// takes a lock that lasts `ttl` on a majority of the masters, asking one after the other (`SET key token NX PX ttl`), holds it for `hold`, and gives it back on all of them; who has no majority gives back what it has and tries again after `retry_wait`. A client believes to hold a lock until it gives it back, or until `ttl` is over, less the time that taking it took and a drift of 1 % and 2 ms; with `pause: "2s"` it is stopped for that long meanwhile, as by a garbage collection, looks at no clock, and believes until it gives it back
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Redlock {
    /// How often it is chosen, relative to the mix's other entries.
    #[serde(default = "super::one")]
    pub weight: u32,
    /// When the masters forget the lock.
    pub ttl: Duration,
    /// How long the client works before it gives the lock back.
    pub hold: Duration,
    /// For how long the client is stopped while it holds the lock.
    #[serde(default)]
    pub pause: Duration,
    /// How long one master is waited for, so that one that is down does not take the lock's time.
    #[serde(default = "node_timeout_default")]
    pub node_timeout: Duration,
}

/// What the documentation names for a lock of some seconds: 5 to 50 ms.
fn node_timeout_default() -> Duration {
    Duration::from_millis(50)
}

/// Gives the lock back if it is still the client's own.
const RELEASE: &[u8] =
    br#"if redis.call("get",KEYS[1]) == ARGV[1] then return redis.call("del",KEYS[1]) else return 0 end"#;

/// A lock of less could not be taken, held and given back.
const TTL_MIN: Duration = Duration::from_millis(10);

impl Redlock {
    pub(super) const EXAMPLE: &str = r#"Redlock(ttl: "10s", hold: "100ms")"#;

    /// How many of so many masters make a majority.
    pub(crate) const fn quorum(masters: usize) -> usize {
        masters / 2 + 1
    }

    /// Until when a lock is valid that a client began to take at a moment: clocks may drift apart by 1 % and 2 ms meanwhile.
    /// (Redis documentation, "Distributed Locks with Redis"; the drift is that of its reference implementation, redlock-rb.)
    pub(crate) fn valid_until(&self, began: Instant) -> Instant {
        let ttl = self.ttl.as_nanos();
        began.plus_nanos(ttl.saturating_sub(ttl / 100 + 2_000_000))
    }

    /// Until when a client believes to hold a lock that it had at a moment and that is valid for so long.
    pub(crate) fn believed_until(&self, taken: Instant, valid_until: Instant) -> Instant {
        let done = taken.plus_nanos(self.hold.as_nanos().saturating_add(self.pause.as_nanos()));
        if self.pause == Duration::default() { done.min(valid_until) } else { done }
    }
}

impl fmt::Display for Redlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lock for {}, held for {}", self.ttl, self.hold)?;
        if self.pause == Duration::default() { Ok(()) } else { write!(f, " and a pause of {}", self.pause) }
    }
}

impl OpKind for Redlock {
    fn weight(&self) -> u32 {
        self.weight
    }

    fn commands(&self) -> &'static [CommandKind] {
        &[
            CommandKind { name: "LOCK", effect: OperationEffect::Locks },
            CommandKind { name: "UNLOCK", effect: OperationEffect::Unlocks },
        ]
    }

    fn data(&self) -> DataType {
        DataType::Lock
    }

    fn expires(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    fn lock(&self) -> Option<&Redlock> {
        Some(self)
    }

    fn needed_ability(&self) -> Option<SystemAbility> {
        Some(SystemAbility::Independence)
    }

    fn problems(&self, at: Cursor<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.ttl < TTL_MIN {
            let problem = Problem::new(at.field("ttl").head(), "a lock of less than 10 ms is over before it is taken");
            problems.push(problem.help("write how long masters remember the lock, such as \"10s\""));
        } else if self.node_timeout >= self.ttl {
            let message = format!("waiting for one master would take the whole {} of the lock", self.ttl);
            let problem = Problem::new(at.field("node_timeout").head(), message);
            problems.push(problem.help("write a small part of `ttl`, such as \"50ms\" of \"10s\""));
        }
        for (field, time) in [("hold", self.hold), ("node_timeout", self.node_timeout)] {
            if time == Duration::default() {
                problems.push(Problem::new(at.field(field).head(), "this takes no time at all"));
            }
        }
        problems
    }

    fn encode(&self, command: usize, out: &mut Vec<u8>, key: &[u8], id: u64) {
        if command > 0 {
            script::encode(out, [b"EVAL", RELEASE], key);
            return push_id(out, id);
        }
        push_array(out, 6);
        push_bulk(out, b"SET");
        push_bulk(out, key);
        push_id(out, id);
        push_bulk(out, b"NX");
        push_bulk(out, b"PX");
        push_number(out, self.ttl.as_nanos() / 1_000_000);
    }

    /// What one master says.
    fn classify(&self, answer: &Answer<'_>) -> AttemptOutcome {
        match (answer.command, answer.reply) {
            (0, Reply::Nil) => AttemptOutcome::NotExecuted(ErrorKind::LockHeld),
            (0, _) => answer.is_ok(),
            _ => answer.counts(),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    /// Began to take it at 1000 ms, and had it 20 ms later.
    #[rstest]
    #[case::given_back(1_000, 100, 0, 1_120)]
    #[case::the_time_is_over(1_000, 5_000, 0, 1_988)]
    #[case::no_look_at_the_clock(1_000, 100, 3_000, 4_120)]
    fn a_client_believes_for_so_long(#[case] ttl: u64, #[case] hold: u64, #[case] pause: u64, #[case] until: u64) {
        let lock = Redlock { weight: 1, ttl: ms(ttl), hold: ms(hold), pause: ms(pause), node_timeout: ms(50) };
        let valid_until = lock.valid_until(Instant::from_millis(1_000));
        assert_eq!(lock.believed_until(Instant::from_millis(1_020), valid_until), Instant::from_millis(until));
    }

    #[rstest]
    #[case(1, 1)]
    #[case(2, 2)]
    #[case(4, 3)]
    #[case(5, 3)]
    fn a_majority_is_more_than_half(#[case] masters: usize, #[case] quorum: usize) {
        assert_eq!(Redlock::quorum(masters), quorum);
    }
}
