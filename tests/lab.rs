//! The lab on this machine: real namespaces, real servers, and proof that nothing outlives it.
//!
//! Each trial starts this binary again as a lab; what goes on in there is in `lab/inside.rs`.

#[path = "lab/disks.rs"]
mod disks;
#[path = "lab/inside.rs"]
mod inside;
#[path = "lab/leaks.rs"]
mod leaks;
#[path = "lab/links.rs"]
mod links;
#[path = "lab/ports.rs"]
mod ports;
#[path = "lab/rejects.rs"]
mod rejects;
#[path = "lab/shapes.rs"]
mod shapes;
#[path = "lab/tls.rs"]
mod tls;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::ExitCode;

use harness::provider::{self, Need, ProviderChoice, Sandbox, SandboxError, ServerBinary};
use harness::run::{self, Cancel, MachineShare, lock_machine};
use libtest_mimic::{Arguments, Failed, Trial};

/// A user, and a group, that need not have a name.
const SOMEBODY: u32 = 54_321;

fn main() -> ExitCode {
    provider::enter_if_asked(inside::main);
    if let Ok(directory) = std::env::var(leaks::HOLDER) {
        return leaks::hold(Path::new(&directory));
    }
    if let Some(missing) = incapacity() {
        tell(&format!("every trial is ignored: {missing}"));
    }
    let mut arguments = Arguments::from_args();
    // How many trials run at once is for the machine's lock to decide.
    arguments.test_threads.get_or_insert(run::quarters());
    libtest_mimic::run(&arguments, [trials(), timed_trials()].into_iter().flatten().collect()).exit_code()
}

#[expect(clippy::print_stderr, reason = "a test says why it is ignored")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn trials() -> Vec<Trial> {
    vec![
        // Its bound is so wide that it may share the machine.
        trial("six_nodes_form_quickly", formation),
        trial("a_lab_gives_its_exit_code", || finish("exit 3", Some(3)).map(drop)),
        trial("a_lab_hears_cancel", cancel),
        trial("faults_are_proven", || finish("faults", Some(0)).map(drop)),
        trial("a_wiped_node_joins", || finish("join", Some(0)).map(drop)),
        trial("tls_is_spoken_and_no_key_is_evidence", || finish("tls", Some(0)).map(drop)),
        trial("a_bad_config_is_told", || {
            tells("refuse maxmemory=lots", &["B ended with exit code 1 instead of starting", "maxmemory"])
        }),
        trial("too_little_storage_is_told", || tells("refuse storage=4096", &["its storage of 4.0 KiB is too small"])),
        full_disk(),
        caching_disk("nothing_outlives_a_slow_disk", leaks::slow_disk),
        caching_disk("a_power_failure_takes_what_was_not_synchronised", || finish("power-fails", Some(0)).map(drop)),
        caching_disk("a_disk_with_a_cache_serves", || finish("disk-serves", Some(0)).map(drop)),
        trial("a_binary_that_is_no_server_is_told", || {
            tells("refuse binary=/bin/ls", &["B: /bin/ls is neither Redis nor Valkey", "coreutils"])
        }),
        trial("a_damaged_file_is_told", || {
            tells("damaged", &["B ended with exit code 1 instead of starting", "Bad file format"])
        }),
        trial("an_odd_path_holds_a_run", odd_path),
        foreign_directory(),
        trial("a_machine_without_namespaces_is_told", || {
            tells("no-namespaces", &["cannot create a user namespace", "sysctl -w user.max_user_namespaces="])
        }),
        trial("a_cut_of_one_direction_leaves_the_other", || finish("links one-way", Some(0)).map(drop)),
        trial("healing_one_cut_leaves_the_others", || finish("links overlap", Some(0)).map(drop)),
        trial("a_cut_of_one_port_leaves_the_others", || finish("links port", Some(0)).map(drop)),
        trial("cuts_of_ports_and_of_links_end_by_themselves", || finish("links port-overlap", Some(0)).map(drop)),
        trial("a_cut_of_a_port_that_leaks_is_not_proven", || finish("links port-unproven", Some(0)).map(drop)),
        trial("a_cut_that_leaks_is_not_proven", || finish("links unproven", Some(0)).map(drop)),
        trial("the_proof_of_a_shape_says_what_it_did", || finish("shapes told", Some(0)).map(report)),
        trial("a_shape_that_is_passed_by_is_not_proven", || finish("shapes passed-by", Some(0)).map(report)),
        trial("a_shape_whose_device_is_gone_is_not_proven", || finish("shapes gone", Some(0)).map(report)),
        trial("mistakes_about_links_are_told", || finish("links mistakes", Some(0)).map(drop)),
        no_tun(),
        trial("a_thread_that_cannot_leave_a_host_ends_the_lab", stranded),
        trial("nothing_outlives_the_outer_process", leaks::outer_killed),
        trial("nothing_outlives_stage_one", leaks::stage_one_killed),
        trial("nothing_outlives_stage_two", leaks::stage_two_killed),
        trial("nothing_outlives_a_dropped_sandbox", leaks::dropped),
    ]
}

/// Those that measure time, or how soon a proof comes.
fn timed_trials() -> Vec<Trial> {
    vec![
        timed("thirty_nodes_rise", || finish("form 15", Some(0)).map(report)),
        timed("an_established_connection_falls_silent", || finish("links established", Some(0)).map(report)),
        timed("a_rejected_connection_fails_at_once", || finish("links reject", Some(0)).map(drop)),
        timed("open_connections_end_when_their_links_reject", || finish("links reject-open", Some(0)).map(report)),
        timed("thirty_hosts_are_cut_in_halves", || finish("links halves", Some(0)).map(report)),
        timed("a_cut_of_a_flooded_rate_is_proven_at_once", || finish("shapes flooded", Some(0)).map(report)),
        timed("what_waits_arrives_when_its_shape_ends", || finish("shapes released", Some(0)).map(report)),
        timed("a_shape_that_misses_packets_is_not_proven", || finish("shapes full", Some(0)).map(report)),
    ]
}

/// A trial that may share the machine with others.
fn trial(name: &str, run: fn() -> Result<(), Failed>) -> Trial {
    sharing(name, MachineShare::Quarters(2), run)
}

/// A trial that has the machine alone.
fn timed(name: &str, run: fn() -> Result<(), Failed>) -> Trial {
    sharing(name, MachineShare::Whole, run)
}

/// A trial that is ignored on a machine that cannot make a lab. The list of trials must say so, too: whoever runs a single
/// one by its name would take it for passed.
fn sharing(name: &str, share: MachineShare, run: fn() -> Result<(), Failed>) -> Trial {
    let lab = name.to_owned();
    let locked = move || {
        let _lock = lock_machine(&lab, share, &Cancel::default(), |_| {}).map_err(|error| error.to_string())?;
        run()
    };
    Trial::test(name, locked).with_ignored_flag(incapacity().is_some())
}

/// Why this machine cannot make a lab; none if it can, or if it must.
fn incapacity() -> Option<String> {
    let must = std::env::var_os("REQUIRE_ALL").is_some_and(|value| value == "1");
    ProviderChoice::Namespaces.check(Need::Hosts).err().filter(|_| !must).map(|missing| missing.to_string())
}

/// Redis 6.2 starts without room for its append-only file, and complains later.
fn full_disk() -> Trial {
    let complains = ServerBinary::find(None).is_ok_and(|server| server.version.major > 6);
    let told = || tells("refuse full=4096", &["instead of starting", "No space left on device"]);
    trial("a_full_disk_is_told", told).with_ignored_flag(!complains || incapacity().is_some())
}

/// For a machine that can have disks with a cache.
fn caching_disk(name: &str, run: fn() -> Result<(), Failed>) -> Trial {
    let missing = ProviderChoice::Namespaces.check(Need::CachingDisks).is_err();
    trial(name, run).with_ignored_flag(missing || incapacity().is_some())
}

/// A lab hides the directory of the device, which must be there to be hidden.
fn no_tun() -> Trial {
    let told = || tells("no-tun", &["cannot open /dev/net/tun", "it does not exist", "sudo modprobe tun"]);
    let is_there = Path::new("/dev/net").is_dir();
    trial("a_machine_without_tun_devices_is_told", told).with_ignored_flag(!is_there || incapacity().is_some())
}

/// Starts a lab with what it shall do; its run directory is `directory`.
fn start(what: &str, directory: &Path) -> Result<Sandbox, SandboxError> {
    let log = File::create(directory.join("lab.log")).map_err(SandboxError::Spawn)?;
    ProviderChoice::Namespaces.spawn(&format!("{what}\n{}", directory.display()), log)
}

/// Runs a lab to its end, which must be this exit code; what it said.
fn finish(what: &str, code: Option<i32>) -> Result<String, Failed> {
    let directory = tempfile::tempdir()?;
    let said = finish_in(directory.path(), what, code);
    said.map_err(|error| {
        format!("{}its directory is {}", error.message().unwrap_or_default(), directory.keep().display()).into()
    })
}

fn finish_in(directory: &Path, what: &str, code: Option<i32>) -> Result<String, Failed> {
    let mut lab = start(what, directory)?;
    let mut said = String::new();
    lab.take_events().ok_or("no events")?.read_to_string(&mut said)?;
    let status = lab.wait()?;
    let log = std::fs::read_to_string(directory.join("lab.log"))?;
    if status.code() == code { Ok(said) } else { Err(format!("{status}: {said}{log}").into()) }
}

fn odd_path() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let odd = directory.path().join("it's a \"run\" \\ of caf\u{e9}s ");
    std::fs::create_dir(&odd)?;
    finish_in(&odd, "form 1", Some(0))?;
    let log = std::fs::read_to_string(odd.join("nodes/A/redis.log"))?;
    if log.contains("Ready to accept connections") { Ok(()) } else { Err(log.into()) }
}

/// Root may write everywhere, and so may a lab that root starts, as with sudo in a user's checkout.
fn foreign_directory() -> Trial {
    let form = || {
        let directory = tempfile::tempdir()?;
        nix::unistd::chown(directory.path(), Some(SOMEBODY.into()), Some(SOMEBODY.into()))?;
        finish_in(directory.path(), "form 1", Some(0)).map(drop)
    };
    let is_root = nix::unistd::geteuid().is_root();
    trial("root_writes_into_a_users_directory", form).with_ignored_flag(!is_root || incapacity().is_some())
}

fn tells(what: &str, parts: &[&str]) -> Result<(), Failed> {
    let said = finish(what, Some(0))?;
    match parts.iter().find(|part| !said.contains(**part)) {
        None => Ok(()),
        Some(part) => Err(format!("`{part}` is not in: {said}").into()),
    }
}

/// The lab's processes end by a signal, and its log says why.
fn stranded() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut lab = start("stranded", directory.path())?;
    let mut said = String::new();
    lab.take_events().ok_or("no events")?.read_to_string(&mut said)?;
    let status = lab.wait()?;
    let log = std::fs::read_to_string(directory.path().join("lab.log"))?;
    let told = log.contains("a thread cannot return from a client's host: ");
    if said == "back\n" && !status.success() && told { Ok(()) } else { Err(format!("{status}: {said}{log}").into()) }
}

fn cancel() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let mut lab = start("await-cancel", directory.path())?;
    let mut events = BufReader::new(lab.take_events().ok_or("no events")?);
    let mut line = String::new();
    events.read_line(&mut line)?;
    lab.stopper().cancel();
    let code = lab.wait()?.code();
    if code == Some(7) { Ok(()) } else { Err(format!("{line}: {code:?}").into()) }
}

fn formation() -> Result<(), Failed> {
    let mut formed = Vec::new();
    for _ in 0..5 {
        let said = finish("form 3", Some(0))?;
        let milliseconds = said.split_whitespace().last().and_then(|word| word.parse::<f64>().ok());
        formed.push(milliseconds.ok_or_else(|| said.clone())?);
        report(said);
    }
    formed.sort_by(f64::total_cmp);
    let median = formed[formed.len() / 2];
    // The floor is 2000 ms; twice as much is no lab to work with, however busy the machine is.
    if median < 4_000.0 { Ok(()) } else { Err(format!("formed in {median} ms").into()) }
}

#[expect(clippy::print_stderr, clippy::needless_pass_by_value, reason = "a test shows what it measured")]
fn report(said: String) {
    eprint!("{said}");
}
