//! Whether writes were at risk.

use super::*;
use crate::check::LostWrites;
use crate::evidence::ReplicationRecord;

/// A's master acknowledges a write at that time, is killed at 3000 ms, and A1 has it. Each record is a node's offset at a time.
fn killed_after(acknowledged: u64, offsets: &[(u64, &str, i64)]) -> Story {
    let mut story = Story::formed();
    let key = story.key_of("A");
    // The load goes on until the fault.
    story.write(acknowledged - 1, key, |_| {});
    story.failover(3_000, 0, 2_000);
    story.run(5_030, 7_000);
    story.end(7_000);
    let record = |&(ms, node, offset): &(u64, &str, i64)| {
        let at = Instant::from_millis(ms);
        ReplicationRecord { asked: at, at, before: None, node: node.into(), offset }
    };
    story.evidence.replication = offsets.iter().map(record).collect();
    story
}

#[rstest]
#[case::no_offsets_are_known(2_500, &[], 0, Status::Pass, "A acknowledged 1 write in the second before")]
#[case::a_replica_has_it(
    2_500, &[(2_600, "A", 90), (2_610, "A1", 90)], 0, Status::Inconclusive,
    "A acknowledged 0 writes that no replica was known to have, in the 400 ms before"
)]
#[case::a_replica_has_it_and_losses_are_allowed(
    2_500, &[(2_600, "A", 90), (2_610, "A1", 90)], 1, Status::Pass, "A acknowledged 1 write in the second before"
)]
#[case::the_replica_is_behind(
    2_500, &[(2_400, "A", 50), (2_410, "A1", 50), (2_600, "A", 90), (2_610, "A1", 60)], 0, Status::Pass,
    "A acknowledged 1 write that no replica was known to have, in the 600 ms before"
)]
#[case::the_master_was_not_asked_since(
    2_990, &[(2_980, "A", 90), (2_985, "A1", 90)], 0, Status::Pass,
    "A acknowledged 1 write that no replica was known to have, in the 20 ms before"
)]
#[case::the_replica_says_so_too_late(
    2_500, &[(2_400, "A", 50), (2_410, "A1", 50), (2_600, "A", 90), (3_010, "A1", 90)], 0, Status::Pass,
    "1 write that no replica was known to have"
)]
#[case::another_node_is_as_far(2_500, &[(2_600, "A", 90), (2_610, "B1", 90)], 0, Status::Pass, "in the second before")]
fn a_write_is_at_risk_until_a_replica_is_known_to_have_it(
    #[case] acknowledged: u64,
    #[case] offsets: &[(u64, &str, i64)],
    #[case] max: u64,
    #[case] status: Status,
    #[case] words: &str,
) {
    let finding = killed_after(acknowledged, offsets).judge(Slo::LostWrites(LostWrites { max, min: 0 }));
    assert_eq!(finding.status, status, "{}", finding.note);
    assert!(finding.note.contains(words), "{}", finding.note);
}
