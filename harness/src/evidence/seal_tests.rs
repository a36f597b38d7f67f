//! Every way in which evidence may come to differ from what was sealed.

use std::os::unix::fs::symlink;

use rstest::rstest;
use tempfile::TempDir;

use super::*;

const BLOCK: usize = 8 << 10;

/// A sealed run directory: a history of 20 blocks and a half, ten events, a node; none of them means anything.
fn sealed() -> TempDir {
    let temporary = tempfile::tempdir().unwrap();
    let directory = RunDirectory::new(temporary.path());
    let history: Vec<_> = (0..20 * BLOCK + BLOCK / 2).map(|at| u8::try_from(at / 61 % 251).unwrap()).collect();
    fs::write(directory.history(), history).unwrap();
    let events: Vec<_> = (1..=10).map(|line| format!("event {line}\n")).collect();
    fs::write(directory.events(), events.concat()).unwrap();
    fs::write(directory.info(), r#"{"harness_version": "0.0.9", "scenario": "a/b"}"#).unwrap();
    fs::write(directory.scenario(), "(\n)\n").unwrap();
    fs::write(directory.plan(), "{\n}\n").unwrap();
    fs::write(directory.lab_log(), "").unwrap();
    let node = "A".into();
    fs::create_dir_all(directory.node(&node)).unwrap();
    fs::write(directory.node_config(&node), "port 6379\n").unwrap();
    fs::write(directory.node_log(&node), "one\ntwo").unwrap();
    seal(&directory).unwrap();
    temporary
}

fn rewrite(path: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

fn history(at: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    rewrite(&at.join("history.bin"), change);
}

fn events(at: &Path, change: impl FnOnce(&mut Vec<&str>)) {
    let text = fs::read_to_string(at.join("events.jsonl")).unwrap();
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    change(&mut lines);
    fs::write(at.join("events.jsonl"), lines.concat()).unwrap();
}

#[rstest]
#[case::nothing(&|_: &Path| (), "")]
#[case::reports_and_notes(&|at: &Path| for file in ["report.html", "topology.txt", "notes"] { fs::write(at.join(file), "x").unwrap(); }, "")]
#[case::a_bit(&|at: &Path| history(at, |h| h[11 * BLOCK + 5] ^= 16), "history.bin: altered between byte 90113 and 98304")]
#[case::a_bit_at_the_end(&|at: &Path| history(at, |h| *h.last_mut().unwrap() ^= 1), "history.bin: altered between byte 163841 and 167936")]
#[case::the_head(&|at: &Path| history(at, |h| h[7] ^= 2), "history.bin: altered between byte 1 and 8192")]
#[case::whole_blocks_are_left(&|at: &Path| history(at, |h| h.truncate(16 * BLOCK)), "history.bin: cut after byte 131072")]
#[case::a_part_of_a_block_is_left(
    &|at: &Path| history(at, |h| h.truncate(16 * BLOCK + 100)),
    "history.bin: cut or altered between byte 131073 and 139264, 131172 of 167936 bytes are left"
)]
#[case::emptied(&|at: &Path| history(at, Vec::clear), "history.bin: cut after byte 0")]
#[case::more(&|at: &Path| history(at, |h| h.extend([0; 64])), "history.bin: 64 bytes more than the run wrote")]
#[case::a_line(&|at: &Path| events(at, |lines| lines[2] = "Event 3\n"), "events.jsonl: altered at line 3")]
#[case::swapped_lines(&|at: &Path| events(at, |lines| lines.swap(4, 8)), "events.jsonl: altered at line 5")]
#[case::lines_are_gone(&|at: &Path| events(at, |lines| lines.truncate(7)), "events.jsonl: cut after line 7")]
#[case::cut_within_a_line(
    &|at: &Path| rewrite(&at.join("events.jsonl"), |events| events.truncate(events.len() - 3)),
    "events.jsonl: cut or altered at line 10, 78 of 81 bytes are left"
)]
#[case::a_line_is_gone(
    &|at: &Path| events(at, |lines| { lines.remove(5); }),
    "events.jsonl: altered at line 6, 73 of 81 bytes are left"
)]
#[case::a_line_twice(
    &|at: &Path| events(at, |lines| lines.insert(3, lines[2])),
    "events.jsonl: altered at line 4, 8 bytes more than the run wrote"
)]
#[case::a_line_more(&|at: &Path| events(at, |lines| lines.push("more\n")), "events.jsonl: 5 bytes more than the run wrote")]
#[case::the_scenario(&|at: &Path| fs::write(at.join("scenario.ron"), "(\n]\n").unwrap(), "scenario.ron: altered at line 2")]
#[case::the_plan(&|at: &Path| fs::write(at.join("plan.json"), "{\n]\n").unwrap(), "plan.json: altered at line 2")]
#[case::something_in_an_empty_file(&|at: &Path| fs::write(at.join("lab.log"), "x").unwrap(), "lab.log: 1 bytes more than the run wrote")]
#[case::a_log(&|at: &Path| fs::write(at.join("nodes/A/redis.log"), "one\ntwO").unwrap(), "nodes/A/redis.log: altered at line 2")]
#[case::no_nodes(
    &|at: &Path| fs::remove_dir_all(at.join("nodes")).unwrap(),
    "nodes/A/redis.conf: missing\nnodes/A/redis.log: missing"
)]
#[case::another_node(
    &|at: &Path| { fs::create_dir(at.join("nodes/B")).unwrap(); fs::write(at.join("nodes/B/redis.log"), "").unwrap(); },
    "nodes/B/redis.log: added after the run"
)]
#[case::an_endless_file(
    &|at: &Path| { fs::remove_file(at.join("history.bin")).unwrap(); symlink("/dev/zero", at.join("history.bin")).unwrap(); },
    "history.bin: it is no file any more"
)]
#[case::a_directory(
    &|at: &Path| { fs::remove_file(at.join("run.json")).unwrap(); fs::create_dir(at.join("run.json")).unwrap(); },
    "run.json: it is no file any more"
)]
#[case::no_seal(
    &|at: &Path| fs::remove_file(at.join("seal.json")).unwrap(),
    "it was never sealed: the run did not end, or its seal.json was removed (redis-harness 0.0.9 wrote it)"
)]
#[case::nothing_left(
    &|at: &Path| { fs::remove_dir_all(at).unwrap(); fs::create_dir(at).unwrap(); },
    "it was never sealed: the run did not end, or its seal.json was removed"
)]
#[case::an_endless_seal(
    &|at: &Path| { fs::remove_file(at.join("seal.json")).unwrap(); symlink("/dev/zero", at.join("seal.json")).unwrap(); },
    "seal.json: it is no file"
)]
#[case::a_checksum_in_the_seal(
    &|at: &Path| rewrite(&at.join("seal.json"), |seal| {
        let key = b"\"sha256\":\"";
        let digit = seal.windows(key.len()).position(|found| found == key).unwrap() + key.len();
        seal[digit] = if seal[digit] == b'0' { b'1' } else { b'0' };
    }),
    "seal.json: altered"
)]
#[case::a_space_in_the_seal(&|at: &Path| rewrite(&at.join("seal.json"), |seal| seal.insert(1, b' ')), "seal.json: altered")]
fn what_differs_is_told(#[case] change: &dyn Fn(&Path), #[case] expected: &str) {
    let directory = sealed();
    change(directory.path());
    let differences = verify(&RunDirectory::new(directory.path())).err().unwrap_or_default();
    assert_eq!(differences.join("\n"), expected);
}

/// A file with a hole: reading it would take its length in memory.
#[test]
fn a_seal_without_end_is_not_read() {
    let directory = sealed();
    File::options().write(true).open(directory.path().join("seal.json")).unwrap().set_len(1 << 40).unwrap();
    let differences = verify(&RunDirectory::new(directory.path())).unwrap_err();
    assert_eq!(differences, ["seal.json: altered: no seal has more than 64 MiB"]);
}

#[test]
fn a_seal_of_another_version_is_told() {
    let directory = sealed();
    fs::write(directory.path().join("seal.json"), r#"{"format":2}"#).unwrap();
    let differences = verify(&RunDirectory::new(directory.path())).unwrap_err();
    let start = concat!("seal.json: altered, or not of this version (", env!("CARGO_PKG_VERSION"), "): ");
    assert!(differences[0].starts_with(start), "{differences:?}");
}

/// How long sealing takes; `cargo test --release --lib the_price_of_a_seal -- --ignored --nocapture` tells it.
#[test]
#[ignore = "it measures and proves nothing"]
#[expect(clippy::print_stderr, reason = "a figure to be read")]
fn the_price_of_a_seal() {
    let temporary = tempfile::tempdir().unwrap();
    let directory = RunDirectory::new(temporary.path());
    fs::write(directory.history(), vec![7; 100_000_000]).unwrap();
    let began = std::time::Instant::now();
    seal(&directory).unwrap();
    let (sealed, began) = (began.elapsed(), std::time::Instant::now());
    verify(&directory).unwrap();
    let seal = fs::metadata(directory.seal()).unwrap().len();
    eprintln!("100 MB: sealed in {sealed:?}, verified in {:?}; a seal of {seal} bytes", began.elapsed());
}
