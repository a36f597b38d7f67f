//! What a master without a majority goes on acknowledging.

use super::*;
use crate::check::MinorityWrites;
use crate::check::partition_tests::{CUT, inside, split, with_inside};
use crate::check::testing::waited;

/// A is cut off at 3000 ms and healed at 8000 ms; what a client on its side (`true`) or elsewhere wrote to its shard: from, to,
/// the attempts, and who acknowledged it; `minority writes <= 2 s`.
#[rstest]
#[case::refused_in_time(&[(true, 4_399, 4_400, 1, Some(0)), (true, 4_400, 5_400, 9, None)], Status::Pass, "1.4 s", 1)]
#[case::refused_too_late(&[(true, 5_399, 5_400, 1, Some(0)), (true, 5_400, 6_400, 9, None)], Status::Fail, "2.4 s", 1)]
#[case::too_late_whoever_asks_then(&[(true, 5_399, 5_400, 1, Some(0))], Status::Fail, "2.4 s", 1)]
#[case::nobody_asked_again(&[(true, 3_100, 3_101, 1, Some(0))], Status::Inconclusive, "101 ms", 1)]
#[case::refused_from_the_start(&[(true, 3_000, 4_000, 9, None)], Status::Inconclusive, "-", 0)]
#[case::no_client_on_that_side(&[(false, 3_100, 5_100, 5, Some(3))], Status::Inconclusive, "-", 0)]
#[case::a_reply_from_before_the_cut(&[(false, 2_999, 3_001, 1, Some(0))], Status::Inconclusive, "-", 0)]
#[case::waited_until_another_took_over(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 4_400, 8_100, 90, Some(3))],
    Status::Pass, "1.4 s", 1
)]
#[case::after_the_heal(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 4_400, 5_400, 9, None), (true, 8_500, 8_501, 1, Some(0))],
    Status::Pass, "1.4 s", 1
)]
#[case::served_again_at_the_heal(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 7_999, 8_001, 1, Some(0))],
    Status::Inconclusive, "1.4 s", 1
)]
#[case::served_at_last_and_asked_for_no_more(&[(true, 4_399, 4_400, 3, Some(0))], Status::Inconclusive, "1.4 s", 1)]
#[case::as_late_as_it_may_be(
    &[(true, 4_999, 5_000, 1, Some(0)), (true, 5_000, 5_400, 9, None)],
    Status::Pass, "2 s", 1
)]
#[case::nobody_was_asked_again(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 4_400, 5_400, 0, None)],
    Status::Inconclusive, "1.4 s", 1
)]
#[case::told_at_the_moment_of_the_cut(
    &[(true, 2_999, 3_000, 1, Some(0)), (true, 3_001, 4_000, 9, None)],
    Status::Pass, "0 ms", 1
)]
#[case::told_at_the_moment_of_the_heal(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 7_999, 8_000, 1, Some(0))],
    Status::Inconclusive, "1.4 s", 1
)]
#[case::refused_what_was_due_at_the_heal(
    &[(true, 4_399, 4_400, 1, Some(0)), (true, 8_000, 8_400, 9, None)],
    Status::Inconclusive, "1.4 s", 1
)]
#[case::another_shard(&[(true, 4_399, 4_400, 1, Some(1))], Status::Inconclusive, "-", 0)]
fn minority_writes(
    #[case] writes: &[(bool, u64, u64, u16, Option<u16>)],
    #[case] status: Status,
    #[case] measured: &str,
    #[case] samples: u64,
) {
    let mut story = with_inside();
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.heal(8_000, 1, "cut");
    for (is_inside, from, to, attempts, by) in writes {
        inside(&mut story, *from, *to, *attempts, *by);
        story.evidence.history.edit(|history| history.last_mut().unwrap().load = u16::from(*is_inside));
    }
    story.end(9_000);
    let finding = story.judge(Slo::MinorityWrites(MinorityWrites { max: ms(2_000) }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    assert_eq!((finding.samples, finding.limit.as_str()), (samples, "2 s"));
}

/// Whether A would have taken a write, where it took none; and until when it took them.
#[rstest]
#[case::nobody_asked(&[], None, "no write reached A after the cut: put a client on its side")]
#[case::it_said_that_it_refuses(&[], Some((4_000, "A")), "A acknowledged no write after the cut")]
#[case::it_said_so_before(&[], Some((2_000, "A")), "no write reached A after the cut: put a client on its side")]
#[case::it_said_so_afterwards(&[], Some((8_000, "A")), "no write reached A after the cut: put a client on its side")]
#[case::another_said_so(&[], Some((4_000, "A1")), "no write reached A after the cut: put a client on its side")]
#[case::it_was_asked_in_vain(&[(3_000, 4_000, 9, None)], None, "A acknowledged no write after the cut")]
#[case::it_took_two(
    &[(3_100, 3_101, 1, Some(0)), (3_200, 3_201, 1, Some(0)), (3_201, 4_000, 9, None)],
    None,
    "A acknowledged 2 writes up to 201 ms after the cut"
)]
#[case::nobody_knows_whether_it_would_have_taken_more(
    &[(3_100, 3_101, 1, Some(0))],
    None,
    "A acknowledged 1 write up to 101 ms after the cut, and was asked for no more before the links were healed or the load ended"
)]
fn what_is_known_of_a_cut_is_told(
    #[case] writes: &[(u64, u64, u16, Option<u16>)],
    #[case] refuses: Option<(u64, &str)>,
    #[case] note: &str,
) {
    let mut story = with_inside();
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    story.view(3_500, &["A"]);
    if let Some((ms, node)) = refuses {
        story.view_alone(ms, &[node], &["B"]);
        story.evidence.topology.sort_by_key(|record| record.at);
    }
    story.heal(8_000, 1, "cut");
    for (from, to, attempts, by) in writes {
        inside(&mut story, *from, *to, *attempts, *by);
    }
    story.end(9_000);
    assert_eq!(story.judge(Slo::MinorityWrites(MinorityWrites { max: ms(2_000) })).note, note);
}

/// What it demands of a scenario: a time that is not nothing, an idle machine for a short one.
#[rstest]
#[case(0, "minority writes <= 0s", true, "no master notices at once that it is cut off")]
#[case(999, "minority writes <= 999ms", true, "")]
#[case(1_000, "minority writes <= 1s", false, "")]
fn a_limit_is_a_time(#[case] max: u64, #[case] text: &str, #[case] idle: bool, #[case] wrong: &str) {
    let slo = MinorityWrites { max: ms(max) };
    let told: Vec<_> = slo.wrong_numbers().into_iter().map(|wrong| wrong.message).collect();
    assert_eq!((slo.to_string().as_str(), slo.needs_idle_machine(), slo.is_timed()), (text, idle, true));
    assert_eq!(told.join(""), wrong);
}

#[test]
fn without_a_partition_there_are_no_minority_writes() {
    let mut story = Story::formed();
    story.failover(3_000, 0, 2_000);
    story.end(9_000);
    let finding = story.judge(Slo::MinorityWrites(MinorityWrites { max: ms(2_000) }));
    assert_eq!(
        (finding.status, finding.note.as_str()),
        (Status::Inconclusive, "no master was cut off from the majority")
    );
}

#[test]
fn each_master_without_a_majority_must_have_been_asked() {
    let mut story = with_inside();
    let links = [split(&["A", "inside"], &["B", "C", "app"]), split(&["B"], &["C"])].concat();
    story.network(3_000, Some(0), "x", CUT, links);
    inside(&mut story, 4_399, 4_400, 1, Some(0));
    inside(&mut story, 4_400, 5_400, 9, None);
    story.end(9_000);
    let finding = story.judge(Slo::MinorityWrites(MinorityWrites { max: ms(2_000) }));
    assert_eq!((finding.status, finding.measured.as_str()), (Status::Inconclusive, "1.4 s"));
    let note =
        "A acknowledged 1 write up to 1.4 s after the cut; no write reached B after the cut: put a client on its side";
    assert!(finding.note.starts_with(note), "{}", finding.note);
}

/// 2.4 s instead of 2 s; A waited for that much of each tenth of a second.
#[rstest]
#[case::enough(20.0, 2_000, true)]
#[case::too_little(10.0, 2_000, false)]
#[case::not_late(20.0, 2_400, false)]
fn late_minority_writes_are_explained_by_the_machine(
    #[case] waited_ms: f64,
    #[case] max: u64,
    #[case] explained: bool,
) {
    let mut story = with_inside();
    story.isolate(3_000, 0, "cut", &["A", "inside"]);
    inside(&mut story, 5_399, 5_400, 1, Some(0));
    story.machine(9_000, |_| waited(0.0, &[("A", waited_ms)]));
    story.end(9_000);
    let slo = Slo::MinorityWrites(MinorityWrites { max: ms(max) });
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), explained);
}
