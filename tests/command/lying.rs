//! Servers that do not do as they are told: their runs fail, and say so in their words.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::family::Family;
use super::started::{END_BOUND, Ended, Started, TURN_BOUND, server_by};

pub(super) const TRIALS: &[(&str, fn())] = &[
    ("lying::a_server_that_never_answers_again_fails", silent),
    ("lying::a_server_that_never_joins_fails", loner),
    ("lying::a_server_that_ignores_sigterm_fails", deaf),
    ("lying::a_server_that_dies_on_its_data_fails", damaged),
    ("lying::a_shard_that_nobody_serves_is_not_waited_for", unserved),
    ("lying::a_wait_for_a_server_can_be_interrupted", interrupted_step),
    ("lying::a_wait_for_operations_can_be_interrupted", interrupted_load),
];

/// What a shell does instead of starting A's server a second time, say; `$SERVER` is the true one.
const DEAF: &str = r#"trap "" TERM; "$SERVER" "$@" & while :; do wait; done"#;
const SILENT: &str = r#"[ ! -e started ] || { echo "I shall never answer"; exec sleep 600; }; : > started"#;
const DAMAGED: &str = r"for file in *.aof appendonlydir/*.incr.aof; do [ ! -e $file ] || echo damaged > $file; done";
/// Empty, it tells others to look for it where it is not.
const LONER: &str = r#"[ -e nodes.conf ] || exec "$SERVER" "$@" --cluster-announce-ip 10.128.0.99"#;

const START: &str = r#"Kill(node: "A"),
    Start(node: "A", within: "3s"),"#;
/// Nobody has to wait for A's keys.
const REPLACED: &str = r#"Kill(node: "A"), Until(condition: Promoted("A1"), within: "20s"),
    Start(node: "A", within: "4s"),"#;
const JOIN: &str = r#"Kill(node: "A"), Until(condition: Promoted("A1"), within: "20s"), Wipe(node: "A"), Start(node: "A"),
    Join(node: "A", replica_of: "A1", within: "4s"),"#;
const REPLICATED: &str = r#"topology: Cluster(masters: 3, replicas: 1),
    server: (config: { "cluster-node-timeout": "1000" }),"#;
/// Where a master dies, nobody serves its slots any more; the other shards go on.
const ALONE: &str = r#"topology: Cluster(masters: 3, replicas: 0),
    server: (config: { "cluster-node-timeout": "1000", "cluster-require-full-coverage": "no", "appendonly": "yes" }),"#;
const DEATH: &str = r#"Kill(node: "A"), Until(condition: Failed("A"), within: "20s"),"#;

/// The line of the last step.
const LINE: usize = 7;

/// What an operation may take, where it does not matter.
const SECOND: &str = "1s";

/// A run whose cluster has formed.
struct Lying {
    run: Started,
    family: Family,
    /// The server and the scenario.
    _files: TempDir,
}

/// Runs these steps on this cluster. A shell decides how A's server is started, with `lie` before the true start.
fn start(lie: &str, cluster: &str, steps: &str, deadline: &str) -> Lying {
    let files = tempfile::tempdir().expect("a directory");
    let lie = format!("case \"$1$PWD\" in\n--version*) ;;\n*/A)\n{lie}\n;;\nesac\nexec \"$SERVER\" \"$@\"");
    let server = server_by(files.path(), &lie);
    let (before, last) = steps.rsplit_once('\n').unwrap_or(("", steps));
    let before = before.split_whitespace().collect::<Vec<_>>().join(" ");
    let text = format!(
        r#"(about: "A server does not do as it is told.", snapshot: false,
    {cluster}
    load: [(name: "app", pace: Open(per_second: 100), mix: [Set(value: "16B")], keys: Uniform(100),
        client: (deadline: "{deadline}"))],
    timeline: [Run(for: "300ms"), {before}
        {last}
    ],
    slos: [LostWrites(max: 1000)])
"#
    );
    let scenario = files.path().join("lying.ron");
    fs::write(&scenario, text).expect("a file");
    let mut run = Started::run_with(&scenario, &[("REDIS_SERVER", &server)]);
    run.await_event(r#""event":"formed""#);
    let family = Family::of(run.id());
    Lying { run, family, _files: files }
}

impl Lying {
    /// It ends by itself or because it was told to, and leaves no process.
    fn end(mut self, within: Duration, code: i32) -> Ended {
        let ended = self.run.end(within).with(code);
        self.family.await_end();
        ended
    }
}

/// The step fails the run, which says why in this step's line, and the server's last words.
fn fails(lie: &str, cluster: &str, steps: &str, why: &str, last_words: &str) {
    let ended = start(lie, cluster, steps, SECOND).end(TURN_BOUND, 1);
    let verdict = ended.stdout.split_once("\nFAIL ").map(|(_, verdict)| verdict).unwrap_or_default();
    let verdict = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(verdict.contains("Not met: every server did as told, measured "), "{ended}");
    let whole = format!("lying.ron:{LINE}");
    assert!([why, last_words, &whole, "A's log ends:"].iter().all(|part| verdict.contains(part)), "{ended}");
    ended.says(&format!("NOT DONE: {}", why.split_once(": ").map_or(why, |(_, reason)| reason)));
}

fn deaf() {
    fails(
        DEAF,
        ALONE,
        r#"Stop(node: "A", within: "4s"),"#,
        "Stop A (SIGTERM): A did not end within 4 s",
        "Cluster state changed: ok",
    );
}

fn silent() {
    fails(SILENT, REPLICATED, REPLACED, "Start A: A gave no answer within 4 s", "I shall never answer");
}

fn damaged() {
    let words = "Bad file format reading the append only file";
    fails(DAMAGED, ALONE, START, "Start A: A ended with exit code 1 instead of starting", words);
}

fn loner() {
    let why = "Join A as a replica of A1: A did not join as a replica of A1 within 4 s";
    fails(LONER, REPLICATED, JOIN, why, "Ready to accept connections");
}

/// What is known for good is not waited for; it takes as long as before if it may change.
fn unserved() {
    let ended = start("", ALONE, DEATH, SECOND).end(TURN_BOUND, 2);
    let why = "keys with acknowledged writes could not be read at the end: nobody serves A's slots";
    let words = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(why), "{ended}");
    let ended = ended.says("keys unreadable: nobody serves A's slots");
    assert!(!ended.stdout.contains("for every key to be read"), "{ended}");
}

fn interrupted_step() {
    let mut lying = start(SILENT, ALONE, START, SECOND);
    lying.run.await_event(r#""text":"Start A""#);
    lying.run.signal(Signal::SIGINT);
    lying.end(END_BOUND, 130).says("the run was interrupted");
}

fn interrupted_load() {
    let mut lying = start("", ALONE, DEATH, "60s");
    lying.run.await_event("operations in flight to end");
    lying.run.signal(Signal::SIGINT);
    lying.end(END_BOUND, 130).says("the run was interrupted");
}
