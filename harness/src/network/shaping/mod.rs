//! Shaping: packets of some directed links are led through a device and a thread that delays, loses or spoils them.
//!
//! It is no part of the network: routing rules decide which links lead into the device. All others pass it by, and cost
//! nothing.

mod queue;
mod scheduling;
mod shaped_link;
mod shaped_links;
mod tun;
mod worker;

use std::io::{self, PipeReader, PipeWriter, Write};
use std::net::Ipv4Addr;
use std::sync::mpsc::{self, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, JoinHandle};

use nix::errno::Errno;

use self::shaped_links::ShapedLinks;
use self::tun::TunDevice;
use super::NetworkError;
use crate::vocab::Shape;

pub use shaped_link::LinkCounters;
pub(crate) use tun::OPENING;
pub(super) use tun::unread;
pub use tun::{SHAPING_DEVICE, SHAPING_TABLE};

/// The thread's name, as tools show it.
pub(crate) const THREAD: &str = "lab-shaping";

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

/// Shapes what passes the links of one network namespace. Dropping it takes the device away; what waits in it is lost.
#[derive(Debug)]
pub struct Shaper {
    links: Arc<Mutex<ShapedLinks>>,
    /// Why the thread shapes no more.
    failure: Arc<OnceLock<String>>,
    /// Wakes the thread. `None` when the shaper is being dropped: closing it ends the thread.
    running: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Shaper {
    /// Makes the device [`SHAPING_DEVICE`] in the network namespace of the calling thread, with the routing table
    /// [`SHAPING_TABLE`] whose only route leads into it, and starts the thread that shapes.
    ///
    /// Returns when packets can be led into the device. All chances are drawn from the seed.
    pub fn start(seed: u64) -> Result<Self, ShapingError> {
        let links = Arc::new(Mutex::new(ShapedLinks::new(seed)));
        let failed = |doing| move |source| ShapingError::Device { doing, source };
        let (orders, running) = io::pipe().map_err(failed("make a pipe"))?;
        let (sender, made) = mpsc::sync_channel(1);
        let failure = Arc::new(OnceLock::new());
        let (shared, told) = (Arc::clone(&links), Arc::clone(&failure));
        let work = move || {
            if let Err(error) = shape(&shared, &orders, &sender) {
                // It is empty: nobody else fills it.
                let _ = told.set(format!("packets are shaped no more: {error}"));
            }
        };
        let thread = thread::Builder::new().name(THREAD.to_owned()).spawn(work);
        let thread = thread.map_err(failed("start the shaping thread"))?;
        let shaper = Self { links, failure, running: Some(running), thread: Some(thread) };
        made.recv().unwrap_or(Err(NetworkError::Panicked.into()))?;
        Ok(shaper)
    }

    /// Gives a link a shape, from the next packet on. Its sequence of packets and its counters begin anew; what waits
    /// under a shape that it had arrives at once, in its order.
    pub fn set(&self, from: Ipv4Addr, to: Ipv4Addr, shape: Shape) {
        self.links().set((from, to), shape);
        self.wake();
    }

    /// Takes a link's shape away: what waits in the device arrives at once, in its order, and what is still led into it
    /// passes at once behind that. Returns what the shape did.
    pub fn clear(&self, from: Ipv4Addr, to: Ipv4Addr) -> LinkCounters {
        let did = self.links().clear((from, to));
        self.wake();
        did
    }

    /// Why nothing is shaped any more, if so: the device has failed.
    pub fn failure(&self) -> Option<&str> {
        self.failure.get().map(String::as_str)
    }

    /// Lets the thread see at once that the links have changed.
    fn wake(&self) {
        if let Some(mut running) = self.running.as_ref() {
            // A thread that is gone has nothing to release.
            let _ = running.write(&[0]);
        }
    }

    /// What a link has done since it was given its shape; nothing when it has none.
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
    made: &SyncSender<Result<(), ShapingError>>,
) -> io::Result<()> {
    let (device, outcome) = match TunDevice::make() {
        Ok(device) => (Some(device), Ok(())),
        Err(error) => (None, Err(error)),
    };
    // Its creator waits for it.
    let _ = made.send(outcome);
    device.map_or(Ok(()), |device| worker::work(&device, links, orders))
}

impl Drop for Shaper {
    fn drop(&mut self) {
        drop(self.running.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, that has been told.
            let _ = thread.join();
        }
    }
}
