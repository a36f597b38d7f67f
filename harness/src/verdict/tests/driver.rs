//! Whether a load offered its schedule.

use super::*;

/// An open loop of 1000 a second for 2 s, `p99 <= 10ms`. `start` says when an operation that was due, and whose worker was free
/// from a moment on, began, and how long it took; all in milliseconds.
fn paced(start: &dyn Fn(u64, u64) -> (u64, u64)) -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    story.slo(p99(10));
    let mut free = [0; 2];
    for due in LOAD_STARTS..3_000 {
        let key = u32::try_from(due % 100).unwrap() + 1;
        let free = &mut free[(key % 2) as usize];
        let (ready, (started, took)) = (due.max(*free), start(due, *free));
        *free = started + took;
        story.write(due, key, |write| {
            (write.ready, write.started) = (Instant::from_millis(ready), Instant::from_millis(started));
            write.ended = Instant::from_millis(started + took);
        });
    }
    story
}

/// Slow servers are for the checks to judge; what is missed while the driver is late itself is not blamed on them.
#[rstest]
#[case::quick(&|due, free: u64| (free.max(due), 1), RunOutcome::Pass, "at most 0 ms late")]
#[case::slow_servers(&|due, free: u64| (free.max(due), 7), RunOutcome::Fail, "at most 0 ms late")]
#[case::a_little_late(&|due, free: u64| (free.max(due) + 5, 0), RunOutcome::Inconclusive, "at most 5 ms late")]
#[case::late(&|due, free: u64| (free.max(due) + 6, 0), RunOutcome::Inconclusive, "at most 6 ms late")]
#[case::stood_still(&|due, free: u64| (free.max(if (1_500..1_900).contains(&due) { 1_900 } else { due }), 1), RunOutcome::Inconclusive, "stood still for 20 %")]
fn a_driver_is_judged_by_its_own_lateness(
    #[case] start: &dyn Fn(u64, u64) -> (u64, u64),
    #[case] outcome: RunOutcome,
    #[case] detail: &str,
) {
    let mut story = paced(start);
    story.end(9_000);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{verdict:#?}");
    assert!(verdict.assumptions[2].detail.contains(detail), "{}", verdict.assumptions[2].detail);
    assert!(verdict.assumptions[2].holds);
    let blamed = verdict.because.contains("clients stood still by themselves for ");
    assert_eq!(blamed, outcome == RunOutcome::Inconclusive, "{}", verdict.because);
}

/// A driver that is late makes times worse. What was kept all the same stands, and so does what has nothing to do with it.
#[rstest]
#[case::kept(p99(60_000), 90, 6, RunOutcome::Pass)]
#[case::missed(p99(5), 90, 6, RunOutcome::Inconclusive)]
#[case::errors(no_errors(), 90, 30, RunOutcome::Fail)]
fn a_late_driver_spoils_only_what_it_can(
    #[case] slo: Slo,
    #[case] one_in: u64,
    #[case] late_ms: u64,
    #[case] outcome: RunOutcome,
) {
    let mut story = paced(&|due, free: u64| (free.max(due) + if due % one_in == 0 { late_ms } else { 0 }, 0));
    story.evidence.plan.slos.clear();
    story.slo(slo.clone());
    story.evidence.history.edit(|history| {
        let failed = history.iter_mut().filter(|_| slo == no_errors()).take(300);
        failed.for_each(|operation| operation.outcome = crate::evidence::Outcome::Fail);
    });
    story.end(60_000);
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, outcome, "{}", verdict.because);
}

/// Nobody was free for half of the starts until the load was stopped at 5000 ms.
#[test]
fn starts_that_were_left_are_told() {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    for due in 3_000..5_000 {
        story.never_begun(due, 1, 5_000);
    }
    story.end(5_000);
    let verdict = verdict(&story);
    let load = &verdict.assumptions[2];
    let detail = "2000 of 4000 due starts begun; 99 % of its own starts (steady) at most 0 ms late; 2000 starts were never begun";
    assert!(load.holds && load.detail.contains(detail), "{load:?}");
    // What was due and not done is in every figure.
    let summary = &verdict.loads[0];
    assert_eq!((summary.demanded, summary.totals.not_started), (4_000, 2_000));
    assert_eq!((summary.latency[0].samples, summary.latency[0].max_ms), (4_000, 2_000.0));
    assert_eq!((verdict.findings[1].samples, verdict.findings[1].measured.as_str()), (4_000, "1.96 s"));
    let (_, slowest) = intervals(&latency_log(&story.evidence).unwrap()).pop().unwrap();
    assert!((slowest - 2_000.0).abs() < 2.0, "{slowest}");
}

#[test]
fn a_bound_that_was_reached_is_told() {
    let mut story = paced(&|due, free: u64| (free.max(due), 7));
    story.end(20_000);
    let detail = &verdict(&story).assumptions[2].detail;
    assert!(detail.contains("the bound of 2 workers a shard was reached on B's shard from "), "{detail}");
}

#[test]
fn a_load_that_forgot_starts_did_not_do_its_work() {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    story.end(9_000);
    for event in &mut story.evidence.events {
        if let EventKind::LoadEnded { totals, .. } = &mut event.kind {
            totals.dropped = 7;
        }
    }
    let verdict = verdict(&story);
    assert_eq!(verdict.outcome, RunOutcome::Inconclusive);
    assert!(verdict.because.contains("it forgot 7 due starts: more than 1000000 waited"), "{}", verdict.because);
}

#[test]
fn a_late_driver_is_seen_without_a_steady_part() {
    let mut story = paced(&|due, free| (free.max(due) + 6, 0));
    story.end(9_000);
    story.act(LOAD_STARTS, 0, "Kill", "A1");
    story.unsettled(LOAD_STARTS + 1);
    let verdict = verdict(&story);
    let load = &verdict.assumptions[2];
    assert!(load.detail.contains("(whole)") && load.detail.contains("at most 6 ms late"), "{load:?}");
}

/// Of what was due until the last start, a hundredth may be missing from the history, and one start whatever share it is.
#[rstest]
#[case::a_hundredth(2_000, 20, None, None)]
#[case::more(2_000, 40, None, Some("98 %"))]
#[case::one_of_few(10, 1, None, None)]
#[case::two_of_few(10, 2, None, Some("80 %"))]
#[case::as_many_as_were_asked_for(2_000, 1_000, Some(1_000), None)]
#[case::fewer_than_were_asked_for(2_000, 1_000, Some(1_500), Some("66.7 %"))]
fn starts_that_are_missing_are_a_hole(
    #[case] due: u64,
    #[case] missing: usize,
    #[case] operations: Option<u64>,
    #[case] share: Option<&str>,
) {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    story.evidence.plan.loads[0].operations = operations;
    story.evidence.history.edit(|history| {
        history.truncate(usize::try_from(due).unwrap());
        history.drain(1..=missing);
    });
    story.end(9_000);
    let load = &verdict(&story).assumptions[2];
    assert_eq!(load.holds, share.is_none(), "{load:?}");
    let hole = share.map(|share| format!("it accounts for {share} of the starts that its schedule called for"));
    assert!(hole.is_none_or(|hole| load.detail == hole), "{load:?}");
}

/// The pace is doubled by a step at a moment at which a start is due, and again after the last start.
#[rstest]
#[case::kept(2, true)]
#[case::not_kept(1, false)]
fn a_pace_counts_from_its_change(#[case] at_once: u64, #[case] holds: bool) {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].arrivals = Some(Arrivals::constant(1_000));
    for due in LOAD_STARTS..3_000 {
        for _ in 0..if due < 2_000 { 1 } else { at_once } {
            story.write(due, u32::try_from(due % 100).unwrap() + 1, |_| {});
        }
    }
    for from in [2_000, 3_500] {
        let (load, from) = ("app".to_owned(), Instant::from_millis(from));
        story.event(1_999, EventKind::PaceChanged { load, from, arrivals: Arrivals::constant(2_000) });
    }
    story.end(9_000);
    let load = &verdict(&story).assumptions[2];
    assert_eq!(load.holds, holds, "{load:?}");
    assert_eq!(load.detail.contains("demanded for 1.999 s: 3000 of 3000 due starts begun"), holds, "{load:?}");
}

/// The last start is due at 2999 ms: a pace that begins after it was never kept to.
#[rstest]
#[case::with_the_last_start(2_999, "1000/s, later 2000/s demanded")]
#[case::after_the_last_start(3_000, "1000/s demanded")]
fn a_pace_is_told_where_a_start_was_due_at_it(#[case] from: u64, #[case] told: &str) {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    let (load, from) = ("app".to_owned(), Instant::from_millis(from));
    story.event(2_999, EventKind::PaceChanged { load, from, arrivals: Arrivals::constant(2_000) });
    story.end(9_000);
    let detail = &verdict(&story).assumptions[2].detail;
    assert!(detail.starts_with(told), "{detail}");
}

/// How long a driver had a start to make and a worker for it, in all, is told where it is long for what is claimed.
#[rstest]
#[case::never(&|_| 0, true, "1000/s demanded for 1.999 s: 2000 of 2000 due starts begun; 99 % of its own starts (steady) at most 0 ms late")]
#[case::not_long(&|due| if due < 1_300 { 5 } else { 0 }, true, "at most 5 ms late")]
#[case::together(&|due| if due == 1_500 || due == 1_501 { 400 } else { 0 }, true, "at most 0 ms late; it stood still for 20.1 % of the time")]
#[case::not_long_where_no_time_is_claimed(&|due| if due < 1_300 { 100 } else { 0 }, false, "at most 100 ms late")]
#[case::long_whatever_is_claimed(&|due| if due == 1_500 { 200 } else { 0 }, false, "it stood still for 10 % of the time")]
fn how_long_a_driver_stood_still_is_told(#[case] late: &dyn Fn(u64) -> u64, #[case] timed: bool, #[case] end: &str) {
    let mut story = paced(&|due, _| (due, 0));
    if !timed {
        story.evidence.plan.slos.clear();
        story.slo(no_errors());
    }
    story.evidence.history.edit(|history| {
        for start in history.iter_mut() {
            let late = late(start.intended.0 / 1_000_000);
            start.started = start.ready.plus_nanos(late * 1_000_000);
            start.ended = start.started;
        }
    });
    story.end(9_000);
    let detail = &verdict(&story).assumptions[2].detail;
    assert!(detail.ends_with(end), "{detail}");
}

#[test]
fn a_single_start_that_was_left_is_told() {
    let mut story = paced(&|due, free: u64| (free.max(due), 1));
    story.never_begun(3_000, 1, 5_000);
    story.end(5_000);
    let detail = &verdict(&story).assumptions[2].detail;
    assert!(
        detail.ends_with(
            "2000 of 2001 due starts begun; 99 % of its own starts (steady) at most 0 ms late; 1 start was never begun"
        ),
        "{detail}"
    );
}
