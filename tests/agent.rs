//! The spike of ARCHITECTURE.md, "Beyond one machine": its driver is right about when a program ended, and nothing that its agent
//! started outlives the lease of a driver that has fallen silent.

#[path = "../harness/examples/agent.rs"]
mod agent;

use std::env;
use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use agent::{Comparison, Nanos, raw_clock};
use libtest_mimic::{Arguments, Trial};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rustix::process::{PidfdFlags, pidfd_open};
use serde_json::Value;

const LEASE: Duration = Duration::from_secs(1);

/// How much later than it has to a process may do something, on a busy machine.
const LATE: Duration = Duration::from_secs(1);

/// The agent and its driver are this program, too, so that what is tested is what was just built.
fn main() -> Result<ExitCode, Box<dyn Error>> {
    if env::args().any(|argument| ["--serve", "--drive"].contains(&&*argument)) {
        agent::main()?;
        return Ok(ExitCode::SUCCESS);
    }
    let trials: [(&str, fn()); 4] = [
        ("nothing_outlives_the_lease_of_a_driver_that_was_killed", || lease(Signal::SIGKILL)),
        ("nothing_outlives_the_lease_of_a_driver_that_hangs", || lease(Signal::SIGSTOP)),
        ("an_end_is_told_on_the_drivers_clock", end),
        ("a_comparison_of_clocks_bounds_what_it_says", comparison),
    ];
    let trials = trials.map(|(name, run)| {
        let run = move || {
            run();
            Ok(())
        };
        Trial::test(name, run)
    });
    Ok(libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code())
}

/// A driver and its agent, whose programs inherit its standard output: that ends with the last of them.
struct Pair {
    agent: Child,
    output: Option<BufReader<ChildStdout>>,
    driver: Child,
    told: BufReader<ChildStdout>,
}

impl Drop for Pair {
    fn drop(&mut self) {
        for process in [&mut self.driver, &mut self.agent] {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

impl Pair {
    fn start() -> Self {
        let (agent, mut output) = spawn(&["--serve", &LEASE.as_millis().to_string()]);
        let mut address = String::new();
        output.read_line(&mut address).expect("it says where it listens");
        let (driver, told) = spawn(&["--drive", address.trim()]);
        Self { agent, output: Some(output), driver, told }
    }

    fn ask(&mut self, request: &str) {
        let stdin = self.driver.stdin.as_mut().expect("a pipe");
        writeln!(stdin, "{request}").expect("the driver reads");
    }

    /// What the driver tells next, which must be this kind of report; and, if it tells when, from when to when.
    fn told(&mut self, kind: &str) -> (Value, Option<(Nanos, Nanos)>) {
        let mut line = String::new();
        self.told.read_line(&mut line).expect("the driver tells");
        let mut told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
        let report = told["report"][kind].take();
        assert!(report.is_object(), "not {kind}: {line}");
        let when = told["at"].as_i64().zip(told["bound"].as_i64());
        (report, when.map(|(at, bound)| (at - bound, at + bound)))
    }
}

fn spawn(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut command = Command::new(env::current_exe().expect("this program has a path"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("it was just built");
    let output = child.stdout.take().expect("a pipe");
    (child, BufReader::new(output))
}

/// All are on this machine, so the driver's clock is this one, and the end can be seen from here.
fn end() {
    let mut pair = Pair::start();
    pair.ask(r#"{"start": {"name": "one", "command": ["sleep", "100"]}}"#);
    let pid = pair.told("started").0["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("an id");
    let program =
        pidfd_open(rustix::process::Pid::from_raw(pid).expect("an id"), PidfdFlags::empty()).expect("it runs");
    let asked = raw_clock().expect("a clock");
    pair.ask(r#"{"signal": {"name": "one", "signal": 9}}"#);
    let mut ends = [PollFd::new(program.as_fd(), PollFlags::POLLIN)];
    assert_eq!(poll(&mut ends, PollTimeout::from(5_000_u16)), Ok(1), "it was not killed");
    let seen = raw_clock().expect("a clock");
    let (_, signalled) = pair.told("signalled");
    let (ended, end) = pair.told("ended");
    let heard = raw_clock().expect("a clock");
    assert_eq!(ended["cause"]["signal"], 9, "{ended}");
    // The signal was sent after it was asked for and before the end was seen here; the agent saw the end before that was heard of.
    for (moment, until) in [(signalled, seen), (end, heard)] {
        let (from, to) = moment.expect("the clocks were compared");
        assert!(from <= until && asked <= to, "{from} to {to} ns is not within {asked} to {until} ns");
        assert!(to - from < 100_000_000, "{from} to {to} ns says nothing");
    }
    let (from, to) = (signalled.expect("it is known").0, end.expect("it is known").1);
    assert!(from <= seen && asked <= to, "an end between {from} and {to} ns was seen between {asked} and {seen} ns");
}

fn lease(fate: Signal) {
    let mut pair = Pair::start();
    pair.ask(r#"{"start": {"name": "one", "command": ["sh", "-c", "sleep 100 & exec sleep 100"]}}"#);
    let pid = pair.told("started").0["pid"].as_i64().and_then(|pid| i32::try_from(pid).ok()).expect("an id");
    // Longer than the lease, so that it lives by what the driver says.
    thread::sleep(LEASE + LEASE / 5);
    kill(Pid::from_raw(pid), None).expect("the driver is there, and so is the program");
    let driver = i32::try_from(pair.driver.id()).expect("an id");
    kill(Pid::from_raw(driver), fate).expect("the driver is there");
    let silent = Instant::now();
    let (tell, gone) = mpsc::channel();
    let mut output = pair.output.take().expect("nobody else reads it");
    thread::spawn(move || tell.send(output.read_to_end(&mut Vec::new())));
    let gone = gone.recv_timeout(LEASE + LATE);
    assert!(
        gone.is_ok_and(|read| read.is_ok()),
        "something is left {:?} after the driver's last word",
        silent.elapsed()
    );
}

fn comparison() {
    // The agent's clock is 1,000,000 behind. Questions took 100 and 700, answers 900 and 50: nobody knows how that is divided.
    let slow_answer = [5_000_000, 4_000_100, 5_001_000];
    let slow_question = [5_002_000, 4_002_700, 5_002_750];
    let at = |answers: &[[Nanos; 3]], moment| Comparison(answers.to_vec()).on_drivers_clock(moment);
    assert_eq!(at(&[], 4_000_100), None);
    assert_eq!(at(&[slow_answer], 4_000_100), Some((5_000_500, 501)));
    let both = at(&[slow_answer, slow_question], 4_001_000).expect("they agree");
    assert!(both.0 - both.1 <= 5_001_000 && 5_001_000 <= both.0 + both.1, "{both:?}");
    assert!(both.1 < 475, "two answers say more than the better one: {both:?}");
    // A second later the clocks may be a millisecond apart.
    assert_eq!(at(&[slow_answer], 1_004_000_100), Some((1_005_000_500, 1_000_501)));
    // By the second answer the agent's clock has gone back by far more than a drift.
    assert_eq!(at(&[slow_answer, [5_002_000, 3_992_000, 5_002_100]], 4_001_000), None);
}
