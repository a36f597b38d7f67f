//! What each load did, in figures.

use super::*;
use crate::evidence::{LoadTotals, Outcome};
use crate::verdict::summary::loads;
use crate::verdict::{LatencySummary, OperationsSummary};

#[test]
fn a_load_is_summed_up_by_part() {
    let mut story = good_until_the_end();
    let key = story.key_of("A");
    story.write(3_000, key, |write| {
        (write.ready, write.started) = (Instant::from_millis(5_000), Instant::from_millis(5_000));
        write.ended = Instant::from_millis(5_043);
        (write.attempts, write.node) = (2, Some(3));
    });
    story.end(9_000);
    let verdict = verdict(&story);
    let [load] = &verdict.loads[..] else { panic!("one load") };
    let parts: Vec<_> = load.latency.iter().map(|latency| (latency.part.as_str(), latency.max_ms)).collect();
    assert_eq!(
        parts,
        [("whole", 2_043.0), ("whole, from the first attempt", 43.0), ("steady", 1.0), ("fault", 2_043.0)]
    );
    // What was due a millisecond before the fault, and ended as it began, counts in both parts.
    let samples: Vec<_> = load.latency.iter().map(|latency| latency.samples).collect();
    assert_eq!(samples[2] + samples[3], samples[0] + 1, "{samples:?}");
    assert_eq!((load.totals.ok, load.seconds), (story_ok(&story), 8.0));
    let alike = |row: &OperationsSummary| (row.shard.as_ref().unwrap().as_str() == "A", row.latency.part == "fault");
    let of_a: Vec<_> = load.operations.iter().filter(|row| alike(row) == (true, true)).collect();
    let [row] = of_a[..] else { panic!("{of_a:?}") };
    assert_eq!((row.command.as_str(), row.outcome, row.latency.max_ms), ("SET", Outcome::Ok, 2_043.0));
    let operations: u64 = load.operations.iter().map(|row| row.latency.samples).sum();
    assert_eq!(operations, story_ok(&story));
}

fn story_ok(story: &Story) -> u64 {
    story.evidence.history.iter().filter(|op| !op.is_final_read()).count() as u64
}

#[test]
fn the_latency_log_has_an_interval_a_second() {
    let intervals = intervals(&latency_log(&good().evidence).unwrap());
    let seconds: Vec<_> = intervals.iter().map(|(second, _)| *second).collect();
    assert_eq!(seconds, [1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert!((intervals[0].1 - 1.0).abs() < 0.01, "{intervals:?}");
    let mut story = good();
    story.write(5_000, 1, |write| (write.outcome, write.shard) = (Outcome::Fail, None));
    story.write(5_000, 3, |write| write.outcome = Outcome::Unknown);
    story.write(5_000, 3, |write| write.load = 7);
    let text = String::from_utf8(latency_log(&story.evidence).unwrap()).unwrap();
    assert!(text.contains("#[StartTime: 1700000000.000 (seconds since epoch)]"), "{text}");
    let tags: std::collections::BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("Tag=")?.split(',').next()).collect();
    let expected = ["app/SET/fail/nobody", "app/SET/ok/A", "app/SET/ok/B", "app/SET/ok/C", "app/SET/unknown/A"];
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), expected);
    let empty = latency_log(&Story::new().evidence).unwrap();
    assert_eq!(empty.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count(), 1);
}

/// Operations of 1 to 1000 ms, one after the other: the nearest ranks.
#[test]
fn latencies_are_told_by_their_ranks() {
    let mut story = Story::formed();
    for nth in 1..=1_000 {
        let (due, ended) = (LOAD_STARTS + 1_000 * nth, Instant::from_millis(LOAD_STARTS + 1_001 * nth));
        story.write(due, 3, |write| write.ended = ended);
    }
    story.end(1_002_000);
    let load = &verdict(&story).loads[0];
    let expected = LatencySummary {
        part: "whole".to_owned(),
        samples: 1_000,
        mean_ms: 500.5,
        p50_ms: 500.0,
        p95_ms: 950.0,
        p99_ms: 990.0,
        p999_ms: 999.0,
        max_ms: 1_000.0,
    };
    assert_eq!(load.latency, std::slice::from_ref(&expected));
    // Every one is of the same command and shard, and without a schedule none can be late.
    assert_eq!((&load.operations[..], &load.starts_late), (&[alike(Outcome::Ok, expected)][..], &None));
}

fn alike(outcome: Outcome, latency: LatencySummary) -> OperationsSummary {
    OperationsSummary { command: "SET".to_owned(), shard: Some("A".into()), outcome, latency }
}

/// A load that did not get to say what it did is told by its operations.
#[test]
fn a_load_that_did_not_end_is_counted_by_its_operations() {
    use crate::evidence::ErrorKind;
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    let outcomes = [
        (Outcome::Ok, None),
        (Outcome::Ok, Some(ErrorKind::TimedOut)),
        (Outcome::Fail, Some(ErrorKind::Refused)),
        (Outcome::Unknown, Some(ErrorKind::TimedOut)),
        (Outcome::Ok, None),
    ];
    for (nth, (outcome, error)) in outcomes.into_iter().enumerate() {
        let due = LOAD_STARTS + 100 * nth as u64;
        story.write(due, 3, |write| {
            (write.outcome, write.error) = (outcome, error);
            // What follows in the same entry is due when the command before it is done.
            if nth == 4 {
                write.source = crate::evidence::OperationSource::Mix { entry: 0, command: 1 };
                write.started = Instant::from_millis(due + 50);
            }
            if nth == 1 {
                write.started = Instant::from_millis(due + 7);
            }
            write.ended = Instant::from_millis(due + 60);
        });
    }
    story.never_begun(1_600, 3, 2_000);
    story.end(2_000);
    let seconds = verdict(&story).loads[0].seconds;
    without(&mut story, |what| matches!(what, EventKind::LoadEnded { .. }));
    let load = &verdict(&story).loads[0];
    let totals = &load.totals;
    assert_eq!((totals.ok, totals.fail, totals.unknown, totals.not_started), (3, 1, 1, 1));
    let errors: Vec<_> = totals.attempt_errors.iter().map(|(error, count)| (*error, *count)).collect();
    assert_eq!(errors.iter().map(|(_, count)| count).sum::<u64>(), 3, "{errors:?}");
    assert!(errors.contains(&(ErrorKind::TimedOut, 2)), "{errors:?}");
    assert_eq!((load.demanded, seconds), (6, 1.0));
    assert!((load.ok_per_second - 3.0 / load.seconds).abs() < 1e-9, "{load:?}");
    let late = load.starts_late.as_ref().unwrap();
    assert_eq!((late.part.as_str(), late.samples, late.max_ms), ("from due to begun", 4, 7.0));
    let rows: Vec<_> = load.operations.iter().map(|row| (row.outcome, row.latency.samples)).collect();
    assert_eq!(rows, [(Outcome::Ok, 1), (Outcome::Ok, 2), (Outcome::Fail, 2), (Outcome::Unknown, 1)]);
}

/// A load knows more of itself than its operations tell, and nothing of another.
#[test]
fn what_a_load_says_of_itself_counts() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 2_000);
    let said = |ok| LoadTotals { ok, ..LoadTotals::default() };
    for (at, load, ok) in [(2_999, "other", 8), (3_000, "app", 7)] {
        story.event(at, EventKind::LoadEnded { load: load.to_owned(), totals: said(ok) });
    }
    assert_eq!(loads(&story.case())[0].totals, said(7));
}

#[test]
fn a_load_that_took_no_time_has_no_rate() {
    let mut story = Story::formed();
    story.write(LOAD_STARTS, 3, |_| {});
    story.end(LOAD_STARTS);
    let load = &loads(&story.case())[0];
    assert_eq!((load.totals.ok, load.seconds, load.ok_per_second), (1, 0.0, 0.0));
}

/// Every operation took 10 ms from when it was due, and so long from its first attempt.
#[rstest]
#[case::a_tenth_less(9_000, false)]
#[case::more_than_a_tenth_less(8_900, true)]
fn figures_from_the_first_attempt_are_shown_where_they_differ(#[case] served_us: u64, #[case] shown: bool) {
    let mut story = Story::formed();
    for due in (LOAD_STARTS..2_000).step_by(10) {
        story.write(due, 3, |write| {
            write.ended = write.intended.plus_nanos(10_000_000);
            write.started = write.intended.plus_nanos(10_000_000 - served_us * 1_000);
        });
    }
    story.never_begun(2_000, 3, 2_010);
    story.end(3_000);
    let latency = &verdict(&story).loads[0].latency;
    let parts: Vec<_> = latency.iter().map(|latency| (latency.part.as_str(), latency.samples)).collect();
    let both = [("whole", 101), ("whole, from the first attempt", 100)];
    assert_eq!(parts, both[..if shown { 2 } else { 1 }]);
}

/// Of several systems each setting says whose it is, and of a node that differs from the first which.
#[test]
fn settings_tell_which_node_differs() {
    let mut story = good();
    story.evidence.plan.nodes[1].config.insert("appendonly".to_owned(), "yes".to_owned());
    let settings = verdict(&story).settings;
    assert_eq!(settings[1..3], ["cluster-require-full-coverage yes", "appendonly no (B: yes)"]);
    let mut other = story.evidence.plan.systems[0].clone();
    (other.noun, other.directives) = ("cache".to_owned(), vec![("save".to_owned(), "300 100".to_owned())]);
    story.evidence.plan.systems.push(other);
    let settings = verdict(&story).settings;
    assert_eq!(settings[2..], ["cluster: appendonly no (B: yes)", "cache: save 300 100", "Redis 7.0.15"]);
}
