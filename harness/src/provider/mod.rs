//! The port to whatever provides a run's hosts and processes. Each implementation has a directory below this one; all
//! other modules use the trait [`Provider`].
//!
//! A provider knows hosts, links, processes, files and logs. What the processes are, which files they need and what
//! they say to each other is for the module `system` to know.

mod choice;
mod containers;
mod error;
mod image_error;
mod lab;
mod memory;
mod namespaces;
mod power;
mod pressure;
mod server;
mod server_program;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use tokio::sync::watch;

use crate::evidence::{ExitCause, Figures, NodeStatus, Reach, Waits};
use crate::network::{ChangedLinks, ClientHost};
use crate::vocab::{CutBy, HostName, Instant, Link, LinkShape, Missing, NodeName, ServerPort, ServerVersion};

pub use crate::network::host_address;
pub use choice::ProviderChoice;
pub use containers::{ServerImage, UnpackedImage};
pub use error::ProviderError;
pub(crate) use error::file;
pub use image_error::ImageError;
pub use namespaces::{Sandbox, SandboxError, Stopper, audit, cancelled};
pub use power::{Forgotten, PowerFailure};
pub use pressure::pressure_nanos;
pub(crate) use server::BoundedChild;
pub use server::{SERVER_VARIABLE, ServerBinary, ServerError, named_server};
pub use server_program::{NoServer, ServerProgram, WantedServer};
pub use spec::{ClientSpec, ServerSpec, Storage};

/// Hosts, the links between them, and the processes on them, for one run.
///
/// A host of nodes has the name of the first of them, and each node runs one process at a time. The harness's own sockets
/// ([`ClientHost::this`]) reach every host, whichever links are cut: administration and observation connect from there.
pub trait Provider: Send + Sync {
    /// Now, on the run's clock.
    fn now(&self) -> Instant;

    /// A host by its name, to open sockets on: that of clients or that of a node.
    fn host(&self, name: &HostName) -> Result<ClientHost, ProviderError>;

    /// The program that a node runs, as people call it: a binary's path.
    fn program(&self, node: &NodeName) -> Result<&str, ProviderError>;

    /// The version of the program that a node runs.
    fn version(&self, node: &NodeName) -> Result<ServerVersion, ProviderError>;

    /// A node's data directory, by the path that its process knows it by. The harness itself uses its files by the functions below
    /// only: it may be what serves them.
    fn data_directory(&self, node: &NodeName) -> Result<PathBuf, ProviderError>;

    /// What a file in a node's data directory holds, by its path from there on.
    fn read_data(&self, node: &NodeName, path: &Path) -> Result<Vec<u8>, ProviderError>;

    /// Gives a file in a node's data directory this content, which a power failure leaves.
    fn write_data(&self, node: &NodeName, path: &Path, content: &[u8]) -> Result<(), ProviderError>;

    /// Writes a file that every process of the lab can read, that nobody outside can, and that vanishes with the lab: it is no
    /// evidence. Returns its path.
    fn write_secret(&self, file: &str, content: &str) -> Result<PathBuf, ProviderError>;

    /// The paths of all files and directories in a node's data directory, from there on.
    fn data_files(&self, node: &NodeName) -> Result<Vec<PathBuf>, ProviderError>;

    /// Empties the data directory of a node that is down.
    fn wipe(&self, node: &NodeName) -> Result<(), ProviderError>;

    /// Takes all the space that is left for a node's data, until [`Self::free_data`] gives it back.
    fn fill_data(&self, node: &NodeName) -> Result<(), ProviderError>;

    /// Gives back the space that [`Self::fill_data`] took; whether any was taken.
    fn free_data(&self, node: &NodeName) -> Result<bool, ProviderError>;

    /// How many bytes are left for a node's data.
    fn space_left(&self, node: &NodeName) -> Result<u64, ProviderError>;

    /// Starts a node's process with these arguments, in `/`: they must tell it where its data is. What it prints is appended to its
    /// log. An end as `expected` counts as expected, if any is.
    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        expected: Option<ExitCause>,
    ) -> BoxFuture<'a, Result<(), ProviderError>>;

    /// Sends a signal to a node's process; returns the instant just before.
    ///
    /// After SIGKILL, an end by that signal counts as expected, and after SIGTERM an exit with code 0. SIGSTOP and
    /// SIGCONT change the node's status.
    fn signal(&self, node: &NodeName, signal: Signal) -> Result<Instant, ProviderError>;

    /// The power of a node's host fails: every process of the node is killed, and its disk ([`Storage::caching`]) keeps what was
    /// synchronised. An end by SIGKILL counts as expected then. Waits at most 5 s until the processes are gone; while any is left
    /// the disk serves nobody.
    fn power_off<'a>(&'a self, node: &'a NodeName) -> BoxFuture<'a, Result<PowerFailure, ProviderError>>;

    /// From now on every `fsync` on a node's disk ([`Storage::caching`]) takes so much longer, until the next call. Returns how
    /// long the disk takes for one with nothing to write then.
    fn delay_fsync<'a>(&'a self, node: &'a NodeName, by: Duration) -> BoxFuture<'a, Result<Duration, ProviderError>>;

    /// How much longer every `fsync` on a node's disk takes by [`Self::delay_fsync`].
    fn fsync_delay(&self, node: &NodeName) -> Result<Duration, ProviderError>;

    /// Waits until the node's latest process has ended, which it may have already; returns how.
    fn exit<'a>(&'a self, node: &'a NodeName) -> BoxFuture<'a, Result<ExitCause, ProviderError>>;

    /// The state letter of the node's process, as in `ps`: `T` proves that it is paused. `None` if there is no process.
    ///
    /// Where the provider cannot have its own /proc (inside containers), every state other than `T` reads as `R`.
    fn process_state(&self, node: &NodeName) -> Option<char>;

    /// The status of every node's process, as it changes.
    fn status(&self) -> watch::Receiver<BTreeMap<NodeName, NodeStatus>>;

    /// The node's status now.
    fn status_of(&self, node: &NodeName) -> Result<NodeStatus, ProviderError> {
        let status = self.status().borrow().get(node).copied();
        status.ok_or_else(|| ProviderError::NoSuchNode(node.clone()))
    }

    /// The end of what a node's latest process logged, at most 64 KiB.
    fn log_tail(&self, node: &NodeName) -> Result<String, ProviderError>;

    /// A reader of how long the processes and the harness waited for a processor.
    fn wait_reader(&self) -> Box<dyn WaitReader>;

    /// A reader of what the whole machine uses and has left, and of what the hosts send to each other.
    fn usage_reader(&self) -> Box<dyn UsageReader>;

    /// Runs a program on a host to its end, or until that time has passed and it is killed; without standard input, and with these
    /// variables in its environment, and each node's address: for A `A`, which is host and port, `A_HOST` and `A_PORT`. One that is
    /// dropped before is killed.
    fn run_program<'a>(
        &'a self,
        host: &'a HostName,
        command: &'a [String],
        environment: &'a [(&'static str, OsString)],
        within: Duration,
    ) -> BoxFuture<'a, Result<ProgramEnd, ProviderError>>;

    /// Cuts links until `name` is healed. A probe passes each link before the change, unless it is cut already, and
    /// none passes after it.
    fn cut<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        by: CutBy,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// Cuts one port of the servers on links until `name` is healed: of what a link's sender sends, nothing passes to this
    /// port of the receiver, nor from this port of its own. Probes to and from the port pass before the change, unless it
    /// is cut already, and none after it, while one of another port still does.
    fn cut_port<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        port: ServerPort,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// Shapes links until `name` is healed. Of several shapes of a link, only the newest counts.
    fn shape<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        shape: LinkShape,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// Ends the cut or shape of this name; others on the same links stay in force.
    fn heal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// The names of the cuts and shapes in force, oldest first.
    fn link_changes_in_force(&self) -> Vec<String>;

    /// Which hosts reach each other.
    fn reach(&self) -> watch::Receiver<Reach>;

    /// Kills every process, waits at most 5 s until all are gone, and removes the data directories.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}

/// How a program ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramEnd {
    /// How.
    pub cause: ExitCause,
    /// Whether it ended by itself, before it had to be killed.
    pub in_time: bool,
    /// The processor time that it took.
    pub cpu: Duration,
    /// The end of what it printed, at most 64 KiB.
    pub printed: String,
}

/// Reads how long the threads of the loads, of the observer and of every server have waited for a processor.
pub trait WaitReader: Send {
    /// The waits since the last reading, without threads that did not exist then. `None` where they cannot be known.
    fn read(&mut self) -> Option<Waits>;
}

/// Reads what the whole machine uses.
pub trait UsageReader: Send {
    /// The figures now. What this machine does not tell is left out.
    fn read(&mut self) -> Figures;
}

/// What a provider needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To make hosts whose links can be cut, and to start and signal processes on them. Every scenario needs this.
    Hosts,
    /// To delay, limit, lose and damage packets.
    Shaping,
    /// Disks that forget what was not synchronised when the power fails, and can be slow.
    CachingDisks,
    /// To have so many files open in one process, such as connections.
    OpenFiles(u64),
}

/// Becomes a lab if this process was started as one; otherwise returns at once.
///
/// Must be the first call in `main()` of every binary that makes labs, before any thread exists, because a lab is the
/// same binary started again. In the lab it does not return: it calls `main` with the request, as process 1 of the
/// lab's namespaces, and exits with the code that `main` returns. When the process that made the lab dies, the lab ends
/// at once, with all servers.
pub fn enter_if_asked(main: fn(request: &str) -> u8) {
    containers::enter_if_asked();
    namespaces::enter_if_asked(main);
}

/// What the container engine of this machine is.
pub fn container_engine() -> Result<String, Missing> {
    containers::engine()
}
