//! Proof that the gate is awake: servers that each do one thing wrong, and the checks that must catch them.
//!
//! This program is also these servers: started by the name of a sabotage, it becomes the true server with a liar before it.

#[path = "sabotage/lies/mod.rs"]
mod lies;
#[path = "sabotage/proxy.rs"]
mod proxy;
#[path = "sabotage/run.rs"]
mod run;
#[path = "sabotage/server.rs"]
mod server;

use std::process::ExitCode;
use std::sync::{PoisonError, RwLock};

use harness::check::RunOutcome;
use harness::provider::{Need, ProviderChoice, ServerBinary};
use harness::vocab::Product;
use libtest_mimic::{Arguments, Trial};

/// The name of a server, the scenario that it runs in, and the checks that fail because of it, and no others.
const CAUGHT: &[(&str, &str, &[&str])] = &[
    (
        "acknowledges_and_drops",
        "steady",
        &["stale reads <= 0", "reads older than the worker's own write <= 0", "lost writes <= 0"],
    ),
    (
        "serves_stale_reads",
        "steady",
        &[
            "stale reads <= 0",
            "reads older than the worker's own write <= 0",
            "reads older than the worker's last <= 0",
            "lost writes <= 0",
        ],
    ),
    ("answers_another_keys_value", "steady", &["reads of what was not written", "lost writes <= 0"]),
    ("garbles_a_value", "steady", &["reads of what was not written", "lost writes <= 0"]),
    ("duplicates_an_increment", "steady", &["reads of what was not written", "lost writes <= 0"]),
    ("applies_half_a_transaction", "steady", &["torn reads <= 0", "lost writes <= 0"]),
    ("reorders_a_list", "steady", &["lost writes <= 0"]),
    ("forgets_an_element", "elements", &["lost writes <= 0"]),
    ("serves_stale_reads", "contended", &["keys not linearizable <= 0", "lost writes <= 0"]),
    ("reads_a_counter_back", "contended", &["keys not linearizable <= 0", "lost writes <= 0"]),
    ("leaves_an_element_out", "contended", &["lost elements <= 0", "stale elements <= 0", "lost writes <= 0"]),
    ("reads_a_list_backwards", "contended", &["reads of what was not written", "lost writes <= 0"]),
    ("transfers_a_half", "contended", &["reads of another total <= 0"]),
    ("answers_slowly", "steady", &["p99 whole <= 1s"]),
    ("stands_still", "steady", &["p99 whole <= 1s", "unavailability <= 1s"]),
    ("refuses_now_and_then", "steady", &["error rate whole <= 0 %"]),
    ("loses_a_message", "messages", &["lost messages <= 0"]),
    ("repeats_a_message", "messages", &["lost messages <= 0"]),
    ("delays_messages", "messages", &["p99 delivery whole <= 1s"]),
    ("leaves_keys_out_of_scans", "scan", &["unscanned keys <= 0"]),
    ("keeps_what_expired", "expiring", &["reads of what was not written"]),
    ("expires_too_early", "expiring", &["stale reads <= 0", "lost writes <= 0"]),
    ("keeps_what_was_removed", "elements", &["stale reads <= 0", "lost writes <= 0"]),
    ("forgets_on_restart", "restart", &["lost writes <= 0"]),
    ("dies_quietly", "quiet", &["no server ended by itself", "promotions <= 0"]),
    ("never_fails_over", "failover", &["every Until was met", "failover <= 4s"]),
    ("leaves_its_replica_behind", "failover", &["lost writes <= 20"]),
    ("claims_copies_that_nobody_has", "copies", &["lost writes <= 0"]),
    ("serves_late_after_failover", "failover", &["failover <= 4s"]),
    ("takes_over_for_no_reason", "quiet", &["promotions <= 0"]),
    ("keeps_anothers_key", "held", &["keys held twice <= 0"]),
    ("acknowledges_alone", "minority", &["minority writes <= 3s"]),
    ("gives_a_lock_to_everybody", "lock", &["locks with two holders <= 0"]),
];

/// Scenarios that the true server passes although there is a liar's place before it.
const SCENARIOS: &[&str] = &[
    "failover",
    "copies",
    "held",
    "lock",
    "minority",
    "quiet",
    "restart",
    "steady",
    "expiring",
    "messages",
    "scan",
    "elements",
    "contended",
];

/// Those of them in which a moment counts: company of our own could take it from them, and then nobody can tell whose fault it was.
/// The machine's lock does not know that a liar stands before each server and wants a processor, too.
const ALONE: &[&str] = &["failover", "minority", "copies", "quiet"];

static MACHINE: RwLock<()> = RwLock::new(());

fn main() -> ExitCode {
    if let Some(ended) = server::enter_if_server() {
        return ended;
    }
    harness::run::enter_if_lab();
    let mut arguments = Arguments::from_args();
    // Most of the time the trials wait; how many of their runs go on at once is for the machine's lock to decide.
    arguments.test_threads.get_or_insert(harness::run::quarters());
    let missing = ProviderChoice::Namespaces.check(Need::Hosts).err().map(|missing| missing.to_string());
    let missing = missing.or_else(|| match ServerBinary::find(None) {
        Ok(server) => has_no_bus_port(&server),
        Err(error) => Some(error.to_string()),
    });
    let missing = missing.filter(|_| std::env::var_os("REQUIRE_ALL").is_none_or(|value| value != "1"));
    if let Some(missing) = &missing {
        tell(&format!("all trials are ignored: {missing}"));
    }
    let honest = SCENARIOS.iter().map(|&scenario| ("honest", scenario, RunOutcome::Pass, &[][..]));
    let caught = CAUGHT.iter().map(|&(sabotage, scenario, failed)| (sabotage, scenario, RunOutcome::Fail, failed));
    let trials = caught.chain(honest).map(|(sabotage, scenario, outcome, failed)| {
        let trial = move || {
            let ends = || run::run_to_an_answer(sabotage, scenario).ends(outcome, failed);
            if ALONE.contains(&scenario) {
                let _alone = MACHINE.write().unwrap_or_else(PoisonError::into_inner);
                ends();
            } else {
                let _shared = MACHINE.read().unwrap_or_else(PoisonError::into_inner);
                ends();
            }
            Ok(())
        };
        Trial::test(format!("{scenario}::{sabotage}"), trial).with_ignored_flag(missing.is_some())
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// Why nobody can stand before this server, if that is so.
fn has_no_bus_port(server: &ServerBinary) -> Option<String> {
    let is_old = server.version.product == Product::Redis && server.version.major < 7;
    is_old.then(|| format!("{} has no directive `cluster-port`, which leaves the bus where it is", server.version))
}

#[expect(clippy::print_stderr, reason = "a test says why it is ignored")]
fn tell(text: &str) {
    eprintln!("{text}");
}
