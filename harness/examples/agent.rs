//! A spike of ARCHITECTURE.md, "Beyond one machine": an agent, which would stand beside a server in its pod, and a driver, which would
//! run the timeline elsewhere. They speak JSON lines over TCP.
//!
//! `agent --serve LEASE_MS` prints where it listens. `agent --drive ADDRESS` passes on the requests that it reads, such as
//! `{"start": {"name": "one", "command": ["sleep", "9"]}}` and `{"signal": {"name": "one", "signal": 9}}`, and says on its own clock
//! when the agent did what it reports.
#![expect(clippy::print_stdout, reason = "programs that say what they found")]

use std::collections::BTreeMap;
use std::env;
use std::error::Error;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::thread;
use std::time::Duration;

use harness::evidence::ExitCause;
use nix::sys::signal::{Signal, killpg};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};
use tokio::time::{Instant, interval, sleep_until, timeout_at};

/// How often the driver is heard of, and the clocks are compared.
const HEARTBEAT: Duration = Duration::from_millis(50);

/// How often they are compared before anything is asked.
const COMPARISONS_FIRST: usize = 8;

/// By how much two clocks may drift apart in a microsecond, in nanoseconds: NTP disciplines none that is off by more than 500 ppm
/// (RFC 5905), and there are two.
const DRIFT_NANOS_PER_MICRO: Nanos = 1;

/// A moment on the clock of whoever says it.
pub(crate) type Nanos = i64;

/// What the driver asks: for the time, with its own, which comes back as it is; to start a program; to send a signal to one and what
/// it started. Each request also renews the lease.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Request {
    Time { sent: Nanos },
    Start { name: String, command: Vec<String> },
    Signal { name: String, signal: i32 },
}

/// What the agent tells, by its own clock: a signal's moment is just before it was sent, an end's just after it was seen.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    Time { sent: Nanos, now: Nanos },
    Started { name: String, pid: i32 },
    Signalled { name: String, began: Nanos },
    Ended { name: String, cause: ExitCause, seen: Nanos },
    Failed { why: String },
}

#[tokio::main(flavor = "current_thread")]
pub(crate) async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--serve", lease_ms] => serve(Duration::from_millis(lease_ms.parse()?)).await,
        ["--drive", address] => drive(address).await,
        _ => Err("usage: agent --serve LEASE_MS | agent --drive ADDRESS".into()),
    }
}

/// The raw clock counts from the machine's boot, and nobody sets or slews it.
pub(crate) fn raw_clock() -> io::Result<Nanos> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC_RAW)?;
    Ok(Nanos::from(time.tv_sec()) * 1_000_000_000 + Nanos::from(time.tv_nsec()))
}

async fn write(stream: &mut OwnedWriteHalf, message: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    stream.write_all(&line).await
}

fn lines_of(stream: TcpStream) -> io::Result<(Lines<BufReader<OwnedReadHalf>>, OwnedWriteHalf)> {
    stream.set_nodelay(true)?;
    let (reader, writer) = stream.into_split();
    Ok((BufReader::new(reader).lines(), writer))
}

/// The programs that an agent has started and not yet seen the end of, each the leader of a process group.
#[derive(Default)]
struct Programs(BTreeMap<String, Pid>);

impl Drop for Programs {
    fn drop(&mut self) {
        for leader in self.0.values() {
            let _ = killpg(*leader, Signal::SIGKILL);
        }
    }
}

/// Serves one driver until that has been silent for the lease. A connection that breaks is only silence.
async fn serve(lease: Duration) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // As another machine's clock would, this one counts from a moment that the driver does not know.
    let zero = raw_clock()?;
    let (mut requests, mut writer) = lines_of(timeout_at(Instant::now() + lease, listener.accept()).await??.0)?;
    let (ended, mut endings) = unbounded_channel();
    let mut programs = Programs::default();
    let mut lease_ends = Instant::now() + lease;
    loop {
        let report = tokio::select! {
            line = timeout_at(lease_ends, requests.next_line()) => {
                let Ok(Ok(Some(line))) = line else { break };
                lease_ends = Instant::now() + lease;
                let done = serde_json::from_str(&line).map_err(io::Error::from);
                let done = done.and_then(|request| programs.done(request, zero, &ended));
                done.unwrap_or_else(|error| Report::Failed { why: error.to_string() })
            }
            Some((name, status, seen)) = endings.recv() => {
                programs.0.remove(&name);
                Report::Ended { name, cause: cause(status), seen: seen - zero }
            }
        };
        // Nor may a driver that reads nothing keep it from ending.
        let Ok(Ok(())) = timeout_at(lease_ends, write(&mut writer, &report)).await else { break };
    }
    sleep_until(lease_ends).await;
    Ok(())
}

impl Programs {
    fn done(&mut self, request: Request, zero: Nanos, ended: &UnboundedSender<Ending>) -> io::Result<Report> {
        match request {
            Request::Time { sent } => Ok(Report::Time { sent, now: raw_clock()? - zero }),
            Request::Start { name, command } => {
                let (program, arguments) = command.split_first().ok_or(io::ErrorKind::InvalidInput)?;
                let child = Command::new(program).args(arguments).process_group(0).spawn()?;
                let pid = child.id().and_then(|id| i32::try_from(id).ok()).ok_or(io::ErrorKind::NotFound)?;
                self.0.insert(name.clone(), Pid::from_raw(pid));
                tokio::spawn(tell_end(name.clone(), child, ended.clone()));
                Ok(Report::Started { name, pid })
            }
            Request::Signal { name, signal } => {
                let leader = self.0.get(&name).ok_or(io::ErrorKind::NotFound)?;
                let began = raw_clock()? - zero;
                killpg(*leader, Signal::try_from(signal)?)?;
                Ok(Report::Signalled { name, began })
            }
        }
    }
}

/// Which program ended, how, and when that was seen on the raw clock.
type Ending = (String, ExitStatus, Nanos);

async fn tell_end(name: String, mut child: Child, ended: UnboundedSender<Ending>) -> io::Result<()> {
    let status = child.wait().await?;
    // Nobody listens any more when the lease has run out.
    let _ = ended.send((name, status, raw_clock()?));
    Ok(())
}

fn cause(status: ExitStatus) -> ExitCause {
    let code = || ExitCause::Code(status.code().unwrap_or_default());
    status.signal().map_or_else(code, ExitCause::Signal)
}

/// Each answer about the time: when its question was sent, what the agent's clock said, when it arrived.
#[derive(Default)]
pub(crate) struct Comparison(pub(crate) Vec<[Nanos; 3]>);

impl Comparison {
    /// When, on the driver's clock, a moment of the agent's was, and by how much more or less at most. An answer was given between
    /// its question and its arrival, and the clocks may have drifted since. `None` if no moment fits all answers, or there is none.
    pub(crate) fn on_drivers_clock(&self, moment: Nanos) -> Option<(Nanos, Nanos)> {
        let bounds = self.0.iter().map(|[sent, said, arrived]| {
            let later = moment - said;
            let drift = later.abs() / 1_000 * DRIFT_NANOS_PER_MICRO + 1;
            (sent + later - drift, arrived + later + drift)
        });
        let (least, most) = bounds.reduce(|(least, most), (from, to)| (least.max(from), most.min(to)))?;
        (least <= most).then(|| (least.midpoint(most), (most - least + 1) / 2))
    }
}

/// What the driver says: a report, and when what it tells happened on the driver's clock, more or less the bound.
#[derive(Debug, Serialize)]
struct Told {
    report: Report,
    at: Option<Nanos>,
    bound: Option<Nanos>,
}

/// Drives the agent there until standard input ends.
async fn drive(address: &str) -> Result<(), Box<dyn Error>> {
    let (mut reports, mut writer) = lines_of(TcpStream::connect(address).await?)?;
    let (pass_on, mut requests) = unbounded_channel();
    thread::spawn(move || io::stdin().lines().map_while(Result::ok).try_for_each(|line| pass_on.send(line)));
    let (mut comparison, mut heartbeat) = (Comparison::default(), interval(HEARTBEAT));
    loop {
        let request = tokio::select! {
            _ = heartbeat.tick() => Request::Time { sent: raw_clock()? },
            request = requests.recv(), if comparison.0.len() >= COMPARISONS_FIRST => match request {
                Some(request) => serde_json::from_str(&request)?,
                None => return Ok(()),
            },
            report = reports.next_line() => {
                let arrived = raw_clock()?;
                let report = serde_json::from_str(&report?.ok_or("the agent is gone")?)?;
                if let Report::Time { sent, now } = report {
                    comparison.0.push([sent, now, arrived]);
                    if comparison.0.len() < COMPARISONS_FIRST {
                        heartbeat.reset_immediately();
                    }
                } else {
                    println!("{}", serde_json::to_string(&told(report, &comparison))?);
                }
                continue;
            }
        };
        write(&mut writer, &request).await?;
    }
}

fn told(report: Report, comparison: &Comparison) -> Told {
    let moment = match &report {
        Report::Signalled { began: moment, .. } | Report::Ended { seen: moment, .. } => Some(*moment),
        Report::Time { .. } | Report::Started { .. } | Report::Failed { .. } => None,
    };
    let (at, bound) = moment.and_then(|moment| comparison.on_drivers_clock(moment)).unzip();
    Told { report, at, bound }
}
