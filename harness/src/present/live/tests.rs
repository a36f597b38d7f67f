use super::super::sample::{Story, master_kill, name};
use super::*;
use crate::evidence::testing::{heal, partition, until};
use crate::evidence::{ErrorKind, Evidence};

fn shown(evidence: &Evidence, progress: ProgressLines, colour: bool) -> String {
    shown_on(evidence, progress, Look::new(colour, 110))
}

fn shown_on(evidence: &Evidence, progress: ProgressLines, look: Look) -> String {
    let mut view = LiveView::new(&evidence.plan, progress, look);
    evidence.events.iter().map(|event| view.show(event)).collect()
}

#[test]
fn a_run_of_twelve_seconds_is_a_screenful() {
    let evidence = master_kill();
    let text = shown(&evidence, ProgressLines::EverySecond, false);
    let lines = text.lines().count();
    assert!((25..=45).contains(&lines), "{lines} lines:\n{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    for once in ["(PFAIL)", "(FAIL)", "(CLUSTERDOWN)", "ok again", "PROMOTED", "FAIL is cleared", "load ended"] {
        assert_eq!(text.matches(once).count(), 1, "{once}:\n{text}");
    }
    assert!(text.contains("slow: 897 more within a second, up to"), "{text}");
}

#[test]
fn lines_fit_the_terminal() {
    let evidence = master_kill();
    let words = |text: &str| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let wide = shown(&evidence, ProgressLines::EverySecond, false);
    let narrow = shown_on(&evidence, ProgressLines::EverySecond, Look::new(false, 60));
    assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
    assert_eq!(words(&narrow), words(&wide));
}

/// A log has a line of each load every 5 s: what there was so far, what there was lately, and the step at hand.
#[test]
fn a_log_file_hears_of_progress_every_five_seconds() {
    let evidence = master_kill();
    let text = shown_on(&evidence, ProgressLines::EveryFiveSeconds, Look::new(false, 250));
    let lines = text.lines().filter_map(|line| line.split_once("app  ")).map(|(_, line)| line);
    let lines: Vec<_> = lines.filter(|line| line.contains("; last 5 s: ")).collect();
    let expected = [
        "5 s: 9,335 ok, 0 fail, 2 unknown; last 5 s: 1,867/s ok, p99 <= 1,488 ms, 0 fail, 2 unknown; 4/7 Run for 2s",
        "10 s: 19,335 ok, 0 fail, 2 unknown; last 5 s: 2,000/s ok, p99 <= 0.64 ms; 7/7 Run for 2s",
    ];
    assert_eq!(lines, expected, "{text}");
}

#[test]
fn colour_changes_no_character() {
    let evidence = master_kill();
    let coloured = shown(&evidence, ProgressLines::EverySecond, true);
    let bare = shown(&evidence, ProgressLines::EverySecond, false);
    assert_ne!(coloured, bare);
    assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), bare);
}

#[test]
fn what_goes_wrong_stands_out() {
    let mut story = Story::formed(1, vec![until("everything is served, within 5s", &[])]);
    story.at(3_000, EventKind::NodeExited { node: name("B"), cause: ExitCause::Signal(11), expected: false });
    story.at(3_100, EventKind::UntilMissed { step: 0, last_state: "B does not answer".to_owned() });
    let reason = "did not end within 15 s".to_owned();
    let (within_ms, log) = (Some(15_000), "its log".to_owned());
    story.at(3_110, EventKind::StepFailed { step: 0, node: name("C"), reason, within_ms, log });
    story.at(3_120, EventKind::Waiting { what: "every key to be read".to_owned(), within_ms: 30_000 });
    let (unserved, errors) = (Some("nobody serves A's slots".to_owned()), [(ErrorKind::TimedOut, 2)].into());
    story.at(3_130, EventKind::FinalRead { keys: 5_104, unreadable: 1_702, unserved, errors });
    story.at(3_200, EventKind::Aborted { reason: "B is gone".to_owned() });
    story.at(3_300, EventKind::Interrupted);
    let evidence = story.end(4_000);
    let text = shown(&evidence, ProgressLines::EveryFiveSeconds, false);
    let all = [
        "ENDED BY ITSELF: signal 11",
        "NOT MET in time: B does not",
        "NOT DONE: C did not end within 15 s",
        "waits, at most 30 s, for every key to be read",
        "final read: 1,702 of 5,104 keys unreadable: nobody serves A's slots and 2 timed out",
        "ABORTED: B is gone",
        "INTERRUPTED",
    ];
    for expected in all {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
}

#[test]
fn a_fault_without_proof_is_doubted() {
    let mut evidence = master_kill();
    for event in &mut evidence.events {
        if let EventKind::ActedOnNode { proof, .. } = &mut event.kind {
            *proof = None;
        }
    }
    assert!(shown(&evidence, ProgressLines::EveryFiveSeconds, false).contains("NO PROOF"));
}

/// A partition's lines say who is on which side, and what was healed.
#[test]
fn a_partition_is_told_in_words() {
    let mut story = Story::formed(1, vec![partition("A | the rest", &["A"]), heal()]);
    story.isolate(3_000, 0, &["A"]);
    story.heal(4_000, 1);
    let mut evidence = story.end(60_000);
    let text = shown(&evidence, ProgressLines::EveryFiveSeconds, false);
    for expected in ["cut: A | B C A1 B1 C1: 10 links cut (drop): 10 probes", "cut: 10 links healed: 10 probes"] {
        assert!(text.contains(expected), "{expected}:\n{text}");
    }
    for event in &mut evidence.events {
        if let EventKind::Network(change) = &mut event.kind {
            (change.proof, change.doubt) = (None, Some("a probe passed on A -> B".to_owned()));
        }
    }
    let text = shown_on(&evidence, ProgressLines::EveryFiveSeconds, Look::new(false, 200));
    assert_eq!(text.matches("NO PROOF that it happened: a probe passed on A -> B").count(), 2, "{text}");
}
