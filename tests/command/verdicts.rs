//! Runs that come to an end of their own, and judging them again.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::started::{END_BOUND, Ended, Started, TURN_BOUND, command, scenario, server_by};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("verdicts::a_missed_slo_fails_and_is_judged_the_same_again", missed),
    ("verdicts::a_long_node_timeout_costs_nothing", slow_to_suspect),
    ("verdicts::functional_runs_share_the_machine", together),
    ("verdicts::timed_runs_take_turns", turns),
    ("verdicts::a_machine_that_others_take_fails_nobody", starved),
];

/// Those that do several runs, one after the other.
pub(super) const LONG_TRIALS: &[(&str, fn())] =
    &[("verdicts::quiet_is_a_line_a_run", quiet), ("verdicts::what_a_command_ran_outlives_it", kept)];

/// How long the longest of the scenarios here takes when it has the machine.
const RUN_BOUND: Duration = Duration::from_secs(20);

fn judge(directory: &Path) -> Ended {
    Started::new(command(&["judge", &directory.to_string_lossy()])).end(END_BOUND)
}

fn missed() {
    let mut run = Started::run(&scenario("impossible"));
    let ended = run.end(TURN_BOUND).with(1).says("FAIL command/impossible").says("impossible.ron:12");
    let line = ended.stdout.lines().find(|line| line.contains("impossible.ron:12")).unwrap_or_default();
    let cells: Vec<_> = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect();
    let ["FAIL", "promotions 1", "1", "0", _, "impossible.ron:12"] = cells[..] else { panic!("{cells:?} in {ended}") };

    let directory = run.run_directory().expect("a run");
    let report = fs::read(directory.join("report.json")).expect("a report");
    fs::remove_file(directory.join("report.json")).expect("the report was there");
    let again = judge(&directory).with(1);
    assert_eq!(fs::read(directory.join("report.json")).expect("a report"), report);
    let verdict = |ended: &Ended| ended.stdout.split_once("\nFAIL ").map(|(_, verdict)| verdict.to_owned());
    assert_eq!(verdict(&again), verdict(&ended));
}

fn slow_to_suspect() {
    let mut run = Started::run(&scenario("slow_to_suspect"));
    let ended = run.end(TURN_BOUND).with(0).says("formed: ");
    let directory = run.run_directory().expect("a run");
    let last = fs::read_to_string(directory.join("events.jsonl")).expect("events");
    let last = last.lines().last().expect("an event").to_owned();
    let at = last.split([':', ',']).nth(1).and_then(|at| at.parse::<u64>().ok());
    assert!(at.is_some_and(|nanos| nanos < 8_000_000_000), "{last} in {ended}");
}

fn together() {
    let [mut one, mut other] = [Started::run(&scenario("healthy")), Started::run(&scenario("healthy"))];
    one.end(TURN_BOUND).with(0);
    other.end(RUN_BOUND + TURN_BOUND).with(0);
    assert!(!is_alone(&one.run_directory().expect("a run")));
}

fn quiet() {
    let out = tempfile::tempdir().expect("a directory");
    let run = |name: &str| {
        let mut command = command(&["run", "-q", "--times", "2", &scenario(name).to_string_lossy(), "--out"]);
        command.arg(out.path());
        Started::new(command).end(TURN_BOUND)
    };
    let passed = run("healthy").with(0);
    let lines: Vec<_> = passed.stdout.lines().collect();
    let line = "PASS  command/healthy: Every assumption held and all 2 checks were met.";
    assert_eq!(lines, [line, line, "", "2 runs: 2 pass, 0 fail, 0 inconclusive"], "{passed}");
    let failed =
        run("nobody_promoted").with(1).says("FAIL  command/nobody_promoted: Not met: promotions 1, ").says("limit 1, ");
    let paths = failed.stdout.lines().filter(|line| Path::new(line.trim()).join("report.json").is_file());
    assert_eq!(paths.count(), 2, "{failed}");
    assert!(!failed.stdout.contains("Assumptions") && !failed.stdout.contains("no server ended"), "{failed}");
}

/// The directories that a command printed are there when it has ended, and go when the next one has.
fn kept() {
    let out = tempfile::tempdir().expect("a directory");
    let run = |times: &str| {
        let mut command = command(&["run", "--times", times, &scenario("healthy").to_string_lossy(), "--out"]);
        command.arg(out.path());
        let ended = Started::new(command).end(TURN_BOUND).with(0);
        let printed = ended.stdout.lines().map(|line| PathBuf::from(line.trim())).filter(|path| path.is_absolute());
        (printed.collect::<Vec<_>>(), ended)
    };
    let (first, ended) = run("3");
    assert!(first.len() == 3 && first.iter().all(|run| run.join("report.html").is_file()), "{ended}");
    assert!(!ended.stdout.contains("removed"), "{ended}");
    let (second, ended) = run("1");
    assert!(second.len() == 1 && second[0].is_dir() && !first.iter().any(|run| run.exists()), "{ended}");
    ended.says("removed 3 earlier runs: of each scenario the last 10");
}

/// The first and the last moment of a run, in microseconds since 1970.
fn times(directory: &Path) -> (u64, u64) {
    let info = fs::read_to_string(directory.join("run.json")).expect("run.json");
    let began = info.split_once("\"started_unix_us\": ").and_then(|(_, rest)| rest.split_once(','));
    let began = began.and_then(|(number, _)| number.parse::<u64>().ok()).expect("a start");
    let events = fs::read_to_string(directory.join("events.jsonl")).expect("events");
    let last = events.lines().last().and_then(|line| line.split([':', ',']).nth(1)).and_then(|at| at.parse().ok());
    (began, began + last.map_or(0, |nanos: u64| nanos / 1_000))
}

/// Who waits is told who has the machine. They take turns by a lock of their own, so that nobody else's name comes between.
fn turns() {
    let temporary = tempfile::tempdir().expect("a directory");
    let run = || Started::run_with(&scenario("impossible"), &[("TMPDIR", temporary.path())]);
    let mut runs = [run(), run()];
    let ended = runs.each_mut().map(|run| run.end(TURN_BOUND).with(1));
    let mut times = runs.each_ref().map(|run| times(&run.run_directory().expect("a run")));
    times.sort_unstable();
    assert!(times[0].1 <= times[1].0, "{times:?}");
    let told = |of: &Ended| of.stderr.contains("waiting: another run has the machine: command/impossible (process ");
    assert!(ended.iter().any(told), "{ended:?}");
    assert!(runs.iter().all(|run| is_alone(&run.run_directory().expect("a run"))));
}

/// Whether `run.json` says that the run had the machine to itself.
fn is_alone(directory: &Path) -> bool {
    let info = fs::read_to_string(directory.join("run.json")).expect("run.json");
    assert!(info.contains("\"alone\": true") != info.contains("\"alone\": false"), "{info}");
    info.contains("\"alone\": true")
}

/// Servers that stand back for more busy shells than there are processors: what is missed is not blamed on them.
///
/// The shells are the servers' children, because the kernel may share processors out among sessions first.
const BUSY: &str = r#"case "$1" in --version*) exec "$SERVER" "$@";; esac
for shell in 1 2 3; do while :; do :; done & done
exec nice -n 10 "$SERVER" "$@""#;

fn starved() {
    let files = tempfile::tempdir().expect("a directory");
    let server = server_by(files.path(), BUSY);
    let ended = Started::run_with(&scenario("starved"), &[("REDIS_SERVER", &server)]).end(TURN_BOUND).with(2);
    let words = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("INCONCLUSIVE p99 whole <= 1ms 1 ms "), "{ended}");
    assert!(words.contains("not blamed on the servers: the machine may have taken "), "{ended}");
    assert!(words.contains(" waited for a processor "), "{ended}");
}
