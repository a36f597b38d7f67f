//! How long the threads of a run were ready to run but had no processor.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::node::NodeProcess;
use super::reaper;
use crate::evidence::Waits;
use crate::network::SHAPING_THREAD;
use crate::provider::WaitReader;
use crate::vocab::NodeName;

/// The name prefix of a server's threads that serve clients, besides its first thread.
const SERVING: &str = "io_thd";

/// The name prefix of the harness's threads that run loads.
const LOAD: &str = "load-";

/// Servers that waited less are left out, so that a hundred idle ones do not need an entry each.
const WORTH_NOTING_NANOS: u64 = 100_000;

/// A server's threads come and go; they are listed again after this many readings.
const READINGS_PER_LISTING: u32 = 10;

/// Reads from /proc how long the threads of the loads, of the observer and of every server have waited for a processor.
///
/// The files stay open, so that a reading costs one system call per thread.
#[derive(Default)]
pub(super) struct ProcWaitReader {
    nodes: Vec<Arc<NodeProcess>>,
    has_own_proc: bool,
    loads: Threads,
    shaper: Threads,
    observer: Threads,
    servers: BTreeMap<NodeName, (u32, Threads)>,
    readings: u32,
}

impl ProcWaitReader {
    pub(super) fn new(nodes: Vec<Arc<NodeProcess>>) -> Self {
        let has_own_proc = reaper::has_own_proc();
        Self { nodes, has_own_proc, ..Self::default() }
    }
}

impl WaitReader for ProcWaitReader {
    fn read(&mut self) -> Option<Waits> {
        if !self.has_own_proc {
            return None;
        }
        let lists = self.readings.is_multiple_of(READINGS_PER_LISTING);
        self.readings = self.readings.wrapping_add(1);
        let own = Path::new("/proc/self/task");
        self.loads.list(own, |task| is_called(task, LOAD));
        self.shaper.list(own, |task| is_called(task, SHAPING_THREAD));
        self.observer.list(own, |task| is_first(task, std::process::id()));
        let observer_nanos = self.observer.longest()?;
        let clients_nanos = self.loads.longest().unwrap_or(0) + self.shaper.longest().unwrap_or(0);
        let mut waits = Waits { clients_nanos, observer_nanos, servers_nanos: BTreeMap::new() };
        for node in &self.nodes {
            let Some(pid) = node.pid().and_then(|pid| u32::try_from(pid.as_raw()).ok()) else { continue };
            let (known, threads) = self.servers.entry(node.name().clone()).or_default();
            let is_new = std::mem::replace(known, pid) != pid;
            if is_new {
                *threads = Threads::default();
            }
            if is_new || lists {
                threads.list(Path::new(&format!("/proc/{pid}/task")), |task| {
                    is_first(task, pid) || is_called(task, SERVING)
                });
            }
            if let Some(nanos) = threads.longest().filter(|nanos| *nanos >= WORTH_NOTING_NANOS) {
                waits.servers_nanos.insert(node.name().clone(), nanos);
            }
        }
        Some(waits)
    }
}

/// Whether a thread is the first of the process with this id.
fn is_first(task: &Path, pid: u32) -> bool {
    task.file_name().is_some_and(|id| *id == *pid.to_string())
}

fn is_called(task: &Path, name: &str) -> bool {
    fs::read_to_string(task.join("comm")).is_ok_and(|own| own.starts_with(name))
}

/// Threads by their ids, each with its open file and its total wait at the last reading.
#[derive(Default)]
struct Threads(BTreeMap<i32, (File, u64)>);

impl Threads {
    /// Adds those threads of a process that are new and wanted.
    fn list(&mut self, tasks: &Path, wanted: impl Fn(&Path) -> bool) {
        for task in fs::read_dir(tasks).into_iter().flatten().flatten() {
            let Some(id) = task.file_name().to_str().and_then(|id| id.parse().ok()) else { continue };
            if self.0.contains_key(&id) || !wanted(&task.path()) {
                continue;
            }
            let opened = File::open(task.path().join("schedstat")).ok();
            if let Some((file, waited)) = opened.and_then(|file| waited(&file).map(|waited| (file, waited))) {
                self.0.insert(id, (file, waited));
            }
        }
    }

    /// The longest wait of any thread since the last reading; `None` without threads.
    fn longest(&mut self) -> Option<u64> {
        let mut longest = None;
        self.0.retain(|_, (file, before)| {
            let Some(now) = waited(file) else { return false };
            longest = longest.max(Some(now.saturating_sub(*before)));
            *before = now;
            true
        });
        longest
    }
}

/// A thread's total wait, the second number of its `schedstat`, in nanoseconds; `None` once the thread has ended.
fn waited(file: &File) -> Option<u64> {
    let mut text = [0; 64];
    let length = file.read_at(&mut text, 0).ok()?;
    let text = std::str::from_utf8(&text[..length]).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// With more busy threads than processors, some must wait.
    #[test]
    fn who_waits_for_a_processor_is_seen() {
        let (stop, count) = (AtomicBool::new(false), 3 * thread::available_parallelism().unwrap().get());
        let mut threads = Threads::default();
        let waited = thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    while !stop.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                });
            }
            threads.list(Path::new("/proc/self/task"), |_| true);
            let (began, mut waited) = (Instant::now(), 0);
            while waited < 20_000_000 && began.elapsed() < Duration::from_secs(20) {
                thread::sleep(Duration::from_millis(20));
                waited += threads.longest().unwrap_or(0);
            }
            stop.store(true, Ordering::Relaxed);
            waited
        });
        assert!(waited >= 20_000_000, "{waited} ns");
    }

    #[test]
    fn a_thread_that_ended_is_forgotten() {
        let (go, told) = std::sync::mpsc::channel::<()>();
        let (tell, id) = std::sync::mpsc::channel();
        let other = thread::spawn(move || {
            tell.send(nix::unistd::gettid().to_string()).unwrap();
            let _ = told.recv();
        });
        let id = id.recv().unwrap();
        let mut threads = Threads::default();
        threads.list(Path::new("/proc/self/task"), |task| task.file_name().is_some_and(|name| *name == *id));
        assert!(threads.longest().is_some());
        drop(go);
        other.join().unwrap();
        // The kernel may remove it slightly after the join.
        let began = Instant::now();
        while threads.longest().is_some() {
            assert!(began.elapsed() < Duration::from_secs(10), "{id} is still there");
        }
    }
}
