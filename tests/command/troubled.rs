//! Missing servers, full disks and files that vanish.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::started::{Started, WAIT_BOUND, command, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("troubled::no_server_is_said_first", no_server),
    ("troubled::a_named_server_that_is_none_is_wrong_usage", not_a_server),
    ("troubled::a_refused_start_is_told_in_the_servers_words", refused),
    ("troubled::a_full_disk_is_told_in_the_servers_words", full_disk),
    ("troubled::a_summary_that_cannot_be_written_takes_nothing_from_the_verdict", no_summary),
    ("troubled::a_scenario_that_vanishes_does_no_harm", vanished),
    ("troubled::an_out_directory_that_is_none_is_refused", no_out),
];

/// Runs the scenario with this in the environment; what it comes to.
fn run_with(name: &str, variable: &str, value: &str) -> super::started::Ended {
    let directory = tempfile::tempdir().expect("a directory");
    let out = directory.path().join("out");
    let path = scenario(name);
    let mut command = command(&["run", &path.to_string_lossy(), "--out", &out.to_string_lossy()]);
    command.env_remove("REDIS_SERVER").env(variable, value);
    let ended = Started::new(command).end(WAIT_BOUND);
    assert_eq!(out.exists(), ended.code != Some(3), "{ended}");
    ended
}

/// The first paragraph of the verdict.
fn reason(stdout: &str) -> String {
    let verdict = stdout.split_once("\nINCONCLUSIVE ").map(|(_, verdict)| verdict).unwrap_or_default();
    let words = verdict.split("\n\n").next().unwrap_or_default().split_whitespace();
    words.collect::<Vec<_>>().join(" ")
}

fn no_server() {
    let ended = run_with("long", "PATH", "/no/such/directory").with(2);
    let reason = reason(&ended.stdout);
    assert!(reason.contains("Nothing was tested: ") && reason.contains("apt-get install redis-server"), "{ended}");
    assert!(!ended.stdout.contains("load app did its work"), "{ended}");
}

fn not_a_server() {
    let trials = [
        ("/bin/ls", "/bin/ls is neither Redis nor Valkey"),
        ("/bin/ls", "coreutils"),
        ("/bin/true", "/bin/true is neither Redis nor Valkey"),
        ("/no/such/server", "REDIS_SERVER names the server `/no/such/server`, which is no executable file"),
    ];
    for (binary, why) in trials {
        // Nothing is run, nor is there a run's directory.
        let ended = run_with("healthy", "REDIS_SERVER", binary).with(3).complains(why);
        assert_eq!(ended.stdout, "", "{ended}");
        let mut check = command(&["check", &scenario("healthy").to_string_lossy()]);
        check.env("REDIS_SERVER", binary);
        Started::new(check).end(WAIT_BOUND).with(3).complains(why);
    }
}

fn refused() {
    let ended = Started::run(&scenario("refused_at_start")).end(WAIT_BOUND).with(2);
    let reason = reason(&ended.stdout);
    assert!(reason.contains("B ended with exit code 1"), "{ended}");
    let told = ended.says("Can't load module from /etc/passwd");
    // A line of the log stays a line.
    assert!(told.stdout.lines().any(|line| line.trim_end().ends_with("server aborting")), "{told}");
}

fn full_disk() {
    let ended = Started::run(&scenario("full_disk")).end(WAIT_BOUND);
    assert!(matches!(ended.code, Some(1 | 2)), "{ended}");
    ended.says("the first error reply: MISCONF").says("No space left on device");
}

/// A report to GitHub that fails does not change the verdict.
fn no_summary() {
    let mut run = Started::run_with(
        &scenario("healthy"),
        &[("GITHUB_ACTIONS", Path::new("true")), ("GITHUB_STEP_SUMMARY", Path::new("/no/such/directory/summary"))],
    );
    run.end(WAIT_BOUND).with(0).complains("cannot report to GitHub: ").complains("the verdict stands");
}

fn vanished() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("command/no_writes_lost.ron");
    fs::create_dir(directory.path().join("command")).expect("a directory");
    fs::copy(scenario("no_writes_lost"), &path).expect("a copy");
    let mut run = Started::run(&path);
    run.await_event("node_started");
    fs::remove_file(&path).expect("it was there");
    run.end(WAIT_BOUND).with(0);
}

fn no_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("file");
    fs::write(&file, "").expect("a file");
    let read_only = directory.path().join("read-only");
    fs::create_dir(&read_only).expect("a directory");
    fs::set_permissions(&read_only, fs::Permissions::from_mode(0o555)).expect("its owner may");
    let ask = |out: &Path| {
        let path = scenario("healthy");
        Started::new(command(&["run", &path.to_string_lossy(), "--out", &out.to_string_lossy()])).end(WAIT_BOUND)
    };
    ask(&file).with(4).complains("cannot write").complains(&file.to_string_lossy());
    // Even root cannot write here.
    ask(Path::new("/proc/no-such-directory")).with(4).complains("cannot write /proc/no-such-directory");
    if !nix::unistd::geteuid().is_root() {
        ask(&read_only).with(4).complains("Permission denied");
    }
}
