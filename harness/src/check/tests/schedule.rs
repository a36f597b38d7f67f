//! What an open loop was due to start.

use super::*;

#[test]
fn the_second_command_of_an_entry_is_not_scheduled() {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.evidence.plan.loads[0].mix[0].commands = ["SET", "GET"].map(str::to_owned).to_vec();
    let second = |read: &mut Operation| {
        (read.source, read.effect) = (OperationSource::Mix { entry: 0, command: 1 }, OperationEffect::Reads);
    };
    for at in (1_000..2_000).step_by(2) {
        story.write(at, 1, |_| {});
        story.write(at + 1, 1, second);
    }
    for _ in 0..2 {
        story.never_begun(2_000, 1, 2_001);
    }
    story.evidence.history.last_mut().into_iter().for_each(second);
    story.end(2_000);
    let case = story.case();
    let starts = case.workers_of(0).flat_map(|operations| crate::check::schedule::scheduled(operations)).count();
    assert_eq!(starts, 501);
}

/// Two workers a shard; operations on A's shard as (intended, started, ended).
#[rstest]
#[case::never(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_100), (1_200, 1_200, 1_300)], None)]
#[case::somebody_waited(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_200), (1_050, 1_100, 1_150)], Some((1_010, 1_150)))]
#[case::waited_for_a_turn_only(&[(1_000, 1_000, 1_100), (1_010, 1_100, 1_200)], None)]
#[case::now_and_again(&[(1_000, 1_000, 1_100), (1_000, 1_000, 1_100), (1_020, 1_100, 1_200), (1_500, 1_500, 1_700), (1_600, 1_600, 1_650)], Some((1_000, 1_650)))]
fn a_bound_that_was_reached_is_told(#[case] operations: &[(u64, u64, u64)], #[case] expected: Option<(u64, u64)>) {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    let key = story.key_of("A");
    for (intended, started, ended) in operations {
        story.write(*intended, key, |write| {
            (write.ready, write.started) = (Instant::from_millis(*started), Instant::from_millis(*started));
            write.ended = Instant::from_millis(*ended);
        });
    }
    let reached = crate::check::schedule::bound_reached(&story.case(), 0, &story.evidence.plan.loads[0]);
    let window = |(start, end)| Window { start: Instant::from_millis(start), end: Instant::from_millis(end) };
    assert_eq!(reached, expected.map(|at| (0, window(at))).into_iter().collect::<Vec<_>>());
}
