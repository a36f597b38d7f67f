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
    story.evidence.history.edit(|history| history.last_mut().into_iter().for_each(second));
    story.end(2_000);
    assert_eq!(story.case().operations_of(0).filter(Operation::starts_entry).count(), 501);
}

/// What another load goes on at is not its pace.
#[test]
fn a_load_has_a_pace_of_its_own() {
    let mut story = Story::formed();
    let from = Instant::from_millis(2_000);
    for (load, rate) in [("app", 800), ("other", 400)] {
        let arrivals = Arrivals::constant(rate);
        story.event(2_000, EventKind::PaceChanged { load: load.to_owned(), from, arrivals });
    }
    let case = story.case();
    let paces: Vec<_> = crate::check::schedule::pace_changes(&case, "app").collect();
    assert_eq!(paces, [(from, &Arrivals::constant(800))]);
}

/// Two workers a shard, who take turns; operations on A's shard as (intended, started, ended).
#[rstest]
#[case::never(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_100), (1_200, 1_200, 1_300)], None)]
#[case::somebody_waited(&[(1_000, 1_000, 1_100), (1_010, 1_010, 1_200), (1_050, 1_100, 1_150)], Some((1_010, 1_150)))]
#[case::waited_for_a_turn_only(&[(1_000, 1_000, 1_100), (1_010, 1_100, 1_200)], None)]
#[case::now_and_again(&[(1_000, 1_000, 1_100), (1_000, 1_000, 1_100), (1_020, 1_100, 1_200), (1_500, 1_500, 1_700), (1_600, 1_600, 1_650)], Some((1_000, 1_650)))]
fn a_bound_that_was_reached_is_told(#[case] operations: &[(u64, u64, u64)], #[case] expected: Option<(u64, u64)>) {
    assert_eq!(bound_reached(operations, 2), expected);
}

/// What one worker has under way in a pipeline keeps no other busy.
#[test]
fn a_pipeline_keeps_one_worker_busy() {
    let operations = [(1_000, 1_000, 1_100), (1_010, 1_010, 1_200), (1_050, 1_100, 1_150)];
    assert_eq!(bound_reached(&operations, 1), None);
}

/// When both workers that a shard may have were busy, if so many do the operations by turns.
fn bound_reached(operations: &[(u64, u64, u64)], workers: u16) -> Option<(u64, u64)> {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    let key = story.key_of("A");
    for ((intended, started, ended), worker) in operations.iter().zip((0..workers).cycle()) {
        story.write(*intended, key, |write| {
            write.worker = worker;
            (write.ready, write.started) = (Instant::from_millis(*started), Instant::from_millis(*started));
            write.ended = Instant::from_millis(*ended);
        });
    }
    let reached = crate::check::schedule::bound_reached(&story.case(), 0, &story.evidence.plan.loads[0]);
    let millis = |at: Instant| at.0 / 1_000_000;
    reached.first().map(|(shard, window)| {
        assert_eq!((reached.len(), *shard), (1, 0), "only A's shard");
        (millis(window.start), millis(window.end))
    })
}
