//! What each load did, in figures.

use super::*;
use crate::evidence::Outcome;
use crate::verdict::OperationsSummary;

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
    let text = latency_log(&good().evidence).unwrap();
    let text = String::from_utf8(text).unwrap();
    let tags: std::collections::BTreeSet<_> =
        text.lines().filter_map(|line| line.strip_prefix("Tag=")?.split(',').next()).collect();
    assert_eq!(tags.into_iter().collect::<Vec<_>>(), ["app/SET/ok/A", "app/SET/ok/B", "app/SET/ok/C"]);
    let empty = latency_log(&Story::new().evidence).unwrap();
    assert_eq!(empty.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")).count(), 1);
}
