//! How far replicas may be behind their masters, in time; how that is measured is said in `check/followers.rs`.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::During;
use super::case::Case;
use super::excess::explain_excess;
use super::finding::{self, Finding, Status};
use super::followers::{self, Lag, ReplicaLags};
use super::sample_size;
use super::slo_kind::{IDLE_MACHINE_BELOW, NeededLoad, SloKind, WrongNumber};
use crate::vocab::{Duration, Percent};

/// how long replicas take until they have what their master has, by the replication offsets of both, which are asked for every 10 ms; for each replica by itself
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct ReplicationLag {
    /// The quantile in percent, such as 50, 99 or 99.9; 100 is the maximum.
    pub quantile: Percent,
    /// The longest it may be.
    pub max: Duration,
    /// The part of the run it is about.
    #[serde(default)]
    pub during: During,
}

impl ReplicationLag {
    pub(super) const EXAMPLE: &str = r#"ReplicationLag(quantile: 99, max: "100ms", during: Steady)"#;
}

impl fmt::Display for ReplicationLag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{} replication lag {} <= {}", self.quantile.value(), self.during, self.max)
    }
}

impl SloKind for ReplicationLag {
    /// Each replica by itself; the worst counts.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::limit(self.max);
        let followers = followers::during(case, self.during);
        let judged = followers.iter().map(|follower| self.judge_one(follower));
        let severity = |status: Status| match status {
            Status::Fail => 2,
            Status::Inconclusive => 1,
            Status::Pass => 0,
        };
        let worst = judged.max_by_key(|(finding, most)| (severity(finding.status), *most));
        let Some((worst, _)) = worst else {
            let nothing = format!("no replica followed a master that was written to in the {} part", self.during);
            return Finding::nothing(self, limit, nothing);
        };
        let each = followers.iter().map(text);
        Finding { note: finding::note(std::iter::once(worst.note).chain(each)), ..worst }
    }

    /// By the rule of `Latency`.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let followers = followers::during(case, self.during);
        let missed = followers.iter().filter(|follower| self.judge_one(follower).0.status == Status::Fail);
        finding::all_explained(missed.map(|follower| {
            let lags: Vec<_> = follower.lags.iter().map(|lag| (lag.asked, lag.least_nanos)).collect();
            explain_excess(case, self.quantile, self.max, &lags)
        }))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn during(&self) -> Option<During> {
        Some(self.during)
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let max = (self.max < Duration::from_millis(20)).then(|| {
            let help = "write \"20ms\" or more; with more than 12 nodes \"40ms\"";
            WrongNumber::new("max", "offsets are asked for every 10 ms: a shorter lag cannot be told", help)
        });
        max.into_iter().chain(WrongNumber::of_quantile(self.quantile, "longest lag")).collect()
    }

    fn variant(&self) -> u64 {
        self.quantile.value().to_bits()
    }
}

impl ReplicationLag {
    /// Also returns the most that was measured.
    fn judge_one(&self, follower: &ReplicaLags<'_>) -> (Finding, u64) {
        let (limit, max, samples) = (finding::limit(self.max), self.max.as_nanos(), follower.lags.len() as u64);
        let [least, most] = [follower.quantile(Lag::least, self.quantile), follower.quantile(Lag::most, self.quantile)];
        let over = follower.lags.iter().filter(|lag| lag.least_nanos > max).count() as u64;
        let refuted = sample_size::refutes_quantile(self.quantile, over, samples);
        let needed = sample_size::for_quantile(self.quantile);
        let (status, doubt) = match () {
            () if samples < needed && !refuted => {
                (Status::Inconclusive, format!("{needed} positions of a master are needed for this quantile"))
            }
            () if least > max => (Status::Fail, String::new()),
            () if most > max => {
                (Status::Inconclusive, format!("it was between {} and {}", finding::time(least), time_of(most)))
            }
            () => (Status::Pass, String::new()),
        };
        let measured = if status == Status::Fail { least } else { most };
        let finding = Finding {
            status,
            measured: time_of(measured),
            samples,
            note: finding::note([format!("the worst is {}", follower.replica), doubt]),
            ..Finding::nothing(self, limit, "")
        };
        (finding, most)
    }
}

/// Its quantiles in words.
fn text(follower: &ReplicaLags<'_>) -> String {
    let [p50, p99, longest] = followers::SHOWN.map(|quantile| time_of(follower.quantile(Lag::most, quantile)));
    let (replica, count) = (follower.replica, follower.lags.len());
    format!("{replica}: p50 <= {p50}, p99 <= {p99}, longest <= {longest} ({count} positions)")
}

fn time_of(nanos: u64) -> String {
    if nanos == u64::MAX { "never".to_owned() } else { finding::time(nanos) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::Slo;
    use crate::check::testing::{LOAD_STARTS, Story, late, ms};
    use crate::evidence::ReplicationRecord;
    use crate::vocab::Instant;

    /// A's master is asked every 10 ms and has always come further; its replica has it as many milliseconds later as said. Both have
    /// been asked 10 ms before each answer.
    fn story(lag: impl Fn(u64) -> u64) -> Story {
        let mut story = Story::formed();
        story.run(LOAD_STARTS, LOAD_STARTS + 15_000);
        story.view(LOAD_STARTS, &["A1"]);
        story.end(LOAD_STARTS + 15_000);
        follow(&mut story, "A", "A1", 1_400, lag);
        story
    }

    /// So many positions of a master, and when its replica had come as far.
    fn follow(story: &mut Story, master: &str, replica: &str, positions: u64, lag: impl Fn(u64) -> u64) {
        let records = &mut story.evidence.replication;
        for at in (LOAD_STARTS..LOAD_STARTS + 10 * positions).step_by(10) {
            let offset = i64::try_from(at).unwrap();
            let record = |node: &str, at: u64| {
                let (asked, before) = (Instant::from_millis(at), Some(Instant::from_millis(at - 10)));
                ReplicationRecord { asked, at: asked, before, node: node.into(), offset }
            };
            records.extend([record(master, at), record(replica, at + lag(at))]);
        }
        records.sort_by_key(|record| record.at);
    }

    fn of(quantile: f64, max: u64) -> ReplicationLag {
        ReplicationLag { quantile: Percent::try_from(quantile).unwrap(), max: ms(max), during: During::Whole }
    }

    #[rstest]
    #[case::keeps_up(|_| 5, 20, Status::Pass, "5 ms")]
    #[case::is_behind(|_| 50, 100, Status::Pass, "50 ms")]
    #[case::is_as_far_behind_as_it_may_be(|_| 100, 100, Status::Pass, "100 ms")]
    #[case::is_too_far_behind(|_| 150, 100, Status::Fail, "140 ms")]
    #[case::between_two_questions(|_| 105, 100, Status::Inconclusive, "105 ms")]
    #[case::at_least_as_far_as_it_may_be(|_| 110, 100, Status::Inconclusive, "110 ms")]
    #[case::once(|at| if at == 5_000 { 400 } else { 5 }, 20, Status::Pass, "5 ms")]
    fn a_replica_is_behind(
        #[case] lag: impl Fn(u64) -> u64,
        #[case] max: u64,
        #[case] status: Status,
        #[case] measured: &str,
    ) {
        let finding = story(lag).judge(Slo::ReplicationLag(of(99.0, max)));
        assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
        assert!(finding.note.contains("the worst is A1") && finding.note.contains("A1: p50 <= "), "{}", finding.note);
        let asked = (format!("p99 replication lag whole <= {max}ms"), format!("{max} ms"));
        assert_eq!((finding.check, finding.limit), asked);
    }

    /// A replica stands still at 5 s for a moment.
    #[test]
    fn a_finding_tells_of_doubt_and_of_each_replica() {
        let lag = |at| if (5_000..5_100).contains(&at) { 5_200 - at } else { 105 };
        let finding = story(lag).judge(Slo::ReplicationLag(of(99.0, 100)));
        let each = "A1: p50 <= 105 ms, p99 <= 105 ms, longest <= 200 ms (1400 positions)";
        assert_eq!(finding.note, format!("the worst is A1; it was between 95 ms and 105 ms; {each}"));
        assert_eq!(finding.samples, 1_400);
    }

    /// So many positions of a master, and in how many of them, the last ones, its replica is how many milliseconds behind.
    #[rstest]
    #[case::enough(50.0, 22, (0, 400), Status::Pass)]
    #[case::too_few(50.0, 21, (0, 400), Status::Inconclusive)]
    #[case::too_few_and_all_too_long(50.0, 21, (21, 400), Status::Fail)]
    #[case::too_few_and_a_handful_too_long(99.0, 100, (5, 400), Status::Inconclusive)]
    #[case::too_few_and_all_at_least_as_long_as_they_may_be(99.0, 100, (100, 110), Status::Inconclusive)]
    fn a_pass_needs_samples(
        #[case] quantile: f64,
        #[case] all: u64,
        #[case] (long, took): (u64, u64),
        #[case] status: Status,
    ) {
        let mut story = story(|_| 5);
        story.evidence.replication.clear();
        follow(&mut story, "A", "A1", all, |at| if at >= LOAD_STARTS + 10 * (all - long) { took } else { 5 });
        let finding = story.judge(Slo::ReplicationLag(of(quantile, 100)));
        assert_eq!((finding.status, finding.samples), (status, all), "{}", finding.note);
        let needed = if quantile < 99.0 { 22 } else { 1_052 };
        let doubt = format!("{needed} positions of a master are needed for this quantile");
        assert_eq!(finding.note.contains(&doubt), status == Status::Inconclusive, "{}", finding.note);
    }

    /// A's replica has that lag all the time, and so has B's in so many positions: the worse of both counts.
    #[rstest]
    #[case::both_keep_up(5, (50, 1_400), Status::Pass, "50 ms", "B1")]
    #[case::too_little_is_known_of_one(50, (5, 3), Status::Inconclusive, "5 ms", "B1")]
    #[case::one_is_too_far_behind(150, (400, 3), Status::Fail, "140 ms", "A1")]
    fn the_worst_replica_counts(
        #[case] of_a: u64,
        #[case] (of_b, positions): (u64, u64),
        #[case] status: Status,
        #[case] measured: &str,
        #[case] worst: &str,
    ) {
        let mut story = story(|_| of_a);
        follow(&mut story, "B", "B1", positions, |_| of_b);
        let finding = story.judge(Slo::ReplicationLag(of(99.0, 100)));
        assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
        assert!(finding.note.starts_with(&format!("the worst is {worst}; ")), "{}", finding.note);
        assert!(finding.note.contains("A1: p50") && finding.note.contains("B1: p50"), "{}", finding.note);
    }

    /// A replica stands still for 400 ms where 20 may be; timers are late by so much in each tenth of a second.
    #[rstest]
    #[case::enough(100.0, 20, true)]
    #[case::too_little(50.0, 20, false)]
    #[case::nothing_to_explain(100.0, 400, false)]
    fn a_miss_is_explained_by_what_the_machine_took(#[case] late_ms: f64, #[case] max: u64, #[case] explained: bool) {
        let mut story = story(|at| if (5_000..5_400).contains(&at) { 5_400 - at } else { 5 });
        story.machine(16_000, |_| late(late_ms));
        assert_eq!(of(100.0, max).explained_by_machine(&story.case()).is_some(), explained);
    }

    /// What another run on the same machine may take is a large part of a short limit, and a small part of a long one.
    #[rstest]
    #[case(999, true)]
    #[case(1_000, false)]
    fn a_short_lag_is_measured_on_an_idle_machine(#[case] max: u64, #[case] idle: bool) {
        assert_eq!((of(99.0, max).is_timed(), of(99.0, max).needs_idle_machine()), (true, idle));
    }

    #[test]
    fn who_never_comes_so_far_is_behind_for_ever() {
        let mut story = story(|_| 5);
        story
            .evidence
            .replication
            .retain(|record| record.node.as_str() == "A" || record.at < Instant::from_millis(5_000));
        let finding = story.judge(Slo::ReplicationLag(of(50.0, 100)));
        assert_eq!(finding.status, Status::Fail, "{}", finding.note);
        assert!(finding.note.contains("longest <= never"), "{}", finding.note);
    }

    /// Its replica says at 10.01 s that it has what the master has said since 5 s, when it was started again.
    #[test]
    fn a_master_that_begins_anew_has_another_history() {
        let mut story = story(|_| 5);
        let begins = Instant::from_millis(5_000);
        story.evidence.replication.retain(|record| record.node.as_str() == "A" || record.at < begins);
        for record in story.evidence.replication.iter_mut().filter(|record| record.asked >= begins) {
            record.offset -= 5_000;
        }
        let at = Instant::from_millis(10_010);
        let resynced = ReplicationRecord { asked: at, at, before: None, node: "A1".into(), offset: 1_000_000 };
        story.evidence.replication.push(resynced);
        let finding = story.judge(Slo::ReplicationLag(of(99.0, 1_000)));
        assert_eq!(finding.status, Status::Fail, "{}", finding.note);
    }

    /// From 40 ms before B is killed on A's replica falls behind, by two seconds or for ever.
    #[rstest]
    #[case::for_seconds(u64::MAX)]
    #[case::for_ever(5_000)]
    fn in_the_steady_part_a_lag_lasts_until_the_fault(#[case] last: u64) {
        let mut story = story(|at| if at >= 4_960 { 2_000 } else { 5 });
        story.act(5_000, 0, "Kill", "B");
        story.evidence.replication.retain(|record| {
            let until = if record.node.as_str() == "A" { 5_000 } else { last };
            record.at.0 / 1_000_000 < until
        });
        let slo = ReplicationLag { quantile: Percent::ALL, max: ms(100), during: During::Steady };
        let finding = story.judge(Slo::ReplicationLag(slo));
        assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "40 ms"), "{}", finding.note);
    }

    /// The replica is asked 2 ms before its master, and has by then what that is about to say.
    #[test]
    fn what_a_replica_has_before_its_master_is_asked_counts() {
        let mut story = story(|_| 5);
        for record in story.evidence.replication.iter_mut().filter(|record| record.node.as_str() == "A1") {
            let asked = Instant(record.asked.0 - 7_000_000);
            (record.asked, record.at) = (asked, asked);
        }
        let slo = ReplicationLag { quantile: Percent::ALL_BUT_ONE, max: ms(20), during: During::Whole };
        let finding = story.judge(Slo::ReplicationLag(slo));
        assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "0 ms"), "{}", finding.note);
    }

    /// At 5 s A1 takes over, and need not follow what A still does by itself.
    #[test]
    fn who_takes_over_follows_nobody_any_more() {
        let mut story = story(|_| 5);
        story.hand_over("A", "A1");
        story.view(5_005, &["A1"]);
        let takes_over = Instant::from_millis(5_005);
        story.evidence.replication.retain(|record| record.node.as_str() == "A" || record.at <= takes_over);
        let slo = ReplicationLag { quantile: Percent::ALL, max: ms(20), during: During::Whole };
        let finding = story.judge(Slo::ReplicationLag(slo));
        assert_eq!((finding.status, finding.measured.as_str()), (Status::Pass, "5 ms"), "{}", finding.note);
    }

    #[test]
    fn without_a_replica_nothing_is_known() {
        let mut story = story(|_| 5);
        story.evidence.topology.retain(|record| record.node.as_str() != "A1");
        let finding = story.judge(Slo::ReplicationLag(of(50.0, 100)));
        assert_eq!((finding.status, finding.samples, finding.limit.as_str()), (Status::Inconclusive, 0, "100 ms"));
        assert_eq!(finding.note, "no replica followed a master that was written to in the whole part");
    }
}
