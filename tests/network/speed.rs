//! How many packets a second one core shapes.

use std::fmt;
use std::fs;
use std::io;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::network::SHAPING_DEVICE;
use harness::vocab::{self, LinkShape};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::inside::{Failure, say};
use super::wire::{HEADERS, NUMBER, Wire};

const ENOUGH: f64 = 100_000.0;
/// The most that a packet carries, in bytes.
const LARGEST: usize = 1_500 - HEADERS;
const WHILE: Duration = Duration::from_millis(500);
/// What falls short is measured again at most this often: what else runs on the same hardware only ever makes a core slower.
const TRIES: usize = 6;

/// Sends as much as one core can and sees how much arrives, while the shaping thread has a core for itself: as far as
/// the tests go. Other programs may take it away, which is not the thread's fault.
pub(super) fn measure(wire: &Wire) -> Result<(), Failure> {
    let shaping_thread = shaping_thread()?;
    isolate(shaping_thread)?;
    for (milliseconds, payload) in [(0, NUMBER), (10, NUMBER), (10, LARGEST)] {
        wire.shape(LinkShape { delay: vocab::Duration::from_millis(milliseconds), ..LinkShape::default() });
        let mut tries = 0;
        loop {
            let figures = flood(wire, shaping_thread, payload)?;
            say(&format!("{payload} bytes, delay {milliseconds}ms: {figures}; {} found the device full", dropped()?));
            tries += 1;
            match () {
                () if figures.on_one_core() >= ENOUGH => break,
                () if tries == TRIES => return Err(format!("that is too little, {tries} times").into()),
                () => {}
            }
        }
    }
    Ok(())
}

/// What was measured in one go.
struct Figures {
    came: u64,
    took: Duration,
    /// How long the thread ran.
    busy: Duration,
    /// How long it would have run, had other programs not had its core.
    kept_waiting: Duration,
}

impl Figures {
    /// Packets a second of the time in which the thread had its core: also of the time that the kernel spent there on
    /// forwarding, which it may not count as the thread's.
    fn on_one_core(&self) -> f64 {
        self.came as f64 / self.took.saturating_sub(self.kept_waiting).as_secs_f64()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a_second = self.came as f64 / self.took.as_secs_f64();
        let microseconds = self.busy.as_secs_f64() * 1e6 / self.came as f64;
        let (busy, waiting) =
            [self.busy, self.kept_waiting].map(|time| time.div_duration_f64(self.took) * 100.0).into();
        write!(f, "{a_second:.0} packets/s, {:.0} on one core (the thread ", self.on_one_core())?;
        write!(
            f,
            "ran for {busy:.0} % of the time, {microseconds:.2} us a packet, and was kept waiting for {waiting:.0} %)"
        )
    }
}

fn flood(wire: &Wire, shaping_thread: Pid, payload: usize) -> Result<Figures, Failure> {
    // The receiver never reads: what arrives is counted by its interface.
    let (sender, _receiver) = wire.sockets()?;
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let sending = scope.spawn(|| send_until(&sender, payload, &stop));
        // Until the queues are as full as they will be.
        thread::sleep(Duration::from_millis(200));
        let figures = figures(wire, shaping_thread);
        stop.store(true, Ordering::Relaxed);
        sending.join().map_err(|_| "the sender panicked")??;
        figures
    })
}

fn figures(wire: &Wire, shaping_thread: Pid) -> Result<Figures, Failure> {
    let (begin, before, (ran, waited)) = (Instant::now(), arrived(wire)?, on_core(shaping_thread)?);
    thread::sleep(WHILE);
    let (took, came) = (begin.elapsed(), arrived(wire)? - before);
    let (busy, kept_waiting) = on_core(shaping_thread)?;
    Ok(Figures { came, took, busy: busy.saturating_sub(ran), kept_waiting: kept_waiting.saturating_sub(waited) })
}

fn send_until(sender: &UdpSocket, payload: usize, stop: &AtomicBool) -> io::Result<()> {
    let payload = vec![0; payload];
    while !stop.load(Ordering::Relaxed) {
        for _ in 0..100 {
            sender.send(&payload)?;
        }
    }
    Ok(())
}

/// The id of the shaping thread.
fn shaping_thread() -> Result<Pid, Failure> {
    for entry in fs::read_dir("/proc/self/task")? {
        let entry = entry?;
        if fs::read_to_string(entry.path().join("comm"))?.trim() == "lab-shaping" {
            return Ok(Pid::from_raw(entry.file_name().to_string_lossy().parse()?));
        }
    }
    Err("there is no shaping thread".into())
}

/// Gives a thread a core of its own, and this one, with all that it starts, the others.
fn isolate(thread: Pid) -> Result<(), Failure> {
    let this = Pid::from_raw(0);
    let mut others = sched_getaffinity(this)?;
    let last = (0..CpuSet::count()).rfind(|cpu| others.is_set(*cpu).unwrap_or_default()).ok_or("no core")?;
    let mut own = CpuSet::new();
    own.set(last)?;
    others.unset(last)?;
    sched_setaffinity(thread, &own)?;
    if (0..CpuSet::count()).any(|cpu| others.is_set(cpu).unwrap_or_default()) {
        sched_setaffinity(this, &others)?;
    }
    Ok(())
}

/// How long a thread has been running, and how long it has waited for its core.
fn on_core(thread: Pid) -> Result<(Duration, Duration), Failure> {
    let statistics = fs::read_to_string(format!("/proc/self/task/{thread}/schedstat"))?;
    let mut times = statistics.split(' ').map(|nanoseconds| nanoseconds.parse().map(Duration::from_nanos));
    Ok((times.next().ok_or("no time")??, times.next().ok_or("no time")??))
}

/// The packets that the receiver's interface has received so far.
fn arrived(wire: &Wire) -> Result<u64, Failure> {
    let counters = wire.to.on_host(|| fs::read_to_string("/proc/thread-self/net/dev"))?;
    counter(&counters, "eth0", 1)
}

/// The packets that came to the shaping device so fast that it had no room for them.
fn dropped() -> Result<u64, Failure> {
    counter(&fs::read_to_string("/proc/thread-self/net/dev")?, SHAPING_DEVICE, 11)
}

/// A column of `/proc/net/dev`.
pub(super) fn counter(counters: &str, interface: &str, column: usize) -> Result<u64, Failure> {
    let mut lines = counters.lines().filter_map(|line| line.trim().split_once(':'));
    let (_, numbers) = lines.find(|(name, _)| *name == interface).ok_or("no such interface")?;
    Ok(numbers.split_whitespace().nth(column).ok_or("no such counter")?.parse()?)
}
