//! Runs that end early: interrupted by the user, or by the death of one of their processes.

use std::fs::File;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::family::Family;
use super::started::{END_BOUND, Started, command, poll, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("interrupted::sigint_ends_a_run_with_its_evidence", || interrupted(Signal::SIGINT)),
    ("interrupted::sigterm_ends_a_run_with_its_evidence", || interrupted(Signal::SIGTERM)),
    ("interrupted::a_second_sigint_ends_at_once", twice),
    ("interrupted::waiting_for_a_turn_can_be_interrupted", waiting),
    ("interrupted::nothing_outlives_the_command", || killed(|run, _| run)),
    ("interrupted::the_death_of_stage_one_is_told", || killed(|_, family| family.stage_one)),
    ("interrupted::the_death_of_the_lab_is_told", || killed(|_, family| family.first)),
];

/// A long run whose load has started.
fn long() -> (Started, Family) {
    let mut run = Started::run(&scenario("long"));
    run.await_event(r#""event":"progress""#);
    let family = Family::of(run.id());
    (run, family)
}

fn interrupted(signal: Signal) {
    let (mut run, family) = long();
    run.signal(signal);
    let ended = run.end(END_BOUND).with(130);
    ended.says("INCONCLUSIVE command/long").says("the run was interrupted").complains("interrupted");
    family.await_end();
    let directory = run.run_directory().expect("a run");
    assert!(directory.join("report.json").is_file() && !directory.join("data").exists());
    let again = Started::new(command(&["judge", &directory.to_string_lossy()])).end(END_BOUND);
    again.with(2).says("the run was interrupted");
}

/// The lab is paused, so the first signal cannot end the run.
fn twice() {
    let (mut run, family) = long();
    kill(Pid::from_raw(family.first), Signal::SIGSTOP).expect("the lab runs");
    run.signal(Signal::SIGINT);
    await_complaint(&run, "interrupted");
    let began = Instant::now();
    run.signal(Signal::SIGINT);
    run.end(END_BOUND).with(130);
    assert!(began.elapsed() < Duration::from_secs(1), "it took {:?}", began.elapsed());
    family.await_end();
}

/// The lock is in a temporary directory of its own, so no other run has to wait.
fn waiting() {
    let temporary = tempfile::tempdir().expect("a directory");
    let lock = File::create(temporary.path().join("redis-harness.lock")).expect("a file");
    lock.lock().expect("nobody else knows it");
    let mut command = command(&["run", &scenario("healthy").to_string_lossy(), "--times", "3", "--out"]);
    command.arg(temporary.path()).env("TMPDIR", temporary.path());
    let mut run = Started::new(command);
    await_complaint(&run, "waiting: another run has the machine");
    run.signal(Signal::SIGINT);
    let ended = run.end(END_BOUND).with(130);
    assert!(!ended.stdout.contains("PASS"), "{ended}");
}

fn await_complaint(run: &Started, part: &str) {
    poll(END_BOUND, || {
        let stderr = run.printed(None).stderr;
        if stderr.contains(part) { Ok(()) } else { Err(format!("`{part}` is not in {stderr:?}")) }
    });
}

fn killed(whom: fn(i32, &Family) -> i32) {
    let (mut run, family) = long();
    let victim = whom(run.id(), &family);
    kill(Pid::from_raw(victim), Signal::SIGKILL).expect("it runs");
    let ended = run.end(END_BOUND);
    family.await_end();
    let directory = run.run_directory().expect("a run");
    if victim == run.id() {
        assert_eq!(ended.code, None, "{ended}");
    } else {
        ended.with(4).complains("the lab process failed").complains(&directory.join("lab.log").to_string_lossy());
    }
    let judged = Started::new(command(&["judge", &directory.to_string_lossy()])).end(END_BOUND);
    judged.with(2).says("INCONCLUSIVE command/long").says("never sealed");
}
