//! The command as people and machines use it: its exit codes, its words, and how it ends when it is made to.

#[path = "command/directives.rs"]
mod directives;
#[path = "command/doctor.rs"]
mod doctor;
#[path = "command/family.rs"]
mod family;
#[path = "command/interrupted.rs"]
mod interrupted;
#[path = "command/lying.rs"]
mod lying;
#[path = "command/sealed.rs"]
mod sealed;
#[path = "command/started.rs"]
mod started;
#[path = "command/topology.rs"]
mod topology;
#[path = "command/troubled.rs"]
mod troubled;
#[path = "command/usage.rs"]
mod usage;
#[path = "command/verdicts.rs"]
mod verdicts;

use std::process::ExitCode;

use harness::provider::{Need, ProviderChoice, ServerBinary};
use harness::run;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    run::enter_if_lab();
    let mut arguments = Arguments::from_args();
    // Most of the time the trials wait; how many of their runs go on at once is for the machine's lock to decide.
    arguments.test_threads.get_or_insert(run::quarters());
    let missing = ProviderChoice::Namespaces.check(Need::Hosts).err().map(|missing| missing.to_string());
    let missing = missing.or_else(|| ServerBinary::find(None).err().map(|error| error.to_string()));
    let missing = missing.filter(|_| std::env::var_os("REQUIRE_ALL").is_none_or(|value| value != "1"));
    if let Some(missing) = &missing {
        tell(&format!("what needs a cluster is ignored: {missing}"));
    }
    let everywhere = [usage::TRIALS, doctor::TRIALS, directives::TRIALS].concat();
    let everywhere = everywhere.iter().map(|trial| (trial, false));
    // The longest first, and last those whose runs must have the machine alone.
    let in_clusters = [
        lying::TRIALS,
        verdicts::LONG_TRIALS,
        topology::TRIALS,
        interrupted::TRIALS,
        sealed::TRIALS,
        troubled::TRIALS,
        directives::ASKED,
        verdicts::TRIALS,
    ]
    .concat();
    let in_clusters = in_clusters.iter().map(|trial| (trial, missing.is_some()));
    let trials = everywhere.chain(in_clusters).map(|(&(name, run), ignored)| {
        let run = move || {
            run();
            Ok(())
        };
        Trial::test(name, run).with_ignored_flag(ignored)
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

#[expect(clippy::print_stderr, reason = "a test says why it is ignored")]
fn tell(text: &str) {
    eprintln!("{text}");
}
