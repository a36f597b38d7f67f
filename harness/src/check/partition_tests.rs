//! What the checks make of partitions.

use rstest::rstest;

use super::reach::Reaches;
use super::takedown::{Takedown, TakedownCause};
use super::testing::{LOAD_STARTS, Story, key_names, load, ms};
use super::*;
use crate::evidence::{LinkChange, LoadIndex, Operation, OperationEffect, Outcome as Ended, RecordedLoad};
use crate::vocab::{CutBy, Instant, Link, LinkShape, NodeName, Ownership, ServerPort};

/// A second load `inside` whose client host goes with those that a test names; its operations are the load 1's.
pub(super) fn with_inside() -> Story {
    let mut story = Story::new();
    story.evidence.plan.loads.push(RecordedLoad { key_names: key_names("app:"), ..load("inside") });
    let plan = story.evidence.plan.clone();
    let mut story = Story::formed();
    story.evidence.plan = plan;
    story
}

/// A write of the client `inside` on A's shard: from, to, the attempts, and who acknowledged it.
pub(super) fn inside(story: &mut Story, from: u64, to: u64, attempts: u16, by: Option<u16>) {
    let key = story.key_of("A");
    story.write(from, key, |write| {
        (write.load, write.ended, write.attempts, write.node) = (1, Instant::from_millis(to), attempts, by);
        write.outcome = if by.is_some() { Ended::Ok } else { Ended::Unknown };
    });
}

fn takedowns(story: &Story) -> Vec<Takedown> {
    story.case().takedowns
}

/// Who was taken down, how, when, and when it returned, in milliseconds.
fn told(story: &Story) -> Vec<(String, String, u64, Option<u64>)> {
    let millis = |at: Instant| at.0 / 1_000_000;
    let told = takedowns(story).into_iter().map(|takedown| {
        let returned = takedown.returned.map(millis);
        (takedown.failed.to_string(), takedown.cause.to_string(), millis(takedown.began), returned)
    });
    told.collect()
}

pub(super) fn split(ones: &[&str], others: &[&str]) -> Vec<Link> {
    let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| Link::new(*one, *other)));
    pairs.flat_map(|link| [link.reversed(), link]).collect()
}

pub(super) const CUT: LinkChange = LinkChange::Cut(CutBy::Drop);

#[test]
fn an_isolated_master_is_replaced_and_comes_back() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.isolate(3_000, 0, "cut", &["A"]);
    story.replace_isolated(3_000, 2_000, 1_400);
    story.write(5_040, story.key_of("A"), |write| write.node = Some(3));
    story.heal(8_000, 1, "cut");
    story.end(9_000);
    let [takedown] = &takedowns(&story)[..] else { panic!("one takedown") };
    assert_eq!((takedown.failed.as_str(), &takedown.cause), ("A", &TakedownCause::Partition));
    assert_eq!(takedown.returned, Some(Instant::from_millis(8_000)));
    assert_eq!(takedown.promotion.as_ref().unwrap().node, NodeName::from("A1"));
    assert_eq!(takedown.promotion.as_ref().unwrap().at(), Some(Instant::from_millis(5_000)));
    assert_eq!(takedown.nanos(), Some(2_041_000_000));
    assert_eq!(takedown.replicas, [NodeName::from("A1")]);
    let witnesses: Vec<_> = ["A", "B", "A1"].map(|node| takedown.is_witness(&node.into())).into();
    assert_eq!(witnesses, [false, true, true]);
}

/// Steps of a story, in milliseconds, and the takedowns they make: who, how, from, to.
#[rstest]
#[case::short_cut(&|s: &mut Story| { s.isolate(3_000, 0, "x", &["A"]); s.heal(3_400, 1, "x"); }, &[("A", "Partition", 3_000, Some(3_400))])]
#[case::its_bus_is_closed(
    &|s: &mut Story| { s.isolate_port(3_000, 0, "x", &["A"], ServerPort::Bus); s.heal(3_400, 1, "x"); },
    &[("A", "Partition", 3_000, Some(3_400))]
)]
#[case::its_bus_is_closed_to_its_replica(
    &|s: &mut Story| s.network(3_000, Some(0), "x", LinkChange::CutPort(ServerPort::Bus), split(&["A"], &["A1"])),
    &[]
)]
#[case::its_client_port_is_closed(&|s: &mut Story| s.isolate_port(3_000, 0, "x", &["A"], ServerPort::Clients), &[])]
#[case::killed_inside(
    &|s: &mut Story| { s.isolate(3_000, 0, "x", &["A"]); s.act(3_500, 1, "Kill", "A"); s.heal(4_000, 2, "x"); },
    &[("A", "Partition", 3_000, None)]
)]
#[case::killed_inside_and_started_after_the_heal(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.act(3_500, 1, "Kill", "A");
        s.heal(4_000, 2, "x");
        s.act(4_500, 3, "Start", "A");
    },
    &[("A", "Partition", 3_000, Some(4_500))]
)]
#[case::killed_and_started_inside(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.act(3_500, 1, "Kill", "A");
        s.act(4_000, 2, "Start", "A");
        s.heal(4_500, 3, "x");
    },
    &[("A", "Partition", 3_000, Some(4_500))]
)]
#[case::healed_while_paused(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.act(3_200, 1, "Pause", "A");
        s.heal(3_400, 2, "x");
        s.act(3_600, 3, "Resume", "A");
    },
    &[("A", "Partition", 3_000, Some(3_600))]
)]
#[case::cut_off_while_paused(
    &|s: &mut Story| {
        s.act(3_000, 0, "Pause", "A");
        s.isolate(3_200, 1, "x", &["A"]);
        s.act(3_400, 2, "Resume", "A");
        s.heal(3_600, 3, "x");
    },
    &[("A", "Pause", 3_000, Some(3_600))]
)]
#[case::a_minority_with_its_replica(
    &|s: &mut Story| s.isolate(3_000, 0, "x", &["A", "A1", "app"]),
    &[("A", "Partition", 3_000, None)]
)]
#[case::a_majority_is_cut_off_from_a_minority(
    &|s: &mut Story| s.isolate(3_000, 0, "x", &["B", "C", "B1", "C1"]),
    &[("A", "Partition", 3_000, None)]
)]
#[case::two_masters_each_alone(
    &|s: &mut Story| s.network(3_000, Some(0), "x", CUT, [split(&["A"], &["B", "C"]), split(&["B"], &["C"])].concat()),
    &[("A", "Partition", 3_000, None), ("B", "Partition", 3_000, None), ("C", "Partition", 3_000, None)]
)]
#[case::two_masters_that_still_see_the_third(
    &|s: &mut Story| s.network(3_000, Some(0), "x", CUT, split(&["A"], &["B"])),
    &[]
)]
#[case::one_direction_is_enough(
    &|s: &mut Story| s.network(3_000, Some(0), "x", CUT, vec![Link::new("A", "B"), Link::new("C", "A")]),
    &[("A", "Partition", 3_000, None)]
)]
#[case::one_of_two_overlapping_partitions_is_healed(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.isolate(3_500, 1, "y", &["A", "A1"]);
        s.heal(4_000, 2, "x");
        s.heal(4_500, 3, "y");
    },
    &[("A", "Partition", 3_000, Some(4_500))]
)]
#[case::asleep(&|s: &mut Story| s.act(3_000, 0, "Sleep", "A"), &[("A", "Sleep", 3_000, Some(4_500))])]
#[case::killed_while_asleep(
    &|s: &mut Story| { s.act(3_000, 0, "Sleep", "A"); s.act(4_000, 1, "Kill", "A"); },
    &[("A", "Sleep", 3_000, None)]
)]
#[case::killed_while_asleep_and_started(
    &|s: &mut Story| { s.act(3_000, 0, "Sleep", "A"); s.act(4_000, 1, "Kill", "A"); s.act(6_000, 2, "Start", "A"); },
    &[("A", "Sleep", 3_000, Some(6_000))]
)]
#[case::asleep_for_longer(
    &|s: &mut Story| { s.act(3_000, 0, "Sleep", "A"); s.act(4_000, 1, "Sleep", "A"); },
    &[("A", "Sleep", 3_000, Some(5_500))]
)]
#[case::asleep_twice(
    &|s: &mut Story| { s.act(3_000, 0, "Sleep", "A"); s.act(5_000, 1, "Sleep", "A"); },
    &[("A", "Sleep", 3_000, Some(4_500)), ("A", "Sleep", 5_000, Some(6_500))]
)]
#[case::cut_off_while_asleep(
    &|s: &mut Story| { s.act(3_000, 0, "Sleep", "A"); s.isolate(4_000, 1, "x", &["A"]); s.heal(6_000, 2, "x"); },
    &[("A", "Sleep", 3_000, Some(6_000))]
)]
#[case::a_replica_is_cut_off(&|s: &mut Story| s.isolate(3_000, 0, "x", &["A1"]), &[])]
#[case::a_client_is_cut_off(&|s: &mut Story| s.isolate(3_000, 0, "x", &["app"]), &[])]
#[case::a_shape_cuts_nobody_off(
    &|s: &mut Story| {
        let links = split(&["A"], &["B", "C", "A1", "B1", "C1"]);
        s.network(3_000, Some(0), "x", LinkChange::Shape(LinkShape::default()), links.clone());
        s.network(4_000, Some(1), "x", LinkChange::HealShape, links);
    },
    &[]
)]
#[case::healed_before_the_majority_is_back(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.act(3_100, 1, "Pause", "B");
        s.act(3_100, 1, "Pause", "C");
        s.heal(3_400, 2, "x");
        s.act(3_600, 3, "Resume", "B");
        s.act(3_700, 4, "Resume", "C");
        s.act(5_000, 5, "Kill", "A");
    },
    &[
        ("A", "Partition", 3_000, Some(3_600)),
        ("B", "Pause", 3_100, Some(3_600)),
        ("C", "Pause", 3_100, Some(3_700)),
        ("A", "Kill", 5_000, None),
    ]
)]
#[case::cut_off_twice(
    &|s: &mut Story| {
        s.isolate(3_000, 0, "x", &["A"]);
        s.heal(3_400, 1, "x");
        s.isolate(5_000, 2, "y", &["A"]);
    },
    &[("A", "Partition", 3_000, Some(3_400)), ("A", "Partition", 5_000, None)]
)]
fn takedowns_by_partition(#[case] steps: &dyn Fn(&mut Story), #[case] expected: &[(&str, &str, u64, Option<u64>)]) {
    let mut story = Story::formed();
    steps(&mut story);
    story.end(9_000);
    let expected: Vec<_> =
        expected.iter().map(|(node, fault, from, to)| ((*node).to_owned(), (*fault).to_owned(), *from, *to)).collect();
    assert_eq!(told(&story), expected);
}

/// B serves what was C's: each of two masters is half of them, which is no majority.
#[test]
fn half_of_the_masters_is_no_majority() {
    let mut story = Story::formed();
    story.hand_over("C", "B");
    story.view(2_000, &["A", "B"]);
    story.isolate(3_000, 0, "x", &["A"]);
    story.end(9_000);
    let cut_off = |node: &str| (node.to_owned(), "Partition".to_owned(), 3_000, None::<u64>);
    assert_eq!(told(&story), [cut_off("A"), cut_off("B")]);
}

/// Nobody took over in a cut of 400 ms: that is no proof of a quick failover, nor of a slow one.
#[test]
fn a_cut_shorter_than_the_node_timeout_claims_nothing() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.isolate(3_000, 0, "cut", &["A"]);
    let key = story.key_of("A");
    story.write(3_001, key, |write| {
        (write.ended, write.attempts) = (Instant::from_millis(3_520), 2);
    });
    story.heal(3_400, 1, "cut");
    story.settled(3_420);
    story.run(3_530, 6_000);
    story.end(6_000);
    let failover = story.judge(Slo::Failover(Failover { max: ms(3_000), min: ms(0) }));
    assert_eq!((failover.status, failover.measured.as_str()), (Status::Inconclusive, "-"));
    assert_eq!(failover.note, "nobody took over from A in the 400 ms before it came back");
    let gap = story.judge(Slo::Unavailability(Unavailability { max: ms(1_000), load: None }));
    assert_eq!((gap.status, gap.measured.as_str()), (Status::Pass, "519 ms"), "{}", gap.note);
}

/// The successor was promoted at 5000 ms; since when somebody on the right side wanted to write, and when it accepted the first write.
#[rstest]
#[case::only_from_the_wrong_side(
    None,
    8_100,
    Status::Inconclusive,
    "A1 was promoted after 2 s and only clients that were cut off"
)]
#[case::soon_after_the_heal(None, 5_500, Status::Pass, "A to A1 in 2.5 s")]
#[case::after_the_heal_and_at_the_limit(None, 6_000, Status::Pass, "A to A1 in 3 s")]
#[case::somebody_waited_on_the_right_side(Some(4_500), 8_100, Status::Fail, "A to A1 in 5.1 s")]
#[case::somebody_asked_as_it_was_accepted(Some(8_100), 8_100, Status::Fail, "A to A1 in 5.1 s")]
fn a_client_on_the_wrong_side_does_not_measure_the_failover(
    #[case] outside: Option<u64>,
    #[case] first: u64,
    #[case] status: Status,
    #[case] note: &str,
) {
    let mut story = with_inside();
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.replace_isolated(3_000, 2_000, 1_400);
    inside(&mut story, 4_500, first, 30, Some(3));
    // Neither who had given up by the promotion, nor who reads, nor who writes to another shard or later wanted it to be found.
    let (key, other) = (story.key_of("A"), story.key_of("B"));
    for (from, to, key, effect) in [
        (4_000, 5_000, key, OperationEffect::Replaces),
        (4_500, 8_200, key, OperationEffect::Reads),
        (4_500, 8_200, other, OperationEffect::Replaces),
        (8_101, 8_200, key, OperationEffect::Replaces),
    ] {
        story.write(from, key, |operation| {
            (operation.ended, operation.effect) = (Instant::from_millis(to), effect);
            (operation.outcome, operation.node) = (Ended::Unknown, None);
        });
    }
    if let Some(from) = outside {
        story.write(from, story.key_of("A"), |write| {
            (write.ended, write.outcome, write.node) = (Instant::from_millis(8_200), Ended::Unknown, None);
        });
    }
    story.heal(first - 50, 1, "cut");
    story.end(9_000);
    let finding = story.judge(Slo::Failover(Failover { max: ms(3_000), min: ms(0) }));
    assert_eq!(finding.status, status, "{}", finding.note);
    assert!(finding.note.starts_with(note), "{}", finding.note);
    assert_eq!(story.judge(Slo::Failover(Failover { max: ms(1_000), min: ms(0) })).status, Status::Fail);
}

/// A1 was promoted at 5000 ms and never served anybody: a client beside A, or on the other side, wanted a write all the time. Both wrote
/// before.
#[rstest]
#[case::cut_off_from_it(1, Status::Inconclusive)]
#[case::on_its_side(0, Status::Fail)]
fn who_cannot_ask_asks_for_nothing(#[case] load: LoadIndex, #[case] status: Status) {
    let mut story = with_inside();
    for load in [0, 1] {
        story.write(2_000, story.key_of("A"), |write| write.load = load);
    }
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.replace_isolated(3_000, 2_000, 1_400);
    story.write(4_500, story.key_of("A"), |write| {
        (write.load, write.outcome) = (load, Ended::Unknown);
        (write.ended, write.node) = (Instant::from_millis(8_000), None);
    });
    story.end(9_000);
    let finding = story.judge(Slo::Failover(Failover { max: ms(3_000), min: ms(0) }));
    assert_eq!(finding.status, status, "{}", finding.note);
}

/// A shard's operations while A is cut off with `inside` from 3000 to 8000 ms: whose, from, to, whether it ended ok;
/// `unavailability <= 2 s`.
#[rstest]
#[case::served_in_time(&[("app", 3_000, 4_900, true)], Status::Pass, "1.9 s")]
#[case::the_wrong_side_waits(&[("app", 3_000, 4_900, true), ("inside", 4_400, 8_010, true)], Status::Pass, "1.9 s")]
#[case::the_right_side_asks_twice(
    &[("app", 3_000, 3_900, true), ("app", 4_000, 4_900, true), ("inside", 4_400, 8_010, true)],
    Status::Pass, "900 ms"
)]
#[case::the_wrong_side_is_served_as_it_is_cut_off(
    &[("app", 3_000, 4_900, true), ("inside", 2_500, 3_000, true)],
    Status::Pass, "1.9 s"
)]
#[case::the_wrong_side_asks_as_it_is_healed(
    &[("app", 3_000, 4_900, true), ("inside", 8_000, 8_500, true)],
    Status::Pass, "1.9 s"
)]
#[case::what_the_minority_acknowledges_is_no_service(
    &[("app", 3_000, 6_000, true), ("inside", 4_000, 4_001, true)],
    Status::Fail, "3 s"
)]
#[case::only_the_wrong_side_asks(&[("inside", 3_100, 8_010, true)], Status::Inconclusive, "1 ms")]
fn unavailability_is_that_of_the_majority(
    #[case] operations: &[(&str, u64, u64, bool)],
    #[case] status: Status,
    #[case] measured: &str,
) {
    let mut story = with_inside();
    for shard in ["A", "B", "C"] {
        story.write(LOAD_STARTS, story.key_of(shard), |_| {});
    }
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.heal(8_000, 1, "cut");
    for (load, from, to, ok) in operations {
        story.write(*from, story.key_of("A"), |write: &mut Operation| {
            (write.load, write.ended) = (u16::from(*load == "inside"), Instant::from_millis(*to));
            write.outcome = if *ok { Ended::Ok } else { Ended::Fail };
        });
    }
    story.end(9_000);
    let finding = story.judge(Slo::Unavailability(Unavailability { max: ms(2_000), load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    let left_out = operations.iter().any(|(load, from, to, _)| *load == "inside" && *from < 8_000 && *to >= 3_000);
    assert_eq!(finding.note.contains("without 1 operation of clients cut off"), left_out, "{}", finding.note);
}

/// The isolated master's views come last; the cluster that serves on the other side serves, and the next fault is at the heal.
#[test]
fn a_minority_does_not_keep_a_fault_window_open() {
    let mut story = Story::formed();
    story.run(LOAD_STARTS, 3_000);
    story.isolate(3_000, 0, "cut", &["A"]);
    story.replace_isolated(3_000, 2_000, 2_100);
    story.run(5_130, 8_000);
    story.heal(8_000, 1, "cut");
    story.unsettled(8_010);
    story.settled(8_300);
    story.run(8_310, 9_000);
    story.end(9_000);
    let windows = story.case().windows;
    let faults: Vec<_> = windows.faults.iter().map(|w| (w.start.0 / 1_000_000, w.end.0 / 1_000_000)).collect();
    assert_eq!(faults, [(3_000, 5_132), (8_000, 8_312)]);
    assert_eq!(windows.part_of(Instant::from_millis(6_000)), Some(During::Steady));
}

/// A client on the wrong side is away until the heal, and so is the steady part.
#[test]
fn a_client_on_the_wrong_side_keeps_the_fault_window_open() {
    let mut story = with_inside();
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.replace_isolated(3_000, 2_000, 1_400);
    inside(&mut story, 4_400, 8_100, 90, Some(3));
    story.run(5_130, 8_000);
    story.heal(8_000, 1, "cut");
    inside(&mut story, 8_100, 8_101, 1, Some(3));
    story.run(8_110, 9_000);
    story.end(9_000);
    let faults = story.case().windows.faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(faults[0].start, Instant::from_millis(3_000));
}

/// A replica asks for votes in vain, cut off from everybody, which raises its version of the configuration: it does not know best for that.
#[test]
fn a_raised_version_alone_is_no_newer_knowledge() {
    let mut story = Story::formed();
    story.hand_over("A", "A1");
    story.view(3_000, &["B"]);
    story.view_alone(3_500, &["A"], &["B"]);
    story.evidence.topology.last_mut().unwrap().view.as_mut().unwrap().current_version = 99;
    let view = healthy::view_at(&story.evidence, 0, Instant::from_millis(4_000)).unwrap();
    assert_eq!(view.current_version, 4);
}

/// A and B own everything. A client's host loses the connections to them at 3 s, to one after the other in the same moment.
#[rstest]
#[case::to_none(&[], 0)]
#[case::to_half_of_them(&["B"], 1)]
#[case::to_both(&["A", "B"], 1)]
fn half_of_the_masters_are_no_majority(#[case] lost: &[&str], #[case] stretches: usize) {
    let mut story = Story::new();
    story.evidence.plan.nodes[2].owns = Ownership::default();
    for node in lost {
        story.network(3_000, None, node, CUT, split(&["app"], &[*node]));
    }
    let cut_off = Window { start: Instant::from_millis(3_000), end: Instant(u64::MAX) };
    let without = Reaches::of(&story.evidence).without_majority(&story.evidence, 0, &"app".into());
    assert_eq!(without, vec![cut_off; stretches]);
}
