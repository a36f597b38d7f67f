use super::super::sample::{Story, master_kill};
use super::*;
use crate::evidence::testing::{join, kill, kill_selected, run, start, until, wipe};
use crate::evidence::{Event, EventKind, ExitCause, Health, RecordedStep};
use crate::vocab::{Address, Instant};

const FORMED: &str = "\
formed
  A   master of 0-5460
  B   master of 5461-10922
  C   master of 10923-16383
  A1  replica of A
  B1  replica of B
  C1  replica of C
";

fn header() -> String {
    "failover/master_kill\n\
     A master is killed under load: its replica takes over in time and no acknowledged write is lost.\n"
        .to_owned()
}

pub(super) fn snapshot_of(story: Story) -> String {
    let evidence = story.end(60_000);
    topology_snapshot(&evidence)
}

/// From one heading to the next.
pub(super) fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let from = text.find(&format!("\n{heading}\n")).unwrap_or_else(|| panic!("no {heading} in:\n{text}")) + 1;
    text[from..].split("\n\n").next().unwrap()
}

#[test]
fn a_failover_and_a_rejoin() {
    let evidence = master_kill();
    let expected = format!(
        "{}\n{FORMED}
Kill A
  A   master of 0-5460 -> master without slots, failed
  A1  replica of A -> master of 0-5460

Start A
  A   master without slots, failed -> replica of A1

end
  A   replica of A1
  B   master of 5461-10922
  C   master of 10923-16383
  A1  master of 0-5460
  B1  replica of B
  C1  replica of C
",
        header()
    );
    assert_eq!(topology_snapshot(&evidence), expected);
}

#[test]
fn the_pace_of_views_and_of_agreements_does_not_matter() {
    let mut evidence = master_kill();
    let expected = topology_snapshot(&evidence);
    evidence.topology.clear();
    assert_eq!(topology_snapshot(&evidence), expected);
    for (index, event) in evidence.events.iter_mut().enumerate() {
        if let EventKind::Settled { .. } | EventKind::Unsettled { .. } = event.kind {
            event.at = event.at.plus_nanos(index as u64 % 5 * 900_000);
        }
    }
    assert_eq!(topology_snapshot(&evidence), expected);
}

#[test]
fn an_agreement_from_before_a_fault_is_none_after_it() {
    let mut story = Story::formed(1, vec![kill("A"), run("100ms")]);
    story.act(3_000, 0, "Kill", "A");
    let mut evidence = story.end(60_000);
    let agreement = evidence.events.iter().find(|event| matches!(event.kind, EventKind::Settled { .. })).cloned();
    let late = Instant::from_millis(3_001);
    evidence.events.extend(agreement.map(|event| Event { at: late, ..event }));
    let text = topology_snapshot(&evidence);
    assert_eq!(section(&text, "Kill A"), "Kill A\n  (the cluster did not settle before the end)");
}

#[test]
fn two_failovers_in_a_row() {
    let timeline = vec![kill("A"), run("5s"), kill_selected("the master of slot 16383"), run("5s")];
    let mut story = Story::formed(1, timeline);
    story.act(3_000, 0, "Kill", "A");
    story.failed("A");
    story.promote("A1", "A");
    story.everyone_sees(5_000);
    story.settled(5_000);
    story.act(8_000, 2, "Kill", "C");
    story.failed("C");
    story.everyone_sees(9_200);
    story.settled(9_200);
    story.promote("C1", "C");
    story.everyone_sees(9_800);
    story.settled(9_800);
    let text = snapshot_of(story);
    assert!(section(&text, "Kill A").ends_with("A1  replica of A -> master of 0-5460"), "{text}");
    assert_eq!(
        section(&text, "Kill the master of slot 16383: C"),
        "Kill the master of slot 16383: C\n  \
         C   master of 10923-16383 -> master without slots, failed\n  \
         C1  replica of C -> master of 10923-16383"
    );
}

#[test]
fn a_replicas_death_changes_only_its_health() {
    let mut story = Story::formed(1, vec![kill("B1"), run("5s")]);
    story.act(3_000, 0, "Kill", "B1");
    story.failed("B1");
    story.everyone_sees(5_000);
    story.settled(5_000);
    story.act(7_000, None, "Start", "B1");
    story.member("B1", |member| member.health = Health::Ok);
    story.everyone_sees(8_000);
    story.settled(8_000);
    let text = snapshot_of(story);
    assert_eq!(section(&text, "Kill B1"), "Kill B1\n  B1  replica of B -> replica of B, failed");
    let healed = "healed at the end: Start B1";
    assert_eq!(section(&text, healed), format!("{healed}\n  B1  replica of B, failed -> replica of B"));
}

#[test]
fn a_segment_that_did_not_settle_says_so() {
    let mut story = Story::formed(1, vec![kill("A"), start("A"), run("1s")]);
    story.act(3_000, 0, "Kill", "A");
    story.act(3_300, 1, "Start", "A");
    story.everyone_sees(3_600);
    story.settled(3_600);
    let text = snapshot_of(story);
    assert_eq!(section(&text, "Kill A"), "Kill A\n  (the cluster did not settle before the next step)");
    assert_eq!(section(&text, "Start A"), "Start A\n  (nothing changed)");
}

#[test]
fn a_run_that_ends_unsettled_claims_no_end() {
    let mut story = Story::formed(1, vec![kill("A"), run("100ms")]);
    story.act(3_000, 0, "Kill", "A");
    let text = snapshot_of(story);
    assert_eq!(section(&text, "Kill A"), "Kill A\n  (the cluster did not settle before the end)");
    assert!(text.ends_with("\nend\n  (the cluster had not settled)\n"), "{text}");
}

/// Its end is expected, as those are with which a run ends.
#[test]
fn a_server_that_refuses_its_files_does_not_end_the_run() {
    let mut story = Story::formed(1, vec![kill("A"), start("A"), run("5s")]);
    story.act(3_000, 0, "Kill", "A");
    let address = Address::of_host([10, 128, 0, 2].into());
    story.at(3_500, EventKind::NodeStarted { node: "A".into(), pid: 9, address });
    story.at(3_600, EventKind::NodeExited { node: "A".into(), cause: ExitCause::Code(1), expected: true });
    story.failed("A");
    story.promote("A1", "A");
    story.everyone_sees(5_000);
    story.settled(5_000);
    let text = snapshot_of(story);
    assert!(section(&text, "Kill A").ends_with("A1  replica of A -> master of 0-5460"), "{text}");
}

#[test]
fn a_server_that_dies_by_itself_unsettles_the_segment() {
    let mut story = Story::formed(1, vec![run("5s")]);
    let cause = crate::evidence::ExitCause::Signal(11);
    story.at(3_000, EventKind::NodeExited { node: super::super::sample::name("B"), cause, expected: false });
    let text = snapshot_of(story);
    assert_eq!(section(&text, "formed"), "formed\n  (the cluster did not settle before the end)");
}

/// A is killed and `winner` of A1 and A2 takes over; A comes back; the new master is killed and `second` takes over.
fn drawn(winner: &str, second: &str, later: RecordedStep) -> String {
    let timeline = vec![
        kill("A"),
        until("everything is served, within 5s", &[]),
        start("A"),
        run("2s"),
        kill_selected("the master of slot 0"),
        later,
    ];
    let mut story = Story::formed(2, timeline);
    story.act(3_000, 0, "Kill", "A");
    story.failed("A");
    story.promote(winner, "A");
    story.everyone_sees(5_000);
    story.settled(5_000);
    story.act(7_000, 2, "Start", "A");
    story.rejoin("A", winner);
    story.everyone_sees(8_000);
    story.settled(8_000);
    story.act(10_000, 4, "Kill", winner);
    story.failed(winner);
    story.promote(second, winner);
    story.everyone_sees(12_000);
    story.settled(12_000);
    snapshot_of(story)
}

#[test]
fn whoever_wins_a_free_election_the_bytes_are_the_same() {
    let expected = drawn("A1", "A", run("1s"));
    for (winner, second) in [("A1", "A2"), ("A2", "A"), ("A2", "A1")] {
        assert_eq!(drawn(winner, second, run("1s")), expected, "{winner}, then {second}");
    }
    assert_eq!(
        section(&expected, "Kill A"),
        "Kill A\n  \
         A   master of 0-5460 -> master without slots, failed\n  \
         A1  replica of A -> master of 0-5460  (one of A1, A2)\n  \
         A2  replica of A -> replica of A1"
    );
    assert_eq!(
        section(&expected, "Kill the master of slot 0: A1"),
        "Kill the master of slot 0: A1\n  \
         A   replica of A1 -> master of 0-5460  (one of A, A2)\n  \
         A1  master of 0-5460 -> master without slots, failed\n  \
         A2  replica of A1 -> replica of A"
    );
    assert!(expected.contains("any of these could have won that election"), "{expected}");
}

#[test]
fn an_election_that_a_later_step_tells_apart_keeps_its_names() {
    let named = drawn("A2", "A1", until("A replicates A2, within 5s", &["A", "A2"]));
    assert!(section(&named, "Kill A").ends_with("A2  replica of A -> master of 0-5460"), "{named}");
    assert!(!named.contains("one of"), "{named}");
}

#[test]
fn a_wiped_node_leaves_and_comes_back() {
    let mut story = Story::formed(1, vec![kill("A"), wipe("A"), join("A", "A1")]);
    story.act(3_000, 0, "Kill", "A");
    story.failed("A");
    story.promote("A1", "A");
    story.everyone_sees(5_000);
    story.settled(5_000);
    story.act(7_000, 1, "Wipe", "A");
    story.forget("A");
    story.everyone_sees(7_500);
    story.settled(7_500);
    let text = snapshot_of(story);
    assert_eq!(section(&text, "Wipe A"), "Wipe A\n  A   master without slots, failed -> not in the cluster");
}
