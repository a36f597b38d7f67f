//! What starts nothing: `check`, `list`, `explain`, and wrong usage.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::started::{END_BOUND, Ended, Started, command, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("usage::a_broken_file_is_told_with_its_place", broken),
    ("usage::good_files_are_counted", good),
    ("usage::what_leads_nowhere_is_refused", nowhere),
    ("usage::wrong_usage_is_no_verdict", wrong),
    ("usage::a_byte_order_mark_is_accepted", byte_order_mark),
    ("usage::a_long_file_is_checked_quickly", long),
    ("usage::scenarios_are_listed", list),
    ("usage::a_scenario_is_told_in_words", explain),
    ("usage::output_is_as_wide_as_it_may_be", wide),
    ("usage::a_closed_pipe_ends_quietly", closed_pipe),
];

/// How much of a processor's time the longest file may take; it takes less than half of that.
const LONG_SECONDS: u32 = 6;

/// And how long that may be on a machine with much else to do.
const LONG_BOUND: Duration = Duration::from_mins(2);

fn ask(arguments: &[&str]) -> Ended {
    Started::new(command(arguments)).end(END_BOUND)
}

fn at_top(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path).to_string_lossy().into_owned()
}

fn broken() {
    let path = at_top("fixtures/scenarios/broken/misspelt_field.ron");
    for subcommand in ["check", "run", "list", "explain"] {
        let ended = ask(&[subcommand, &path]).with(3);
        let place = ended.stderr.split_once(&format!("{path}:")).map(|(_, rest)| rest.to_owned());
        let place = place.unwrap_or_else(|| panic!("no place in {ended}"));
        let numbers: Vec<_> = place.split([':', '\n']).take(2).map(str::parse::<u32>).collect();
        assert!(numbers.iter().all(Result::is_ok), "{numbers:?} in {ended}");
    }
    ask(&["check", &at_top("fixtures/scenarios/broken"), &at_top("scenarios")]).with(3).complains("unclosed_list.ron:");
}

fn good() {
    ask(&["check", &at_top("fixtures/scenarios/good/failover_under_load.ron")]).with(0).says("1 scenario without");
    let directory = at_top("fixtures/scenarios/command");
    ask(&["check", &directory, &at_top("scenarios")]).with(0).says("scenarios without an error");
}

fn nowhere() {
    let listed = at_top("fixtures/scenarios/command/healthy.ron");
    ask(&["check", &listed.replace("healthy", "heathly")]).with(3).complains("did you mean").complains("healthy.ron");
    let links = tempfile::tempdir().expect("a directory");
    let link = links.path().join("moved.ron");
    symlink("/no/such/scenario.ron", &link).expect("a link");
    let ended = ask(&["check", &link.to_string_lossy()]).with(3).complains("is a link to /no/such/scenario.ron");
    assert!(!ended.stderr.contains("did you mean"), "{ended}");
    ask(&["check", "/no/such/directory"]).with(3).complains("/no/such/directory");
    let empty = tempfile::tempdir().expect("a directory");
    let path = empty.path().to_string_lossy().into_owned();
    ask(&["run", &path]).with(3).complains("no scenario").complains(&path);
    fs::write(empty.path().join("utf16.ron"), [0xFF, 0xFE, b'(', 0]).expect("a file");
    fs::write(empty.path().join("latin1.ron"), b"(\n    about: \"caf\xe9\",\n").expect("a file");
    let ended = ask(&["check", &path]).with(3).complains("it is UTF-16: save it as UTF-8");
    ended.complains("the byte 0xE9 is not text in UTF-8").complains("latin1.ron:2:16");
    ask(&["judge", &path]).with(3).complains("is no run directory");
    ask(&["judge", "/no/such/run"]).with(3).complains("/no/such/run is no run directory");
}

/// Exit code 2 would mean that a run could not tell.
fn wrong() {
    ask(&[]).with(3).complains("Usage");
    ask(&["rum"]).with(3).complains("'run'");
    ask(&["run"]).with(3).complains("<FILES>");
    ask(&["run", "--tmies", "2", "x.ron"]).with(3).complains("--times");
    ask(&["run", "--times", "0", "x.ron"]).with(3).complains("--times");
    ask(&["--version"]).with(0).says(env!("CARGO_PKG_VERSION"));
    ask(&["--help"]).with(0).says("2 inconclusive");
    ask(&["run", "--help"]).with(0).says("--keep").says("[default: 10]");
}

/// What editors of another system put first is no part of the scenario.
fn byte_order_mark() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("marked.ron");
    let text = fs::read(scenario("healthy")).expect("a scenario");
    fs::write(&path, [b"\xEF\xBB\xBF".to_vec(), text].concat()).expect("a file");
    ask(&["check", &path.to_string_lossy()]).with(0).says("1 scenario without an error");
}

/// A file that a machine wrote.
fn long() {
    let directory = tempfile::tempdir().expect("a directory");
    let check = |steps: usize, step: &str| {
        let path = directory.path().join("long.ron");
        let timeline = step.repeat(steps / 2);
        fs::write(&path, format!("(about: \"\", topology: Cluster(masters: 3, replicas: 1), timeline: [{timeline}])"))
            .expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("ulimit -t {LONG_SECONDS}; exec \"$0\" check \"$1\"")]);
        command.arg(env!("CARGO_BIN_EXE_redis-harness")).arg(&path).env("NO_COLOR", "1");
        Started::new(command).end(LONG_BOUND)
    };
    check(10_000, "Kill(node:\"A\"),Start(node:\"A\"),").with(0);
    check(10_000, "Partition(links: Of([\"A\"])),Heal(),").with(0);
    // A mistake in every other step: most of them are only counted.
    let ended = check(5_000, "Kill(node:\"A\"),Heal(name:\"x\"),").with(3);
    ended.complains("4999 errors in ").complains("the first 50 are shown");
    check(50_000, "Run(for:\"1ms\"),Run(for:\"1ms\"),").with(0);
    check(5_000, "Run(for:\"1ms\"),Run(fro:\"1ms\"),").with(3).complains("did you mean `for`?");
    let endless = directory.path().join("endless.ron");
    File::create(&endless).and_then(|file| file.set_len(1 << 40)).expect("a file with a hole");
    ask(&["check", &endless.to_string_lossy()]).with(3).complains("at most 8 MiB");
}

fn list() {
    let listed = ask(&["list", &at_top("fixtures/scenarios/command")]).with(0);
    let listed = listed.says("command/healthy").says("Three masters form a cluster, and that is all.");
    let files = fs::read_dir(at_top("fixtures/scenarios/command")).expect("a directory").count();
    assert_eq!(listed.stdout.lines().count(), files, "{listed}");
    // One broken file does not hide the others, nor do they hide it.
    let directory = tempfile::tempdir().expect("a directory");
    fs::copy(scenario("healthy"), directory.path().join("healthy.ron")).expect("a copy");
    fs::copy(at_top("fixtures/scenarios/broken/json.ron"), directory.path().join("json.ron")).expect("a copy");
    let listed = ask(&["list", &directory.path().to_string_lossy()]).with(3).complains("this looks like JSON");
    assert!(listed.says("/healthy  Three masters form a cluster").stderr.contains("1 error in "));
}

fn explain() {
    let path = at_top("fixtures/scenarios/good/failover_under_load.ron");
    ask(&["explain", &path]).with(0).says("cluster-node-timeout").says("A1");
}

fn wide() {
    let path = at_top("fixtures/scenarios/good/failover_under_load.ron");
    let widest = |columns: Option<&str>| {
        let mut command = command(&["explain", &path]);
        command.envs(columns.map(|columns| ("COLUMNS", columns)));
        let ended = Started::new(command).end(END_BOUND).with(0);
        ended.stdout.lines().map(|line| line.chars().count()).max().expect("lines")
    };
    assert!((100..=110).contains(&widest(None)), "{}", widest(None));
    assert!((50..=60).contains(&widest(Some("60"))), "{}", widest(Some("60")));
    assert!(widest(Some("300")) > 110);
    let listed = |columns: Option<&str>| {
        let mut command = command(&["list", &at_top("scenarios")]);
        command.envs(columns.map(|columns| ("COLUMNS", columns)));
        let ended = Started::new(command).end(END_BOUND).with(0);
        (ended.stdout.lines().count(), ended.stdout.lines().map(|line| line.chars().count()).max().expect("lines"))
    };
    let (scenarios, lines) = (listed(None), listed(Some("60")));
    assert!(scenarios.0 < lines.0 && scenarios.1 > 60 && lines.1 <= 60, "{scenarios:?} {lines:?}");
}

fn closed_pipe() {
    let scenario = scenario("healthy");
    let scenario = scenario.to_string_lossy();
    for subcommand in ["list", "explain", "check"] {
        let mut command = command(&[subcommand, &scenario]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        drop(child.stdout.take());
        let mut complaints = String::new();
        child.stderr.take().expect("a pipe").read_to_string(&mut complaints).expect("text");
        let status = child.wait().expect("it is our child");
        assert!(status.success() && complaints.is_empty(), "{subcommand}: {status}: {complaints}");
    }
}
