//! Evidence that is not what the run left, and run directories that cannot be written.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::suite::judge_again;
use harness::verdict::RunOutcome;
use tempfile::TempDir;

use super::started::{END_BOUND, Ended, Started, TURN_BOUND, command, scenario};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("sealed::of_many_flipped_bits_none_goes_unnoticed", flipped),
    ("sealed::what_was_done_to_a_run_is_told", altered),
    ("sealed::a_run_that_cannot_be_written_is_judged", read_only),
    ("sealed::a_full_disk_takes_no_verdict", full_disk),
];

/// Bits to flip in a history.
const FLIPS: usize = 120;

/// Far more than it takes to compare a hundred operations with their seal on a busy machine.
const JUDGE_BOUND: Duration = Duration::from_secs(5);

/// A run that passed. Whoever holds the first holds its directory.
fn passed() -> (Started, PathBuf) {
    let mut run = Started::run(&scenario("no_writes_lost"));
    run.end(TURN_BOUND).with(0);
    let directory = run.run_directory().expect("a run");
    (run, directory)
}

fn copy_into(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).expect("a directory").flatten() {
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("a directory");
            copy_into(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("a copy");
        }
    }
}

fn copy_of(run: &Path) -> TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    copy_into(run, copy.path());
    copy
}

fn judge(directory: &Path) -> Ended {
    Started::new(command(&["judge", &directory.to_string_lossy()])).end(END_BOUND)
}

fn flipped() {
    let (_run, directory) = passed();
    let copy = copy_of(&directory);
    let history = copy.path().join("history.bin");
    let sound = fs::read(&history).expect("a history");
    let bits = sound.len() * 8;
    for flip in 0..FLIPS {
        // Spread over the file, and over the bits of a byte and the bytes of a record.
        let bit = (flip * bits / FLIPS + flip) % bits;
        let mut flipped = sound.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        fs::write(&history, flipped).expect("it can be written");
        let began = Instant::now();
        let verdict = judge_again(copy.path()).expect("a verdict");
        assert!(began.elapsed() < JUDGE_BOUND, "bit {bit}: {:?}", began.elapsed());
        assert_eq!(verdict.outcome, RunOutcome::Inconclusive, "bit {bit}: {verdict:?}");
        assert!(verdict.because.contains("history.bin: altered "), "bit {bit}: {verdict:?}");
    }
    fs::write(&history, sound).expect("it can be written");
    assert_eq!(judge_again(copy.path()).map(|verdict| verdict.outcome), Ok(RunOutcome::Pass));
}

fn shorten(path: &Path, by: u64) {
    let file = OpenOptions::new().write(true).open(path).expect("evidence");
    let length = file.metadata().expect("a length").len();
    file.set_len(length.saturating_sub(by)).expect("it can be shortened");
}

/// Rewrites the lines of a file.
fn lines(path: &Path, change: impl Fn(&mut Vec<String>)) {
    let text = fs::read_to_string(path).expect("evidence");
    let mut lines = text.lines().map(str::to_owned).collect();
    change(&mut lines);
    fs::write(path, lines.join("\n") + "\n").expect("it can be written");
}

fn altered() {
    let (_run, run) = passed();
    let after = |damage: &dyn Fn(&Path)| {
        let copy = copy_of(&run);
        damage(copy.path());
        judge(copy.path())
    };
    after(&|_| ()).with(0);
    let told = |damage: &dyn Fn(&Path), difference: &str| {
        let ended = after(damage).with(2).says("INCONCLUSIVE command/no_writes_lost");
        let words: Vec<_> = ended.stdout.split_whitespace().collect();
        assert!(words.join(" ").contains(difference), "`{difference}` is not in {ended}");
        assert!(!ended.stdout.contains("PASS") && ended.stderr.is_empty(), "{ended}");
    };
    let events = |copy: &Path| copy.join("events.jsonl");
    let count = fs::read_to_string(events(&run)).expect("events").lines().count();
    told(
        &|copy| lines(&copy.join("scenario.ron"), |lines| lines[10] = lines[10].replace("max: 0", "max: 9")),
        "scenario.ron: altered at line 11",
    );
    told(
        &|copy| lines(&copy.join("plan.json"), |lines| lines[1] = lines[1].replace("no_writes_lost", "no_write_lost")),
        "plan.json: altered at line 2",
    );
    told(&|copy| lines(&events(copy), |lines| lines.swap(1, 4)), "events.jsonl: altered at line 2");
    told(
        &|copy| lines(&events(copy), |lines| lines.truncate(count - 1)),
        &format!("events.jsonl: cut after line {}", count - 1),
    );
    told(&|copy| shorten(&events(copy), 5), &format!("events.jsonl: cut or altered at line {count}"));
    told(&|copy| shorten(&copy.join("topology.jsonl"), u64::MAX), "topology.jsonl: cut after line 0");
    told(&|copy| shorten(&copy.join("history.bin"), 1), "history.bin: cut or altered between byte 1 and ");
    told(&|copy| shorten(&copy.join("history.bin"), u64::MAX), "history.bin: cut after byte 0");
    for file in
        ["events.jsonl", "topology.jsonl", "history.bin", "scenario.ron", "plan.json", "lab.log", "nodes/A/redis.log"]
    {
        told(&|copy| fs::remove_file(copy.join(file)).expect("it was there"), &format!("{file}: missing"));
    }
    told(
        &|copy| fs::remove_dir_all(copy.join("nodes")).expect("it was there"),
        "nodes/A/redis.conf: missing; nodes/A/redis.log: missing; nodes/B/redis.conf: missing",
    );
    told(
        &|copy| fs::remove_file(copy.join("seal.json")).expect("it was there"),
        "it was never sealed: the run did not end",
    );
    after(&|copy| fs::remove_file(copy.join("run.json")).expect("it was there")).with(2).says("run.json: missing");
}

/// Who may write everywhere may not where nothing can be written.
fn judge_read_only(directory: &Path) -> Ended {
    let path = directory.to_string_lossy().into_owned();
    if !nix::unistd::geteuid().is_root() {
        for entry in fs::read_dir(directory).expect("a run").flatten().filter(|entry| entry.path().is_file()) {
            fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o444)).expect("it is ours");
        }
        fs::set_permissions(directory, fs::Permissions::from_mode(0o555)).expect("it is ours");
        return judge(directory);
    }
    let mounted = r#"mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && exec "$2" judge "$1""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-c", mounted, "sh", &path, env!("CARGO_BIN_EXE_redis-harness")]);
    command.stdin(Stdio::null()).env("NO_COLOR", "1");
    Started::new(command).end(END_BOUND)
}

fn read_only() {
    let (_run, run) = passed();
    let copy = copy_of(&run);
    fs::remove_file(copy.path().join("report.json")).expect("it was there");
    let ended =
        judge_read_only(copy.path()).with(0).says("PASS command/no_writes_lost").complains("; the verdict stands");
    assert!(!copy.path().join("report.json").exists(), "{ended}");
    for report in ["report.json (", "report.html (", "latency.hlog (", "series.csv ("] {
        assert!(ended.stderr.contains(report), "{ended}");
    }
    assert_eq!(ended.stderr.lines().count(), 1, "{ended}");
    // So that it can be removed.
    fs::set_permissions(copy.path(), fs::Permissions::from_mode(0o755)).expect("it is ours");
}

fn full_disk() {
    let (_run, run) = passed();
    let copy = copy_of(&run);
    for report in ["report.json", "report.html"] {
        fs::remove_file(copy.path().join(report)).expect("it was there");
    }
    symlink("/dev/full", copy.path().join("report.html")).expect("a link");
    let ended = judge(copy.path()).with(0).says("PASS command/no_writes_lost");
    let ended = ended.complains("report.html (No space left on device").complains("; the verdict stands");
    assert!(!ended.stderr.contains("report.json") && !ended.stderr.contains("latency.hlog"), "{ended}");
    let report = fs::read_to_string(copy.path().join("report.json")).expect("the verdict");
    assert!(report.contains(r#""outcome": "pass""#), "{report}");
    // And right after a run.
    let mut run = Started::run(&scenario("no_writes_lost"));
    let directory = run.await_event("node_started");
    symlink("/dev/full", directory.join("report.html")).expect("a link");
    let ended = run.end(TURN_BOUND).with(0).says("PASS command/no_writes_lost");
    ended.complains("report.html (No space left on device");
}
