//! Shaping: packets of some directed links pass through a device and a thread that delays, loses or damages them.
//!
//! Routing rules decide which links go through the device. All others bypass it at no cost.

mod packet;
mod queue;
mod scheduling;
mod shaped_link;
mod shaped_links;
mod tun;
mod worker;

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use nix::errno::Errno;

use self::shaped_links::ShapedLinks;
use self::tun::TunDevice;
use super::NetworkError;
use crate::vocab::LinkShape;

pub use shaped_link::LinkCounters;
pub(crate) use tun::OPENING;
pub(super) use tun::unread;
pub use tun::{SHAPING_DEVICE, SHAPING_TABLE};

/// The thread's name, as tools show it.
pub(crate) const THREAD: &str = "lab-shaping";

/// How long to wait for packets to leave the device. The thread has a priority and takes some ten microseconds; on a machine that
/// keeps it waiting for longer, what is sent next may overtake them.
const RELEASE_BOUND: Duration = Duration::from_millis(100);

/// How many changes of links the shaping thread has carried out.
#[derive(Debug, Default)]
struct Changes {
    done: Mutex<u64>,
    more: Condvar,
}

impl Changes {
    /// Adds what the thread has done.
    fn add(&self, count: u64) {
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        *done = done.saturating_add(count);
        self.more.notify_all();
    }

    /// The thread does no more: nobody is to wait for it.
    fn end(&self) {
        self.add(u64::MAX);
    }

    /// Waits until this many were done, for [`RELEASE_BOUND`] at most.
    fn wait_for(&self, count: u64) {
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = self.more.wait_timeout_while(done, RELEASE_BOUND, |done| *done < count);
    }
}

/// Why packets cannot be shaped.
#[derive(Debug, thiserror::Error)]
pub enum ShapingError {
    /// There is no shaping device.
    #[error("cannot {doing}: {source}")]
    Device {
        /// What was tried.
        doing: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The device could not be brought up.
    #[error(transparent)]
    Network(#[from] NetworkError),
}

impl ShapingError {
    /// The kernel's error number.
    pub fn errno(&self) -> Errno {
        match self {
            Self::Device { source, .. } => source.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw),
            Self::Network(error) => error.errno(),
        }
    }
}

/// Shapes the packets of links in one network namespace. Dropping it removes the device; packets waiting in it are
/// lost.
#[derive(Debug)]
pub struct Shaper {
    links: Arc<Mutex<ShapedLinks>>,
    /// How many changes the thread was told of.
    ordered: Mutex<u64>,
    changes: Arc<Changes>,
    /// Why the thread has stopped shaping, if it has.
    failure: Arc<OnceLock<String>>,
    /// Wakes the thread; closing it ends the thread. `None` only while the shaper is being dropped.
    running: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Shaper {
    /// Makes the device [`SHAPING_DEVICE`] in the network namespace of the calling thread, with the routing table
    /// [`SHAPING_TABLE`] whose only route leads into it, and starts the thread that shapes.
    ///
    /// Returns when the device is ready for packets. The seed determines everything that is drawn at random.
    pub fn start(seed: u64) -> Result<Self, ShapingError> {
        let links = Arc::new(Mutex::new(ShapedLinks::new(seed)));
        let failed = |doing| move |source| ShapingError::Device { doing, source };
        let (orders, running) = io::pipe().map_err(failed("make a pipe"))?;
        let (sender, made) = mpsc::sync_channel(1);
        let failure = Arc::new(OnceLock::new());
        let changes = Arc::new(Changes::default());
        let (shared, told, carried_out) = (Arc::clone(&links), Arc::clone(&failure), Arc::clone(&changes));
        let work = move || {
            if let Err(error) = shape(&shared, &orders, &carried_out, &sender) {
                // It cannot be set already: this is the only place that sets it.
                let _ = told.set(format!("packets are shaped no more: {error}"));
            }
            carried_out.end();
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work);
        let thread = thread.map_err(failed("start the shaping thread"))?;
        let shaper =
            Self { links, ordered: Mutex::new(0), changes, failure, running: Some(running), thread: Some(thread) };
        made.recv().unwrap_or(Err(NetworkError::Panicked.into()))?;
        Ok(shaper)
    }

    /// Sets a link's shape from the next packet on. Its random sequence and its counters start anew; packets held by a
    /// former shape arrive at once, in order.
    pub fn set(&self, from: Ipv4Addr, to: Ipv4Addr, shape: LinkShape) {
        self.links().set((from, to), shape);
        self.wake();
    }

    /// Removes a link's shape; returns what it did. Waiting packets have left the device when this returns, in order, so that
    /// none that takes another way from then on overtakes them; any that still enter it follow them without delay.
    pub fn clear(&self, from: Ipv4Addr, to: Ipv4Addr) -> LinkCounters {
        let counters = self.links().clear((from, to));
        let ordered = self.wake();
        self.changes.wait_for(ordered);
        counters
    }

    /// Why nothing is shaped any more, if the device has failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Makes the thread notice at once that links have changed. Returns how many changes it was told of.
    fn wake(&self) -> u64 {
        let mut ordered = self.ordered.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut running) = self.running.as_ref() {
            // If the thread is gone, there is nothing to wake.
            *ordered += u64::from(running.write(&[0]).is_ok());
        }
        *ordered
    }

    /// What a link has done since its shape was set; all zero if it has none.
    pub fn counters(&self, from: Ipv4Addr, to: Ipv4Addr) -> LinkCounters {
        self.links().counters((from, to))
    }

    fn links(&self) -> MutexGuard<'_, ShapedLinks> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the shaping thread does. It begins in its creator's namespace, and makes the device itself: that needs a runtime
/// of its own, which a thread of another runtime cannot start.
///
/// When the device fails it vanishes: packets of shaped links then pass as if they had no shape.
fn shape(
    links: &Mutex<ShapedLinks>,
    orders: &PipeReader,
    changes: &Changes,
    made: &SyncSender<Result<(), ShapingError>>,
) -> io::Result<()> {
    let (device, outcome) = match TunDevice::make() {
        Ok(device) => (Some(device), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // The creator is waiting for it.
    let _ = made.send(outcome);
    device.map_or(Ok(()), |device| worker::work(&device, links, orders, changes))
}

impl Drop for Shaper {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, the message has already been printed.
            let _ = thread.join();
        }
    }
}
