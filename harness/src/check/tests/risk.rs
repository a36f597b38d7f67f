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
#[case::the_replica_says_so_as_the_fault_begins(
    2_500, &[(2_600, "A", 90), (3_000, "A1", 90)], 0, Status::Inconclusive,
    "A acknowledged 0 writes that no replica was known to have, in the 400 ms before"
)]
#[case::both_were_asked_in_the_same_moment(
    2_500, &[(2_600, "A", 90), (2_600, "A1", 90)], 0, Status::Inconclusive,
    "A acknowledged 0 writes that no replica was known to have, in the 400 ms before"
)]
#[case::nothing_was_written_meanwhile(
    2_300, &[(2_400, "A", 90), (2_500, "A1", 90), (2_600, "A", 90)], 0, Status::Inconclusive,
    "A acknowledged 0 writes that no replica was known to have, in the 400 ms before"
)]
#[case::the_master_began_anew(
    2_500, &[(2_300, "A", 200), (2_350, "A1", 200), (2_400, "A", 50), (2_450, "A1", 50), (2_600, "A", 90)], 0,
    Status::Pass, "A acknowledged 1 write that no replica was known to have, in the 600 ms before"
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

/// A load ran until 3 s, with a write to A's shard that A acknowledged then; what takes A down, and whether that write was at risk.
#[rstest]
#[case::in_the_second_before(2_000, &|story: &mut Story| story.act(3_000, 0, "Kill", "A"), true, "A acknowledged 1 write in the second before")]
#[case::earlier(1_999, &|story: &mut Story| story.act(3_000, 0, "Kill", "A"), false, "A acknowledged 0 writes in the second before")]
#[case::at_the_fault(3_000, &|story: &mut Story| story.act(3_000, 0, "Kill", "A"), true, "A acknowledged 1 write in the second before")]
#[case::after_the_load(
    2_000,
    &|story: &mut Story| story.act(6_000, 0, "Kill", "A"),
    true,
    "1 write acknowledged on A's shard before the load ended"
)]
#[case::cut_off(
    2_500,
    &|story: &mut Story| story.isolate(3_000, 0, "cut", &["A"]),
    true,
    "A acknowledged 1 write in the second before it was cut off"
)]
#[case::cut_off_later(
    1_500,
    &|story: &mut Story| story.isolate(3_000, 0, "cut", &["A"]),
    false,
    "A acknowledged 0 writes in the second before it was cut off"
)]
#[case::cut_off_with_its_client(
    1_500,
    &|story: &mut Story| {
        story.isolate(3_000, 0, "cut", &["A", "app"]);
        let key = story.key_of("A");
        story.write(3_500, key, |_| {});
    },
    true,
    "A acknowledged 0 writes in the second before it was cut off, and 1 after that"
)]
#[case::its_client_asked_for_copies_in_vain(
    2_500,
    &|story: &mut Story| {
        story.evidence.plan.loads[0].mix[0].waits_for_replicas = true;
        story.isolate(3_000, 0, "cut", &["A", "app"]);
        let key = story.key_of("A");
        story.write(3_500, key, |write| (write.outcome, write.unknown_attempts) = (Ended::Unknown, 1));
    },
    true,
    "A acknowledged 1 write in the second before it was cut off, and 1 were written after that but not confirmed"
)]
#[case::its_client_asked_for_copies_and_wrote_nothing(
    2_500,
    &|story: &mut Story| {
        story.evidence.plan.loads[0].mix[0].waits_for_replicas = true;
        story.isolate(3_000, 0, "cut", &["A", "app"]);
    },
    false,
    "A acknowledged 1 write in the second before it was cut off, and 0 were written after that but not confirmed"
)]
#[case::its_client_asked_for_copies_and_was_refused(
    2_500,
    &|story: &mut Story| {
        story.evidence.plan.loads[0].mix[0].waits_for_replicas = true;
        story.isolate(3_000, 0, "cut", &["A", "app"]);
        let key = story.key_of("A");
        story.write(3_500, key, |write| write.outcome = Ended::Fail);
    },
    false,
    "A acknowledged 1 write in the second before it was cut off, and 0 were written after that but not confirmed"
)]
#[case::a_client_elsewhere_asks_for_copies(
    2_500,
    &|story: &mut Story| {
        story.evidence.plan.loads[0].mix[0].waits_for_replicas = true;
        story.isolate(3_000, 0, "cut", &["A"]);
    },
    true,
    "A acknowledged 1 write in the second before it was cut off"
)]
fn what_a_fault_finds_is_at_risk(
    #[case] acknowledged: u64,
    #[case] fault: &dyn Fn(&mut Story),
    #[case] at_risk: bool,
    #[case] words: &str,
) {
    let mut story = Story::formed();
    let (key, other) = (story.key_of("A"), story.key_of("B"));
    story.write(acknowledged - 1, key, |_| {});
    // What others acknowledge, what is only read and what failed is at no risk with A.
    story.write(2_900, other, |_| {});
    story.write(2_910, key + 3, |read| read.effect = OperationEffect::Reads);
    story.write(2_920, key + 6, |write| write.outcome = Ended::Fail);
    fault(&mut story);
    story.end(5_000);
    let finding = story.judge(Slo::LostWrites(LostWrites { max: 9, min: 0 }));
    assert!(finding.note.contains(words), "{}", finding.note);
    assert_eq!(
        finding.note.contains("no write was at risk: let a load write to A's shard until A is"),
        !at_risk,
        "{}",
        finding.note
    );
    assert_eq!(finding.status, if at_risk { Status::Pass } else { Status::Inconclusive }, "{}", finding.note);
}
