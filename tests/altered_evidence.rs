//! Evidence that somebody altered and sealed anew: whatever was done to it, judging it ends, and it never passes if what was altered
//! matters. (What was altered and not sealed anew is not judged at all: `suite/seal_tests.rs`.)

#[path = "altered_evidence/alteration.rs"]
mod alteration;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};
use std::{fs, thread};

use harness::evidence::{Evidence, RunDirectory};
use harness::provider::{Need, ProviderChoice, ServerBinary};
use harness::verdict::{self, RunOutcome, Verdict};
use harness::{present, run};
use libtest_mimic::{Arguments, Trial};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use alteration::Alteration;

/// Runs that pass as they are, and how often each is altered.
const RUNS: &[(&str, u64)] = &[("failover", 4_000), ("steady", 4_000), ("messages", 2_000)];

fn main() -> ExitCode {
    run::enter_if_lab();
    let arguments = Arguments::from_args();
    let missing = ProviderChoice::Namespaces.check(Need::Hosts).is_err() || ServerBinary::find(None).is_err();
    let missing = missing && std::env::var_os("REQUIRE_ALL").is_none_or(|value| value != "1");
    let trials = RUNS.iter().map(|&(scenario, cases)| {
        let trial = move || {
            alter(scenario, cases);
            Ok(())
        };
        Trial::test(scenario, trial).with_ignored_flag(missing)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Runs a scenario, alters its evidence again and again, and judges each.
fn alter(scenario: &str, cases: u64) {
    let evidence = evidence_of(scenario);
    assert_eq!(judge(&evidence).map(|verdict| verdict.outcome), Some(RunOutcome::Pass), "as it is");
    let wrong: Vec<_> = thread::scope(|scope| {
        let evidence = &evidence;
        let halves: Vec<_> = (0..2)
            .map(|half| {
                scope.spawn(move || {
                    (half..cases).step_by(2).filter_map(|case| wrong(evidence, case)).collect::<Vec<_>>()
                })
            })
            .collect();
        halves.into_iter().flat_map(|half| half.join().expect("a panic is caught")).collect()
    });
    assert!(wrong.is_empty(), "{} of {cases}: {}", wrong.len(), wrong[..wrong.len().min(20)].join("\n"));
}

/// What is wrong with the verdict on the evidence as that case alters it, if anything is.
fn wrong(evidence: &Evidence, case: u64) -> Option<String> {
    let mut random = ChaCha8Rng::seed_from_u64(case);
    let (altered, alteration) = Alteration::draw(evidence, &mut random)?;
    let judged = || {
        let verdict = judge(&altered)?;
        // Whoever shows it must not fail either; that takes longer than to judge it.
        if case.is_multiple_of(10) {
            let (_, series) = verdict::series(&altered, present::CHART_BINS_MAX);
            let _ = present::report_html(&altered, &verdict, series.as_ref());
        }
        Some(verdict.outcome)
    };
    let Ok(outcome) = catch_unwind(AssertUnwindSafe(judged)) else {
        return Some(format!("case {case}: {alteration}: it panicked"));
    };
    (outcome == Some(RunOutcome::Pass) && alteration.matters).then(|| format!("case {case}: {alteration}: it passed"))
}

/// None if no run can have recorded this, so that it is not judged.
fn judge(evidence: &Evidence) -> Option<Verdict> {
    verdict::sound(evidence).ok()?;
    Some(verdict::judge(evidence, present::compare_topology(evidence)))
}

fn evidence_of(scenario: &str) -> Evidence {
    let out = tempfile::tempdir().expect("a temporary directory");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/sabotage").join(scenario).with_extension("ron");
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-harness"));
    command.arg("run").arg(file).arg("--out").arg(out.path()).stdin(Stdio::null()).env_remove("GITHUB_ACTIONS");
    let ended = command.output().expect("the command starts");
    let inside =
        |path: PathBuf| fs::read_dir(path).ok()?.flatten().map(|entry| entry.path()).find(|path| path.is_dir());
    let directory = (0..3).try_fold(out.path().to_owned(), |path, _| inside(path));
    let read = directory.map(|directory| Evidence::read(&RunDirectory::new(directory)));
    read.and_then(Result::ok).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(&ended.stdout)))
}
