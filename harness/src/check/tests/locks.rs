//! Locks that two clients hold at once.

use super::*;
use crate::check::acquisitions::Acquisitions;
use crate::check::mutual_exclusion::MutualExclusion;
use crate::evidence::{DataType, ErrorKind, RecordedLoad, Value};
use crate::vocab::{Address, Duration, NodeName};

/// Masters of the plan, a bit each.
const A_B: u64 = 0b011;
const B_C: u64 = 0b110;

/// A lock with a time to live of 1 s that a worker had at a moment and gave back later; perhaps it had been refused before.
#[derive(Clone, Copy)]
struct Held {
    worker: u16,
    had: u64,
    until: u64,
    masters: u64,
    was_refused: bool,
}

const fn held(worker: u16, had: u64, until: u64, masters: u64) -> Held {
    Held { worker, had, until, masters, was_refused: false }
}

fn story(held: &[Held]) -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].mix[0].expires = Some(Duration::from_millis(1_000));
    for Held { worker, had, until, masters, was_refused } in held {
        // All want the same lock.
        story.write(had - 1, u32::from(*worker), |lock| {
            lock.worker = *worker;
            (lock.effect, lock.data, lock.key) = (OperationEffect::Locks, DataType::Lock, 1);
            (lock.value, lock.ended) = (Value::Number(*masters), Instant::from_millis(*had));
            lock.error = was_refused.then_some(ErrorKind::LockHeld);
        });
        story.write(*until, u32::from(*worker), |unlock| {
            unlock.worker = *worker;
            (unlock.effect, unlock.data, unlock.key) = (OperationEffect::Unlocks, DataType::Lock, 1);
        });
    }
    story
}

fn refused(held: Held) -> Held {
    Held { was_refused: true, ..held }
}

/// A node is started anew.
fn restart(story: &mut Story, node: &str, ms: u64) {
    let address = Address::of_host(std::net::Ipv4Addr::LOCALHOST);
    story.event(ms, EventKind::NodeStarted { node: NodeName::new(node), pid: 9, address });
}

fn judge(story: &Story, min: u64, max: u64) -> Finding {
    story.judge(Slo::MutualExclusion(MutualExclusion { min, max }))
}

#[rstest]
#[case::one_after_the_other(&[held(0, 1_100, 1_200, A_B), refused(held(1, 1_200, 1_300, A_B))], 0, 0, Status::Pass, "0", "")]
#[case::never_contended(&[held(0, 1_100, 1_200, A_B), held(1, 1_200, 1_300, A_B)], 0, 0, Status::Inconclusive, "0", "nobody ever wanted a lock that another had")]
#[case::two_at_once(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, B_C)], 0, 0, Status::Fail, "1",
    "for 100 ms both app/0 and app/1 held app:lock:1, from 1.300 s on: B gave it to both, and nothing that happened explains it")]
#[case::as_many_as_expected(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_600, B_C)], 1, 1, Status::Pass, "1", "for 200 ms")]
#[case::fewer_than_expected(&[held(0, 1_100, 1_200, A_B), refused(held(1, 1_200, 1_300, A_B))], 1, 1, Status::Inconclusive, "0", "")]
#[case::beside_one_who_holds_on(&[held(0, 1_100, 1_900, A_B), held(1, 1_300, 1_400, B_C), held(1, 1_500, 1_600, B_C)], 0, 1, Status::Fail, "2", "for 100 ms")]
#[case::beside_the_later_of_two_who_hold_on_as_long(
    &[held(0, 1_100, 1_500, A_B), held(1, 1_200, 1_500, A_B), held(2, 1_400, 1_450, A_B)], 0, 0, Status::Fail, "2",
    "for 50 ms both app/1 and app/2 held app:lock:1"
)]
#[case::no_master_in_common(&[held(0, 1_100, 1_500, 0b001), held(1, 1_300, 1_400, B_C)], 0, 0, Status::Fail, "1", "nobody gave it to both")]
#[case::one_of_several_masters(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, A_B)], 0, 0, Status::Fail, "1",
    "from 1.300 s on: A and B gave it to both, and nothing that happened explains it")]
#[case::all_masters(&[held(0, 1_100, 1_500, 0b111), held(1, 1_300, 1_400, 0b111)], 0, 0, Status::Fail, "1", "A, B and C gave it to both")]
#[case::as_long_as_it_lasts(&[held(0, 1_100, 2_100, A_B), held(1, 2_000, 2_050, B_C)], 0, 0, Status::Fail, "1",
    "B gave it to both, and nothing that happened explains it")]
#[case::longer_than_it_lasts(&[held(0, 1_100, 3_000, A_B), held(1, 2_500, 2_600, B_C)], 0, 0, Status::Fail, "1",
    "B gave it to both, and app/0 believed for 1.9 s to hold what masters forget after 1 s")]
fn a_lock_has_one_holder(
    #[case] held: &[Held],
    #[case] min: u64,
    #[case] max: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] words: &str,
) {
    let finding = judge(&story(held), min, max);
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
    assert!(finding.note.contains(words), "{}", finding.note);
    assert_eq!(finding.samples, held.len() as u64);
}

#[test]
fn a_master_that_was_restarted_explains_it() {
    let mut story = story(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, B_C)]);
    restart(&mut story, "B", 1_200);
    let note = judge(&story, 0, 0).note;
    assert!(note.ends_with("B gave it to both, and B (appendonly no) had been started anew meanwhile"), "{note}");
    story.evidence.plan.nodes[1].config.insert("appendonly".to_owned(), "yes".to_owned());
    let note = judge(&story, 0, 0).note;
    assert!(note.contains("B (appendonly yes, appendfsync everysec) had been"), "{note}");
    story.evidence.plan.nodes[1].config.insert("appendfsync".to_owned(), "always".to_owned());
    let note = judge(&story, 0, 0).note;
    assert!(note.contains("B (appendonly yes, appendfsync always) had been"), "{note}");
}

#[rstest]
#[case::told("Command", "B", 1_200, "B gave it to both, and this had been done meanwhile: Run for 1s")]
#[case::another_was_told("Command", "A", 1_200, "nothing that happened explains it")]
#[case::told_before("Command", "B", 1_050, "nothing that happened explains it")]
#[case::killed("Kill", "B", 1_200, "nothing that happened explains it")]
fn what_a_master_was_told_explains_it(#[case] step: &str, #[case] node: &str, #[case] at: u64, #[case] words: &str) {
    let mut story = story(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, B_C)]);
    story.step(crate::evidence::testing::run("1s"));
    story.act(at, 0, step, node);
    let note = judge(&story, 0, 0).note;
    assert!(note.ends_with(words), "{note}");
}

/// Three of those that were held twice are told, those that lasted longest first.
#[test]
fn the_longest_are_told() {
    let twice = [(1_200, 10), (1_400, 40), (1_600, 20), (1_800, 30)];
    let held = twice.map(|(at, both)| [held(0, at - 50, at + both, A_B), held(1, at, at + 100, B_C)]);
    let finding = judge(&story(&held.concat()), 0, 9);
    let told: Vec<_> = finding.note.split("; ").filter_map(|told| told.split(" both").next()).collect();
    assert_eq!(told, ["for 40 ms", "for 30 ms", "for 20 ms"]);
    assert_eq!((finding.measured.as_str(), finding.limit.as_str()), ("4", "<= 9"));
}

#[rstest]
#[case::before("B", 1_050)]
#[case::afterwards("B", 1_350)]
#[case::of_a_master_that_did_not_give_it_to_both("C", 1_200)]
fn another_restart_explains_nothing(#[case] node: &str, #[case] ms: u64) {
    let mut story = story(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, B_C)]);
    restart(&mut story, node, ms);
    assert!(judge(&story, 0, 0).note.ends_with("nothing that happened explains it"));
}

/// The second lock has the name of the first, and masters of its own.
#[test]
fn a_lock_of_another_system_is_another_lock() {
    let mut story = story(&[held(0, 1_100, 1_500, A_B), held(1, 1_300, 1_400, A_B)]);
    let plan = &mut story.evidence.plan;
    plan.systems.push(plan.systems[0].clone());
    let beside = RecordedLoad { system: 1, ..plan.loads[0].clone() };
    plan.loads.push(beside);
    story.evidence.history.edit(|operations| operations[2..].iter_mut().for_each(|operation| operation.load = 1));
    let finding = judge(&story, 0, 0);
    assert_eq!((finding.measured.as_str(), finding.samples), ("0", 2), "{}", finding.note);
}

/// The harness may have broken down: masters forget it in the end.
#[test]
fn what_was_never_given_back_is_held_for_as_long_as_it_lasts() {
    let mut story = story(&[held(0, 1_100, 1_200, A_B), held(1, 1_500, 1_600, B_C)]);
    story.evidence.history.edit(|operations| operations.remove(1));
    let note = judge(&story, 0, 0).note;
    assert!(note.starts_with("for 100 ms both app/0 and app/1 held app:lock:1, from 1.500 s on"), "{note}");
    // Nor is it if the same client takes another one.
    let others = [(0, 1_100, 1_200), (1, 2_000, 2_300), (0, 2_200, 2_250)];
    let mut story = self::story(&others.map(|(worker, had, until)| held(worker, had, until, A_B)));
    story.evidence.history.edit(|operations| operations.remove(1));
    let finding = judge(&story, 0, 9);
    assert_eq!((finding.measured.as_str(), finding.samples), ("2", 3), "{}", finding.note);
}

#[test]
fn no_lock_no_answer() {
    assert_eq!(judge(&story(&[]), 0, 0).status, Status::Inconclusive);
    let mut nobody = story(&[held(0, 1_100, 1_200, A_B)]);
    nobody.evidence.history.edit(|operations| {
        operations.truncate(1);
        operations[0].outcome = Ended::Fail;
    });
    let finding = judge(&nobody, 0, 0);
    assert_eq!((finding.status, finding.note.as_str()), (Status::Inconclusive, "nobody ever had a lock"));
}

#[rstest]
#[case::enough(1, None, During::Whole, Status::Pass, "2")]
#[case::too_few(3, None, During::Whole, Status::Fail, "2")]
#[case::too_many(0, Some(1), During::Whole, Status::Fail, "2")]
#[case::none_before_the_fault(0, Some(0), During::Steady, Status::Fail, "1")]
#[case::one_after_it(1, Some(1), During::Fault, Status::Pass, "1")]
fn locks_that_were_had_are_counted(
    #[case] min: u64,
    #[case] max: Option<u64>,
    #[case] during: During,
    #[case] status: Status,
    #[case] measured: &str,
) {
    let mut story = story(&[held(0, 1_100, 1_200, A_B), held(1, 1_300, 1_400, A_B)]);
    story.act(1_250, 0, "Kill", "C");
    story.unsettled(1_251);
    story.end(2_000);
    let finding = story.judge(Slo::Acquisitions(Acquisitions { min, max, during, load: None }));
    assert_eq!((finding.status, finding.measured.as_str()), (status, measured), "{}", finding.note);
}

/// Who still waits for a lock when the load ends wanted one and got none.
#[test]
fn who_waited_in_vain_wanted_one() {
    let mut story = story(&[held(0, 1_100, 1_200, A_B)]);
    story.evidence.history.edit(|operations| operations[0].ended = Instant::from_millis(2_500));
    story.end(2_000);
    let judge = |during| story.judge(Slo::Acquisitions(Acquisitions { min: 1, max: None, during, load: None }));
    let finding = judge(During::Whole);
    assert_eq!((finding.status, finding.measured.as_str(), finding.samples), (Status::Fail, "0", 1), "{finding:?}");
    assert_eq!(finding.limit, ">= 1");
    assert_eq!(judge(During::Fault).note, "nobody wanted a lock in the fault part");
}

/// A load of 2 s whose client stood still by itself.
#[rstest]
#[case::for_half_of_it(1_000, 1, true)]
#[case::for_less(999, 1, false)]
#[case::and_nobody_should_have_had_one(1_000, 0, false)]
fn a_client_that_stands_still_takes_no_locks(#[case] stalled: u64, #[case] min: u64, #[case] is_explained: bool) {
    let mut story = story(&[]);
    story.write(1_500, 1, |write| {
        write.started = Instant::from_millis(1_500 + stalled);
        write.ended = write.started;
    });
    story.end(3_000);
    let slo = Slo::Acquisitions(Acquisitions { min, max: Some(9), during: During::Whole, load: None });
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), is_explained);
}

#[test]
fn nobody_who_wants_one_proves_nothing() {
    let mut story = story(&[]);
    story.end(2_000);
    let slo = Acquisitions { min: 0, max: Some(0), during: During::Whole, load: None };
    assert_eq!(story.judge(Slo::Acquisitions(slo)).status, Status::Inconclusive);
}
