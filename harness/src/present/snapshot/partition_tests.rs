//! Snapshots of partitions.

use super::super::sample::Story;
use super::tests::{section, snapshot_of};
use crate::evidence::RecordedStep;
use crate::evidence::testing::{heal, partition, run};

fn timeline() -> Vec<RecordedStep> {
    vec![partition("A | the rest", &["A"]), run("5s"), heal(), run("5s")]
}

/// A is isolated with some hosts; `winner` takes over.
fn isolated(replicas: usize, hosts: &[&str], winner: &str, timeline: Vec<RecordedStep>) -> Story {
    let mut story = Story::formed(replicas, timeline);
    story.isolate(3_000, 0, hosts);
    story.alone(4_500, hosts);
    story.failed("A");
    story.promote(winner, "A");
    story.all_but_see(5_000, hosts);
    story.settled_apart(5_000);
    story
}

#[test]
fn both_sides_of_a_partition_are_shown() {
    let mut story = isolated(1, &["A"], "A1", timeline());
    story.heal(8_000, 2);
    story.rejoin("A", "A1");
    story.everyone_sees(9_500);
    story.settled_apart(9_500);
    let text = snapshot_of(story);
    assert_eq!(
        section(&text, "Partition A | B C A1 B1 C1"),
        "Partition A | B C A1 B1 C1\n  \
         seen by B, C, A1, B1 and C1, where the cluster serves:\n    \
         A   master of 0-5460 -> master without slots, failed\n    \
         A1  replica of A -> master of 0-5460\n  \
         seen by A, where the cluster refuses to serve:\n    \
         B   master of 5461-10922 -> master of 5461-10922, failed\n    \
         C   master of 10923-16383 -> master of 10923-16383, failed\n    \
         A1  replica of A -> replica of A, failed\n    \
         B1  replica of B -> replica of B, failed\n    \
         C1  replica of C -> replica of C, failed"
    );
    assert_eq!(section(&text, "Heal all links"), "Heal all links\n  A   master without slots, failed -> replica of A1");
    assert!(text.contains("\nend\n  A   replica of A1\n"), "{text}");
}

#[test]
fn what_the_harness_heals_at_the_end_is_named() {
    let mut story = isolated(1, &["A"], "A1", timeline()[..2].to_vec());
    story.heal(8_000, None);
    story.rejoin("A", "A1");
    story.everyone_sees(9_500);
    story.settled_apart(9_500);
    let text = snapshot_of(story);
    let healed = "healed at the end: `cut`";
    assert_eq!(section(&text, healed), format!("{healed}\n  A   master without slots, failed -> replica of A1"));
}

#[test]
fn a_cut_too_short_to_be_noticed_did_not_settle() {
    let mut story = Story::formed(1, timeline());
    story.isolate(3_000, 0, &["A"]);
    story.heal(3_300, 2);
    story.everyone_sees(3_500);
    story.settled_apart(3_500);
    let text = snapshot_of(story);
    let heading = "Partition A | B C A1 B1 C1";
    assert_eq!(section(&text, heading), format!("{heading}\n  (the cluster did not settle before the next step)"));
    assert_eq!(section(&text, "Heal all links"), "Heal all links\n  (nothing changed)");
}

/// A is isolated, `winner` of A1 and A2 takes over; later the new master is isolated in its turn.
fn drawn(winner: &str, last: RecordedStep) -> String {
    let mut timeline = timeline();
    timeline.push(last);
    let mut story = isolated(2, &["A"], winner, timeline);
    story.heal(8_000, 2);
    story.rejoin("A", winner);
    story.everyone_sees(9_500);
    story.settled_apart(9_500);
    story.isolate(12_000, 4, &[winner]);
    snapshot_of(story)
}

#[test]
fn whoever_wins_an_election_in_a_partition_the_bytes_are_the_same() {
    let last = || partition("the master of slot 0 | the rest", &[]);
    let text = drawn("A1", last());
    assert_eq!(drawn("A2", last()), text);
    assert!(text.contains("\nPartition A1 | A B C B1 C1 A2 B2 C2\n"), "{text}");
    assert!(text.contains("A1  replica of A -> master of 0-5460  (one of A1, A2)"), "{text}");
    assert!(text.contains("A2  replica of A -> replica of A, failed"), "{text}");
}

#[test]
fn links_that_go_by_the_places_of_nodes_keep_the_names() {
    let ring = RecordedStep { by_place: true, ..partition("all but neighbours in a ring", &[]) };
    assert!(!drawn("A2", ring).contains("one of"));
}
