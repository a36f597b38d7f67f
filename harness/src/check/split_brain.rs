//! How long two masters of one shard acknowledged writes at the same time.
//!
//! A master that is cut off from the majority goes on until its node timeout is over, and a replica may have been promoted on the other
//! side before that. (Redis documentation, "Redis Cluster specification", "Write safety".) The time goes from the first write that the
//! successor acknowledged to the last one that its predecessor was asked for after that and acknowledged. So it is the least that was
//! possible: with few clients on both sides it is shorter than the time in which both would have served.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{FaultScope, IDLE_MACHINE_BELOW, NeededFault, NeededLoad, SloKind, WrongNumber};
use super::takedown::{Takedown, TakedownCause};
use super::window::Window;
use crate::evidence::{ClusterState, ErrorKind, EventKind, Operation, Outcome, TopologyRecord};
use crate::vocab::{Duration, Instant, SystemAbility};

/// how long two masters of one shard acknowledged writes at the same time; it takes clients on both sides of a partition. With `min` a run in which that lasted less is inconclusive: the danger that it is about did not arise
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct SplitBrain {
    /// How long it may last.
    pub max: Duration,
    /// How long it must last at least, where the scenario is about it.
    #[serde(default)]
    pub min: Duration,
}

impl SplitBrain {
    pub(super) const EXAMPLE: &str = r#"SplitBrain(max: "0s")"#;
}

impl fmt::Display for SplitBrain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.min.as_nanos() {
            0 => write!(f, "split brain <= {}", self.max),
            _ => write!(f, "split brain {} to {}", self.min, self.max),
        }
    }
}

/// What the two masters of a shard did after one had been cut off and the other had begun to serve.
struct TwoMasters<'a> {
    takedown: &'a Takedown,
    /// When the successor had acknowledged its first write; none if it acknowledged none.
    began: Option<Instant>,
    /// From then until the predecessor acknowledged its last.
    nanos: u64,
    /// How many the predecessor acknowledged in that time, and the successor.
    writes: [u64; 2],
    /// Whether it is known that the predecessor had ended before, or was asked once more and refused.
    ended: bool,
}

impl TwoMasters<'_> {
    fn status(&self, slo: SplitBrain) -> Status {
        match () {
            () if self.nanos > slo.max.as_nanos() => Status::Fail,
            () if self.began.is_none() || !self.ended || self.nanos < slo.min.as_nanos() => Status::Inconclusive,
            () => Status::Pass,
        }
    }

    fn note(&self) -> String {
        let failed = &self.takedown.failed;
        let Some(successor) = self.takedown.promotion.as_ref().filter(|_| self.began.is_some()) else {
            return format!("nobody else acknowledged a write of {failed}'s shard");
        };
        let (successor, [old, new]) = (&successor.node, self.writes);
        let unknown = if self.ended { "" } else { "; whether it would have taken more nobody asked" };
        if old == 0 {
            return format!("{failed} acknowledged nothing after {successor}'s first write{unknown}");
        }
        format!(
            "for {} both {failed} and {successor} acknowledged writes of one shard: {failed} {old}, {successor} {new}{unknown}",
            finding::time(self.nanos)
        )
    }
}

impl SloKind for SplitBrain {
    /// When a master lost its majority is where it begins.
    fn needed_ability(&self) -> Option<SystemAbility> {
        Some(SystemAbility::Elections)
    }

    /// Every master that was cut off; the worst of them counts.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = match self.min.as_nanos() {
            0 => finding::time(self.max.as_nanos()),
            min => format!("{} to {}", finding::time(min), finding::time(self.max.as_nanos())),
        };
        let pairs: Vec<_> = two_masters(case).collect();
        let Some(worst) = pairs.iter().max_by_key(|pair| pair.nanos) else {
            return Finding::nothing(self, limit, "no master was cut off from the majority");
        };
        let statuses: Vec<_> = pairs.iter().map(|pair| pair.status(*self)).collect();
        let has = |status| statuses.contains(&status);
        Finding {
            status: match () {
                () if has(Status::Fail) => Status::Fail,
                () if has(Status::Inconclusive) => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: if pairs.iter().all(|pair| pair.began.is_none()) {
                "-".to_owned()
            } else {
                finding::time(worst.nanos)
            },
            samples: pairs.iter().flat_map(|pair| pair.writes).sum(),
            note: finding::note(pairs.iter().map(TwoMasters::note)),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if for every pair that took too long the machine may have taken as much, while it lasted.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let late = two_masters(case).filter_map(|pair| {
            let excess = pair.nanos.checked_sub(self.max.as_nanos()).filter(|excess| *excess > 0)?;
            let start = pair.takedown.began;
            Some((Window { start, end: pair.began?.plus_nanos(pair.nanos) }, excess))
        });
        finding::all_explained(late.map(|(stretch, excess)| case.machine.explain(stretch, excess)))
    }

    fn is_timed(&self) -> bool {
        true
    }

    /// At most none is met or missed by what was acknowledged, not by how quick it was.
    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW && self.max != Duration::default()
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn needed_fault(&self) -> Option<NeededFault> {
        Some(NeededFault {
            does: FaultScope::CutsLinks,
            name: "partition",
            help: "cut a master off with a client on its side: `Partition(links: Isolate(node: \"A\", with: [\"app\"]))`",
        })
    }
}

fn two_masters<'t>(case: &'t Case<'_>) -> impl Iterator<Item = TwoMasters<'t>> {
    let cut = case.takedowns.iter().filter(|takedown| takedown.cause == TakedownCause::Partition);
    cut.map(|takedown| {
        let began = takedown.first_write.map(|first| first.ended);
        let Some(start) = began else {
            return TwoMasters { takedown, began, nanos: 0, writes: [0, 0], ended: false };
        };
        let until = serves_rightly_again(case, takedown, start);
        let acknowledged =
            |write: &Operation| write.writes() && write.outcome == Outcome::Ok && takedown.is_about(write);
        let by_old = |write: &Operation| {
            acknowledged(write)
                && write.started > start
                && write.ended < until
                && case.node_name(write.node) == Some(&takedown.failed)
        };
        let old: Vec<_> = case.client_operations().filter(by_old).map(|write| write.ended).collect();
        let last = old.iter().max().copied().unwrap_or(start);
        let successor = takedown.promotion.as_ref().map(|promotion| &promotion.node);
        let by_new = |write: &Operation| {
            acknowledged(write) && (start..=last).contains(&write.ended) && case.node_name(write.node) == successor
        };
        let new = if old.is_empty() { 0 } else { case.client_operations().filter(by_new).count() as u64 };
        // Begun after the last that was acknowledged, and refused by a server: nobody else is on the predecessor's side.
        let refused = |write: &Operation| write.started > last && write.error.is_some_and(is_refusal);
        let ended =
            refused_by(case, takedown, start) || case.writes_on_the_side_of(takedown).any(|write| refused(&write));
        TwoMasters { takedown, began, nanos: last.nanos_since(start), writes: [old.len() as u64, new], ended }
    })
}

/// Whether a server that owns the key no longer, or reaches no majority, answers like that.
const fn is_refusal(error: ErrorKind) -> bool {
    use ErrorKind as Kind;
    matches!(error, Kind::Moved | Kind::ClusterDown | Kind::ReadOnly | Kind::MasterDown | Kind::NoReplicas)
}

/// Whether the master itself said by then that it refuses to serve.
fn refused_by(case: &Case<'_>, takedown: &Takedown, by: Instant) -> bool {
    let refuses = |record: &TopologyRecord| record.view.as_ref().is_some_and(|view| view.state == ClusterState::Fail);
    let own = case.evidence.topology.iter().filter(|record| record.node == takedown.failed);
    let mut between = own.filter(|record| (takedown.began..=by).contains(&record.at));
    between.any(refuses)
}

/// When a master that had been replaced won its shard back, or was taken down again.
fn serves_rightly_again(case: &Case<'_>, takedown: &Takedown, after: Instant) -> Instant {
    let wins = case.evidence.events.iter().filter_map(|event| match &event.kind {
        EventKind::Log(record) if record.says.is_promotion() && record.node == takedown.failed => Some(record.logged),
        _ => None,
    });
    wins.filter(|won| *won > after).fold(takedown.until, Instant::min)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::Slo;
    use crate::check::testing::{LOAD_STARTS, Story, late, ms};
    use crate::evidence::LogEvent;

    /// `A` is cut off at 3 s, `A1` takes its first write, which ends at 5.001 s. `A` acknowledges writes that start at these times, says
    /// at `refuses` that it serves no more, and does not answer what starts at `asked`.
    fn cut_off(starts: &[u64], refuses: u64, asked: &[u64]) -> Story {
        let mut story = Story::formed();
        let key = story.key_of("A");
        story.run(LOAD_STARTS, 3_000);
        story.isolate(3_000, 0, "cut", &["A", "app"]);
        story.replace_isolated(3_000, 1_900, refuses - 3_000);
        for ms in [5_000, 5_500, 6_500] {
            story.write(ms, key, |write| write.node = Some(3));
        }
        for ms in starts {
            story.write(*ms, key, |_| {});
        }
        let fails = |write: &mut Operation| {
            (write.outcome, write.node, write.error) = (Outcome::Fail, None, Some(ErrorKind::ClusterDown));
        };
        for ms in asked {
            story.write(*ms, key, fails);
        }
        story.end(7_000);
        story
    }

    #[rstest]
    #[case::it_had_ended_before(&[4_000], 4_500, &[], 0, 0, (Status::Pass, "0 ms", "A acknowledged nothing after A1's first write"))]
    #[case::it_refused(&[4_000], 5_500, &[5_100], 0, 0, (Status::Pass, "0 ms", "nothing after A1's first write"))]
    #[case::nobody_asked(&[4_000], 5_500, &[], 0, 0, (Status::Inconclusive, "0 ms", "whether it would have taken more nobody asked"))]
    #[case::both(&[5_200, 5_800], 6_000, &[6_100], 0, 0, (Status::Fail, "800 ms", "for 800 ms both A and A1 acknowledged writes of one shard: A 2, A1 2"))]
    #[case::less_than_allowed(&[5_200], 6_000, &[6_100], 200, 0, (Status::Pass, "200 ms", "A 1, A1 1"))]
    #[case::maybe_more_than_allowed(&[5_200], 6_000, &[], 200, 0, (Status::Inconclusive, "200 ms", "nobody asked"))]
    #[case::asked_before_that_had_ended(&[5_200], 6_000, &[5_201], 200, 0, (Status::Inconclusive, "200 ms", "nobody asked"))]
    #[case::less_than_expected(&[5_200], 6_000, &[6_100], 2_000, 500, (Status::Inconclusive, "200 ms", "A 1"))]
    #[case::as_the_other_began(&[5_001], 6_000, &[6_100], 0, 0, (Status::Pass, "0 ms", "nothing after"))]
    fn two_masters_acknowledge(
        #[case] starts: &[u64],
        #[case] refuses: u64,
        #[case] asked: &[u64],
        #[case] max: u64,
        #[case] min: u64,
        #[case] (status, measured, words): (Status, &str, &str),
    ) {
        let slo = SplitBrain { max: ms(max), min: ms(min) };
        let finding = cut_off(starts, refuses, asked).judge(Slo::SplitBrain(slo));
        assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
        assert!(finding.note.contains(words), "{}", finding.note);
    }

    /// A read, a write that failed and one of another shard tell nothing of two masters.
    #[test]
    fn acknowledged_writes_of_the_shard_count() {
        let mut story = cut_off(&[5_200, 5_300, 5_800], 6_000, &[6_100]);
        let (key, other) = (story.key_of("A"), story.key_of("B"));
        story.write(5_900, key, |read| read.effect = crate::evidence::OperationEffect::Reads);
        story.write(5_910, key, |write| write.outcome = Outcome::Fail);
        story.write(5_920, other, |write| write.node = Some(0));
        let finding = story.judge(Slo::SplitBrain(SplitBrain { max: ms(800), min: ms(800) }));
        assert_eq!((finding.status, finding.samples), (Status::Pass, 5), "{}", finding.note);
        assert!(finding.note.ends_with("writes of one shard: A 3, A1 2"), "{}", finding.note);
        assert_eq!(
            (finding.check.as_str(), finding.limit.as_str()),
            ("split brain 800ms to 800ms", "800 ms to 800 ms")
        );
        let finding = story.judge(Slo::SplitBrain(SplitBrain { max: ms(800), min: ms(0) }));
        assert_eq!((finding.check.as_str(), finding.limit.as_str()), ("split brain <= 800ms", "800 ms"));
    }

    /// `A` acknowledges until 5.801 s; from when on it does so rightly, what it says in its log meanwhile or others in theirs.
    #[rstest]
    #[case::it_won("A", 5_600, LogEvent::ElectionWon, "200 ms")]
    #[case::it_won_as_it_answered("A", 5_201, LogEvent::ElectionWon, "0 ms")]
    #[case::it_won_as_the_other_began("A", 5_001, LogEvent::ElectionWon, "800 ms")]
    #[case::it_had_won_before("A", 4_500, LogEvent::ElectionWon, "800 ms")]
    #[case::another_won("B", 5_100, LogEvent::ElectionWon, "800 ms")]
    #[case::it_said_something_else("A", 5_100, LogEvent::MarkedFailing { about: "B".into() }, "800 ms")]
    fn a_master_that_won_its_shard_back_serves_rightly(
        #[case] node: &str,
        #[case] at: u64,
        #[case] says: LogEvent,
        #[case] measured: &str,
    ) {
        let mut story = cut_off(&[5_200, 5_800], 6_000, &[6_100]);
        story.log(at, node, says);
        assert_eq!(story.judge(Slo::SplitBrain(SplitBrain { max: ms(0), min: ms(0) })).measured, measured);
    }

    /// It lasts for 800 ms; timers are late by so much in each tenth of a second since the cut.
    #[rstest]
    #[case::enough(30.0, 0, true)]
    #[case::too_little(20.0, 0, false)]
    #[case::nothing_to_explain(30.0, 800, false)]
    fn a_miss_is_explained_by_what_the_machine_took(#[case] late_ms: f64, #[case] max: u64, #[case] explained: bool) {
        let mut story = cut_off(&[5_200, 5_800], 6_000, &[6_100]);
        story.machine(7_000, |_| late(late_ms));
        let slo = SplitBrain { max: ms(max), min: ms(0) };
        assert_eq!(slo.explained_by_machine(&story.case()).is_some(), explained);
    }

    /// Whether another run on the same machine could decide it: no time at all is kept or not, however busy a machine is.
    #[rstest]
    #[case::none_at_all(0, false)]
    #[case::a_short_time(999, true)]
    #[case::a_long_time(1_000, false)]
    fn a_short_time_is_measured_on_an_idle_machine(#[case] max: u64, #[case] idle: bool) {
        let slo = SplitBrain { max: ms(max), min: ms(0) };
        assert_eq!((slo.is_timed(), slo.needs_idle_machine()), (true, idle));
    }

    #[test]
    fn who_has_no_successor_is_alone() {
        let mut story = Story::formed();
        story.run(LOAD_STARTS, 3_000);
        story.isolate(3_000, 0, "cut", &["A"]);
        let finding = story.judge(Slo::SplitBrain(SplitBrain { max: ms(0), min: ms(0) }));
        assert_eq!((finding.status, finding.measured.as_str()), (Status::Inconclusive, "-"));
        assert!(finding.note.contains("nobody else acknowledged a write of A's shard"), "{}", finding.note);
    }
}
