//! Shaped links on this machine: real packets between two hosts of a lab, and figures of what became of them.
//!
//! Each trial starts this binary again as a lab; what goes on in there is in `network/inside.rs`.
//! `cargo test --test network -- --nocapture` shows the figures.

#[path = "network/cost.rs"]
mod cost;
#[path = "network/direct_link.rs"]
mod direct_link;
#[path = "network/inside.rs"]
mod inside;
#[path = "network/load.rs"]
mod load;
#[path = "network/speed.rs"]
mod speed;
#[path = "network/wire.rs"]
mod wire;

use std::fs::File;
use std::io::Read;
use std::process::ExitCode;
use std::sync::OnceLock;

use harness::provider::{self, Need, ProviderChoice};
use harness::run::{Cancel, MachineShare, lock_machine};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    provider::enter_if_asked(inside::main);
    if let Some(missing) = incapacity() {
        tell(&format!("every trial is ignored: {missing}\n"));
    }
    let mut arguments = Arguments::from_args();
    // The trials measure time, or fill the shaping device: each has the machine alone.
    arguments.test_threads.get_or_insert(1);
    libtest_mimic::run(&arguments, trials()).exit_code()
}

fn trials() -> Vec<Trial> {
    let names = [
        "delay_is_met",
        "loss_is_met",
        "same_seed_same_losses",
        "jitter_keeps_the_order",
        "duplicates_arrive_twice",
        "the_next_packet_overtakes",
        "a_wrong_bit_is_found",
        "rate_is_met",
        "a_shape_changes_between_packets",
        "a_stream_survives_all_of_it",
        "a_connection_is_shaped_and_healed",
        "a_burst_finds_room_in_the_device",
        "the_device_goes_with_the_shaper",
        "packets_per_second",
        "unshaped_links_cost_nothing",
    ];
    names.map(|name| Trial::test(name, move || finish(name)).with_ignored_flag(incapacity().is_some())).into()
}

/// Why this machine cannot shape packets; none if it can, or if it must.
fn incapacity() -> Option<&'static str> {
    static ANSWER: OnceLock<Option<String>> = OnceLock::new();
    let must = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
    let answer = || {
        let missing = ProviderChoice::Namespaces.check(Need::Hosts).err().map(|missing| missing.to_string());
        missing.or_else(|| run("start").err()).filter(|_| !must)
    };
    ANSWER.get_or_init(answer).as_deref()
}

fn finish(what: &str) -> Result<(), Failed> {
    let lock =
        lock_machine(what, MachineShare::Whole, &Cancel::default(), |_| {}).map_err(|error| error.to_string())?;
    let said = run(what)?;
    drop(lock);
    tell(&said);
    Ok(())
}

/// Runs a lab to its end, which must be a good one; what it said.
fn run(what: &str) -> Result<String, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let log = directory.path().join("lab.log");
    let said = File::create(&log).map_err(|error| error.to_string()).and_then(|log| {
        let request = format!("{what}\n{}", directory.path().display());
        let mut lab = ProviderChoice::Namespaces.spawn(&request, log).map_err(|error| error.to_string())?;
        let mut said = String::new();
        lab.take_events().ok_or("no events")?.read_to_string(&mut said).map_err(|error| error.to_string())?;
        let status = lab.wait().map_err(|error| error.to_string())?;
        if status.success() { Ok(said) } else { Err(said) }
    });
    said.map_err(|said| said + &std::fs::read_to_string(log).unwrap_or_default())
}

#[expect(clippy::print_stderr, reason = "a test shows what it measured, and why it is ignored")]
fn tell(text: &str) {
    eprint!("{text}");
}
