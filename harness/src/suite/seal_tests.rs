//! Whatever is done to a run directory: it is never a pass, it is told what was done, and judging it has an end.

use std::fs;
use std::io::BufWriter;
use std::path::Path;
use std::time::{Duration, Instant as Clock};

use proptest::prelude::*;
use proptest::sample::Index;
use rstest::rstest;
use tempfile::TempDir;

use super::judge_again;
use crate::check::testing::{LOAD_STARTS, Story, late, ms};
use crate::check::{During, Failover, Latency, LostWrites, Slo};
use crate::evidence::testing::{kill, machine_samples, server_samples, until};
use crate::evidence::{EventKind, HistoryReader, HistoryWriter, LogEvent, Operation, RunDirectory, seal};
use crate::verdict::{RunOutcome, Verdict};
use crate::vocab::{Instant, Percent};

/// Far more than judging these two thousand operations takes on a busy machine.
const BOUND: Duration = Duration::from_secs(20);

/// Of two seconds of load, a failover in the middle.
fn story() -> Story {
    let mut story = Story::formed();
    story.step(kill("A"));
    story.step(until("A1 is a master that owns keys, within 5s", &["A1"]));
    let p99 = Percent::try_from(99.0).unwrap();
    story.slo(Slo::Failover(Failover { max: ms(3_000), min: ms(0) }));
    story.slo(Slo::Latency(Latency { quantile: p99, max: ms(10), during: During::Steady, load: None }));
    story.slo(Slo::LostWrites(LostWrites { max: 0, min: 0 }));
    story.run(LOAD_STARTS, 2_500);
    story.failover(2_500, 0, 500);
    story.log(2_700, "C", LogEvent::MarkedFailing { about: "A".into() });
    story.log(2_990, "A1", LogEvent::ElectionWon);
    story.event(2_502, EventKind::StepStarted { step: 1, text: "Until A1 is promoted".to_owned() });
    story.event(3_025, EventKind::StepEnded { step: 1 });
    let key = story.key_of("A");
    story.write(3_030, key, |write| write.node = Some(3));
    story.run(3_040, 4_600);
    story.machine(4_600, |_| late(0.1));
    story.end(4_610);
    story.evidence.samples = [server_samples("A", 2.0, 100..2_500, 500.0), machine_samples(100..4_600)].concat();
    story.evidence.history.edit(|history| {
        for read in history.iter_mut().filter(|operation| operation.is_final_read()) {
            [read.intended, read.ready, read.started, read.ended] =
                [4_640, 4_640, 4_640, 4_650].map(Instant::from_millis);
        }
    });
    story
}

fn lines<T: serde::Serialize>(records: &[T]) -> String {
    records.iter().map(|record| serde_json::to_string(record).unwrap() + "\n").collect()
}

/// The story as a run leaves it.
fn run() -> TempDir {
    let temporary = tempfile::tempdir().unwrap();
    let directory = RunDirectory::new(temporary.path());
    let evidence = story().evidence;
    fs::write(directory.scenario(), "()\n").unwrap();
    fs::write(directory.plan(), serde_json::to_string_pretty(&evidence.plan).unwrap()).unwrap();
    fs::write(directory.info(), serde_json::to_string_pretty(&evidence.info).unwrap()).unwrap();
    fs::write(directory.events(), lines(&evidence.events)).unwrap();
    fs::write(directory.topology(), lines(&evidence.topology)).unwrap();
    fs::write(directory.samples(), lines(&evidence.samples)).unwrap();
    let mut history = HistoryWriter::new(BufWriter::new(fs::File::create(directory.history()).unwrap())).unwrap();
    evidence.history.iter().for_each(|operation| history.write(&operation).unwrap());
    history.flush().unwrap();
    fs::write(directory.lab_log(), "").unwrap();
    for node in ["A", "A1"].map(Into::into) {
        fs::create_dir_all(directory.node(&node)).unwrap();
        fs::write(directory.node_config(&node), "port 6379\nappendonly no\n").unwrap();
        fs::write(directory.node_log(&node), "1:M * Ready to accept connections\n").unwrap();
    }
    seal(&directory).unwrap();
    temporary
}

const FILES: [&str; 12] = [
    "scenario.ron",
    "plan.json",
    "run.json",
    "events.jsonl",
    "topology.jsonl",
    "samples.jsonl",
    "history.bin",
    "nodes/A/redis.conf",
    "nodes/A/redis.log",
    "nodes/A1/redis.conf",
    "nodes/A1/redis.log",
    "seal.json",
];

#[derive(Clone, Debug)]
enum Damage {
    Flip(Index),
    Cut(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
    /// A number of the file becomes this one.
    Number(Index, u64),
    Remove,
}

impl Damage {
    /// Whether the file is another now.
    fn to(&self, file: &Path) -> bool {
        let before = fs::read(file).unwrap();
        let mut bytes = before.clone();
        match self {
            Self::Flip(bit) => {
                let bit = bit.index(bytes.len() * 8);
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
            Self::Cut(at) => bytes.truncate(at.index(bytes.len())),
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
                let stretch = bytes[from.min(to)..=from.max(to)].to_vec();
                bytes.splice(from.min(to)..from.min(to), stretch);
            }
            Self::Swap(one, other) => {
                let mut lines: Vec<_> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
                let (one, other) = (one.index(lines.len()), other.index(lines.len()));
                lines.swap(one, other);
                bytes = lines.concat();
            }
            Self::Number(which, number) if file.ends_with("history.bin") => {
                let at = which.index(bytes.len() / 8) * 8;
                bytes[at..at + 8].copy_from_slice(&number.to_le_bytes());
            }
            Self::Number(which, number) => {
                let text = String::from_utf8_lossy(&bytes);
                let starts = text.match_indices(|c: char| c.is_ascii_digit()).map(|(at, _)| at);
                let starts: Vec<_> = starts.filter(|at| !text[..*at].ends_with(|c: char| c.is_ascii_digit())).collect();
                let Some(start) = starts.get(which.index(starts.len().max(1))) else { return false };
                let rest = text[*start..].trim_start_matches(|c: char| c.is_ascii_digit());
                bytes = format!("{}{number}{rest}", &text[..*start]).into_bytes();
            }
            Self::Remove => {
                fs::remove_file(file).unwrap();
                return true;
            }
        }
        fs::write(file, &bytes).unwrap();
        bytes != before
    }
}

fn damage() -> impl Strategy<Value = Damage> {
    let number = prop_oneof![Just(0), Just(1), Just(u64::MAX), Just(i64::MAX as u64), 0..10_000_000_000_u64];
    prop_oneof![
        4 => any::<Index>().prop_map(Damage::Flip),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => any::<[Index; 2]>().prop_map(|[from, to]| Damage::Repeat(from, to)),
        1 => any::<[Index; 2]>().prop_map(|[one, other]| Damage::Swap(one, other)),
        4 => (any::<Index>(), number).prop_map(|(which, number)| Damage::Number(which, number)),
        1 => Just(Damage::Remove),
    ]
}

/// Judges, which must have an end.
fn judge(directory: &Path) -> Result<Verdict, String> {
    let began = Clock::now();
    let judged = judge_again(directory);
    assert!(began.elapsed() < BOUND, "judging took {:?}", began.elapsed());
    judged
}

#[test]
fn the_run_is_a_pass() {
    let directory = run();
    let verdict = judge(directory.path()).unwrap();
    assert_eq!(verdict.outcome, RunOutcome::Pass, "{verdict:#?}");
    // The reports are none of the evidence: it is judged again.
    assert_eq!(judge(directory.path()).unwrap(), verdict);
}

#[test]
fn a_run_that_was_not_sampled_is_judged_alike() {
    let directory = run();
    let sampled = judge(directory.path()).unwrap();
    let report = || fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(sampled.servers.len() == 1 && report().contains("Servers and machine"), "{sampled:?}");
    fs::remove_file(directory.path().join("samples.jsonl")).unwrap();
    seal(&RunDirectory::new(directory.path())).unwrap();
    let verdict = judge(directory.path()).unwrap();
    assert_eq!(verdict, Verdict { servers: Vec::new(), ..sampled });
    assert!(!report().contains("Servers and machine"));
}

#[test]
fn every_difference_is_in_the_verdict_and_in_its_reports() {
    let directory = run();
    judge(directory.path()).unwrap();
    fs::remove_dir_all(directory.path().join("nodes/A")).unwrap();
    fs::write(directory.path().join("history.bin"), "").unwrap();
    let verdict = judge(directory.path()).unwrap();
    assert_eq!((verdict.outcome, verdict.scenario.as_str()), (RunOutcome::Inconclusive, "tests/story"));
    assert_eq!(verdict.because, "The evidence is not what the run left: history.bin: cut after byte 0, and 2 more.");
    assert!(verdict.findings.is_empty() && verdict.loads.is_empty(), "{verdict:?}");
    for report in ["report.json", "report.html"] {
        let report = fs::read_to_string(directory.path().join(report)).unwrap();
        for part in ["history.bin: cut after byte 0", "nodes/A/redis.conf: missing", "nodes/A/redis.log: missing"] {
            let told = &verdict.assumptions[0].detail;
            assert!(told.contains(part) && report.contains(part), "{part} is missing in {told} and {report}");
        }
        assert!(!report.to_lowercase().contains("pass<"), "{report}");
    }
}

fn edit(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).unwrap();
}

/// Another version in the history's head.
fn history_version(at: &Path, version: u8) {
    let mut bytes = fs::read(at.join("history.bin")).unwrap();
    bytes[7] = version;
    fs::write(at.join("history.bin"), bytes).unwrap();
}

fn edit_history(at: &Path, change: impl FnOnce(&mut Vec<Operation>)) {
    let path = at.join("history.bin");
    let mut history = HistoryReader::new(fs::File::open(&path).unwrap()).unwrap().read_all().unwrap();
    history.edit(change);
    let mut writer = HistoryWriter::new(BufWriter::new(fs::File::create(path).unwrap())).unwrap();
    history.iter().for_each(|operation| writer.write(&operation).unwrap());
    writer.flush().unwrap();
}

#[rstest]
#[case::another_format(&|at: &Path| history_version(at, 99), "this is a history of version 99, and this harness reads version ")]
#[case::endless_operation(&|at: &Path| edit_history(at, |h| h[0].ended = Instant(u64::MAX)), "history.bin: record 1: no run of this scenario records this")]
#[case::endless_line(
    &|at: &Path| fs::write(at.join("events.jsonl"), vec![b'['; 17 << 20]).unwrap(),
    "line 1 is longer than any of a run"
)]
#[case::another_version(
    &|at: &Path| edit(&at.join("run.json"), env!("CARGO_PKG_VERSION"), "0.0.1"),
    concat!("redis-harness 0.0.1 made this run; this is ", env!("CARGO_PKG_VERSION"), ", which cannot judge it")
)]
#[case::a_version_that_recorded_no_plan(
    &|at: &Path| {
        edit(&at.join("run.json"), env!("CARGO_PKG_VERSION"), "0.1.0");
        fs::remove_file(at.join("plan.json")).unwrap();
    },
    "error: redis-harness 0.1.0 made this run; this is "
)]
#[case::no_plan(&|at: &Path| fs::remove_file(at.join("plan.json")).unwrap(), "plan.json: No such file")]
#[case::another_plan(&|at: &Path| fs::write(at.join("plan.json"), "{}").unwrap(), "plan.json:1: this is not evidence of this version")]
#[case::an_endless_run(&|at: &Path| edit(&at.join("plan.json"), "600000", "99999999999999"), "plan.json: run 1: no run")]
#[case::an_endless_node_timeout(
    &|at: &Path| edit(&at.join("plan.json"), r#""node_timeout_ms": 1000"#, r#""node_timeout_ms": 18446744073709551615"#),
    "its node timeout of 18446744073709551615 ms outlasts it"
)]
#[case::an_unknown_slo(&|at: &Path| edit(&at.join("plan.json"), "LostWrites", "LastWrites"), "plan.json: SLO 3: no run")]
fn what_was_sealed_anew_is_refused_with_its_place(#[case] change: &dyn Fn(&Path), #[case] expected: &str) {
    let directory = run();
    change(directory.path());
    seal(&RunDirectory::new(directory.path())).unwrap();
    let refusal = judge(directory.path()).unwrap_err();
    assert!(refusal.contains(expected), "{refusal}");
}

proptest! {
    #[test]
    fn altered_evidence_is_never_judged(file in proptest::sample::select(&FILES[..]), damage in damage()) {
        let directory = run();
        if !damage.to(&directory.path().join(file)) {
            return Ok(());
        }
        let verdict = judge(directory.path()).unwrap();
        prop_assert_eq!(verdict.outcome, RunOutcome::Inconclusive);
        let told = if file == "seal.json" { "seal" } else { file };
        prop_assert!(verdict.because.contains(told), "{}", verdict.because);
    }

    /// Somebody who seals what he altered may get any verdict, but no crash and no endless judge.
    #[test]
    fn judging_what_was_sealed_anew_has_an_end(
        damages in proptest::collection::vec((proptest::sample::select(&FILES[..7]), damage()), 1..3),
    ) {
        let directory = run();
        for (file, damage) in damages {
            let file = directory.path().join(file);
            if fs::metadata(&file).is_ok_and(|metadata| metadata.len() > 0) {
                damage.to(&file);
            }
        }
        seal(&RunDirectory::new(directory.path())).unwrap();
        let _ = judge(directory.path());
    }
}
