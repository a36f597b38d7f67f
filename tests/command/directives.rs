//! What the servers of a scenario accept, asked before anything is run.

use std::fs::{self, File};
use std::path::Path;

use super::started::{END_BOUND, Ended, Started, command, server_by};

/// What needs no server.
pub(super) const TRIALS: &[(&str, fn())] = &[
    ("directives::without_a_server_they_are_not_checked_and_that_is_said", no_server),
    ("directives::a_binary_and_a_module_that_the_file_names_must_be_there", no_binary),
];

/// What asks a server.
pub(super) const ASKED: &[(&str, fn())] = &[
    ("directives::all_that_a_server_refuses_is_told_with_its_place", refused),
    ("directives::a_server_without_tls_is_refused_before_anything_starts", no_tls),
    ("directives::a_run_is_refused_before_it_waits", before_the_turn),
    ("directives::asking_leaves_nothing_behind", nothing_left),
    ("directives::a_warning_is_no_error", warned),
];

fn fixture(path: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/scenarios").join(path).to_string_lossy().into_owned()
}

fn check(path: &str) -> Ended {
    Started::new(command(&["check", &fixture(path)])).end(END_BOUND)
}

/// The lines of an error, from its first words to the next empty line.
fn error<'e>(ended: &'e Ended, words: &str) -> &'e str {
    let from = ended.stderr.find(words).unwrap_or_else(|| panic!("no `{words}` in {ended}"));
    ended.stderr[from..].split("\n\n").next().unwrap_or_default()
}

fn refused() {
    let ended = check("refused/directives.ron").with(3);
    for (words, line, help) in [
        (" has no directive `cluster-node-timout`", ":6:13", "did you mean `cluster-node-timeout`?"),
        (" refuses `appendonly maybe`", ":7:27", "argument must be 'yes' or 'no'"),
        (" refuses `hz \"\"`", ":9:19", "argument couldn't be parsed into an integer"),
        (" refuses `maxmemory lots`", ":12:42", "argument must be a memory value"),
        (" has no directive `xyzzy-plugh`", ":12:50", "Bad directive"),
        (" refuses `save often`", ":13:38", "save"),
    ] {
        let told = error(&ended, words);
        assert!(told.contains(line) && told.contains(help) && told.contains('^'), "`{line}`, `{help}`: {told}");
    }
    // What is wrong for all nodes is said once.
    ended.complains("6 errors in ");
}

fn no_server() {
    let without = |path: &str| {
        let mut command = command(&["check", &fixture(path)]);
        command.env_remove("REDIS_SERVER").env("PATH", "/no/such/directory");
        Started::new(command).end(END_BOUND)
    };
    let ended = without("refused/directives.ron").with(0).says("1 scenario without an error");
    ended.says("note: directives were not checked: no redis-server and no valkey-server is on PATH");
    let ended = without("command/no_writes_lost.ron").with(0);
    assert_eq!(ended.stderr, "", "{ended}");
}

fn no_binary() {
    let ended = check("refused/binary.ron").with(3);
    let told = error(&ended, "the scenario names the server `no-such-server`, which is no executable file on PATH");
    assert!(told.contains(":5:17"), "{ended}");
    let told = error(&ended, "the scenario names the server `/etc/passwd`, which is no executable file");
    assert!(told.contains(":6:32"), "{ended}");
    ended.complains("2 errors in ");
    let ended = check("refused/module.ron").with(3).complains("the module /no/such/module.so does not exist");
    assert!(ended.complains("1 error in ").stderr.contains(":4:38"));
}

/// A server that was built without TLS knows none of its directives.
fn no_tls() {
    let temporary = tempfile::tempdir().expect("a directory");
    let script = "[ \"$1\" = --version ] || sed -i 's/^tls-/no-such-/' \"$1\"\nexec \"$SERVER\" \"$@\"";
    let mut command = command(&["check", &fixture("refused/tls.ron")]);
    command.env("REDIS_SERVER", server_by(temporary.path(), script));
    let ended = Started::new(command).end(END_BOUND).with(3);
    let told = error(&ended, "was built without TLS");
    for words in [":4:19", "has no directive `tls-port`", "BUILD_TLS=yes"] {
        assert!(told.contains(words), "`{words}`: {ended}");
    }
    ended.complains("1 error in ");
}

fn before_the_turn() {
    let temporary = tempfile::tempdir().expect("a directory");
    let turn = File::create(temporary.path().join("redis-harness.lock")).expect("a file");
    turn.lock().expect("nobody else has it");
    let out = temporary.path().join("out");
    let path = fixture("refused/directives.ron");
    let mut command = command(&["run", &path, "--out", &out.to_string_lossy()]);
    command.env("TMPDIR", temporary.path());
    let ended = Started::new(command).end(END_BOUND).with(3).complains("refuses `appendonly maybe`");
    assert!(!ended.stderr.contains("waiting") && ended.stdout.is_empty(), "{ended}");
    assert!(!out.exists(), "{ended}");
}

fn nothing_left() {
    let temporary = tempfile::tempdir().expect("a directory");
    let mut command = command(&["check", &fixture("refused/directives.ron")]);
    command.env("TMPDIR", temporary.path());
    Started::new(command).end(END_BOUND).with(3);
    let left: Vec<_> = fs::read_dir(temporary.path()).expect("a directory").flatten().collect();
    assert!(left.is_empty(), "{left:?}");
    let lives = |entry: &fs::DirEntry| {
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&*temporary.path().to_string_lossy())
    };
    let alive: Vec<_> = fs::read_dir("/proc").expect("/proc").flatten().filter(lives).collect();
    assert!(alive.is_empty(), "{alive:?}");
}

fn warned() {
    let ended = check("warned/evictions.ron").with(0).says("1 scenario without an error");
    for (words, line) in [("`allkeys-lru` evicts", ":5:61"), ("`allkeys-random` evicts", ":7:49")] {
        assert!(error(&ended, words).contains(line), "{ended}");
    }
    ended.complains("2 warnings in ");
}
