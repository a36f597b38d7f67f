//! The port to whatever provides a run's hosts and processes. Implementations are rooms of their own below this one;
//! everybody else holds a [`Provider`].
//!
//! A provider knows hosts, links, processes, their files and their logs. What the processes are, and what they say to
//! each other, is the system's.

mod error;
mod namespaces;
mod server;
mod spec;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use tokio::sync::watch;

use crate::evidence::{ExitCause, Journal, NodeStatus, Reach, RunDirectory, Waits};
use crate::network::{ChangedLinks, ClientHost};
use crate::vocab::{CutBy, HostName, Instant, Link, Missing, NodeName, Shape, Size};

pub use crate::network::host_address;
pub use error::ProviderError;
pub(crate) use error::file;
pub use namespaces::{Sandbox, SandboxError, Stopper, audit, cancelled, enter_if_asked};
pub(crate) use server::{BoundedChild, run_bounded};
pub use server::{Product, SERVER_VARIABLE, ServerBinary, ServerError, ServerVersion, named_server};
pub use spec::{ClientSpec, ServerSpec};

/// Hosts, the links between them, and the processes on them, for one run.
///
/// Every node has a host of its own, of the node's name, and runs one process at a time.
pub trait Provider: Send + Sync {
    /// Now, on the run's clock.
    fn now(&self) -> Instant;

    /// A host by its name, to make sockets on: that of a client, or the one that a node runs on.
    fn host(&self, name: &HostName) -> Result<ClientHost, ProviderError>;

    /// The program that a node runs.
    fn binary(&self, node: &NodeName) -> Result<&ServerBinary, ProviderError>;

    /// The directory that a node's process finds its data in, by the name that it has there.
    fn data_directory(&self, node: &NodeName) -> Result<PathBuf, ProviderError>;

    /// Writes a file of this name to a node's data directory.
    fn write_data(&self, node: &NodeName, file: &str, content: &str) -> Result<(), ProviderError>;

    /// The names of the files in a node's data directory.
    fn data_files(&self, node: &NodeName) -> Result<Vec<PathBuf>, ProviderError>;

    /// Empties the data directory of a node that is down.
    fn wipe(&self, node: &NodeName) -> Result<(), ProviderError>;

    /// Starts a node's process with these arguments, in its data directory. What it prints is added to its log.
    fn start(&self, node: &NodeName, arguments: &[OsString]) -> Result<(), ProviderError>;

    /// Sends a signal to a node's process; returns the instant just before.
    ///
    /// After SIGKILL, death by it counts as expected, and after SIGTERM the exit code 0; SIGSTOP and SIGCONT change the node's
    /// status.
    fn signal(&self, node: &NodeName, signal: Signal) -> Result<Instant, ProviderError>;

    /// Waits until the node's latest process has ended; says how, also when it ended before.
    fn exit<'a>(&'a self, node: &'a NodeName) -> BoxFuture<'a, Result<ExitCause, ProviderError>>;

    /// The state letter of the node's process: `T` proves that it is paused. `None`: there is no process.
    ///
    /// Where the lab could not mount a /proc of its own (in containers), all states but `T` read `R`.
    fn process_state(&self, node: &NodeName) -> Option<char>;

    /// What is known of every node's process, as it changes.
    fn status(&self) -> watch::Receiver<BTreeMap<NodeName, NodeStatus>>;

    /// The node's status now.
    fn status_of(&self, node: &NodeName) -> Result<NodeStatus, ProviderError>;

    /// The last lines that a node's latest process logged; empty when there is no such node.
    fn last_log_lines(&self, node: &NodeName, count: usize) -> String;

    /// Reads how long the servers and this process waited for a processor.
    fn wait_reader(&self) -> Box<dyn WaitReader>;

    /// Cuts links until `name` is healed. Each was seen to let a packet pass before, unless it is cut already, and is seen to
    /// let none pass after.
    fn cut<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        by: CutBy,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// Shapes links until `name` is healed. Of several shapes of a link, the newest counts alone.
    fn shape<'a>(
        &'a self,
        name: &'a str,
        links: &'a BTreeSet<Link>,
        shape: Shape,
    ) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// Ends the cut or the shape of that name. What others do to the same links stays.
    fn heal<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<ChangedLinks, ProviderError>>;

    /// The names of the cuts and shapes in force, the oldest first.
    fn link_changes_in_force(&self) -> Vec<String>;

    /// Who can reach whom.
    fn reach(&self) -> watch::Receiver<Reach>;

    /// Kills every process, waits until all are gone (at most 5 s) and removes the data directories.
    fn shutdown(&self) -> BoxFuture<'_, ()>;
}

/// Reads how long the threads of the loads, of the observer and of every server have waited for a processor.
pub trait WaitReader: Send {
    /// What was waited since the last reading; nothing of threads that were not there then. None where that cannot be known.
    fn read(&mut self) -> Option<Waits>;
}

/// Makes the hosts and the data directories of a run, and starts no process.
///
/// `clients` are the hosts beside those of the servers, which have their nodes' names. Each node may store `storage`. What
/// shapes of links draw is drawn from `seed`. What the nodes log goes to `directory`; what they store goes to memory that
/// vanishes with the lab.
pub async fn raise(
    servers: &[ServerSpec],
    clients: &[ClientSpec],
    storage: Size,
    seed: u64,
    directory: &RunDirectory,
    journal: Journal,
) -> Result<Arc<dyn Provider>, ProviderError> {
    let lab = namespaces::NamespaceProvider::raise(servers, clients, storage, seed, directory, journal).await?;
    Ok(Arc::new(lab))
}

/// What a provider needs of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// To make hosts and links that can be cut, and to start and signal processes on them. Every scenario needs that.
    Hosts,
    /// To delay, limit, lose and spoil packets.
    Shaping,
}

/// Whether this machine has what is needed, found out by trying it once (about 30 ms); the answer is kept.
///
/// Without hosts nothing else can be tried: the error is that of [`Need::Hosts`] then. A binary whose `main()` does not
/// begin with [`enter_if_asked`] has none, and is told so.
pub fn check(need: Need) -> Result<(), Missing> {
    match need {
        Need::Hosts => namespaces::probe(),
        Need::Shaping => namespaces::probe_shaping(),
    }
}
