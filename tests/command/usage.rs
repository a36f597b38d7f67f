//! What starts nothing: `check`, `list`, `explain`, and wrong usage.

use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;

use super::started::{END_BOUND, Ended, Started, command, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("usage::a_broken_file_is_told_with_its_place", broken),
    ("usage::good_files_are_counted", good),
    ("usage::what_leads_nowhere_is_refused", nowhere),
    ("usage::wrong_usage_is_no_verdict", wrong),
    ("usage::scenarios_are_listed", list),
    ("usage::a_scenario_is_told_in_words", explain),
    ("usage::output_is_as_wide_as_it_may_be", wide),
    ("usage::a_closed_pipe_ends_quietly", closed_pipe),
];

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
    let meant = at_top("fixtures/scenarios/command/healthy.ron");
    ask(&["check", &meant.replace("healthy", "heathly")]).with(3).complains("did you mean").complains("healthy.ron");
    ask(&["check", "/no/such/directory"]).with(3).complains("/no/such/directory");
    let empty = tempfile::tempdir().expect("a directory");
    let path = empty.path().to_string_lossy().into_owned();
    ask(&["run", &path]).with(3).complains("no scenario").complains(&path);
    fs::write(empty.path().join("binary.ron"), [0xFF, 0xFE]).expect("a file");
    ask(&["check", &path]).with(3).complains("is not text in UTF-8");
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

fn list() {
    let listed = ask(&["list", &at_top("fixtures/scenarios/command")]).with(0);
    let listed = listed.says("command/healthy").says("Three masters form a cluster, and that is all.");
    let files = fs::read_dir(at_top("fixtures/scenarios/command")).expect("a directory").count();
    assert_eq!(listed.stdout.lines().count(), files, "{listed}");
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
