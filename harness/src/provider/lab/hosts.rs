//! What a lab asks of whoever makes its hosts.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::path::PathBuf;

use futures_util::future::BoxFuture;
use nix::sys::signal::Signal;
use nix::unistd::Pid;

use crate::evidence::ExitCause;
use crate::provider::ProviderError;
use crate::vocab::NodeName;

/// Called when a server has ended.
pub(in crate::provider) type OnExit = Box<dyn FnOnce(ExitCause) + Send>;

/// The hosts of a lab's nodes, on which servers can be started.
pub(in crate::provider) trait NodeHosts: Send + Sync {
    /// Starts a node's server with these arguments; what it prints is appended to `log`. `born` is called with its id, as this
    /// process knows it, before `on_exit` can be.
    fn start<'a>(
        &'a self,
        node: &'a NodeName,
        arguments: &'a [OsString],
        log: File,
        born: Box<dyn FnOnce(Pid) + Send + 'a>,
        on_exit: OnExit,
    ) -> BoxFuture<'a, io::Result<Box<dyn ServerProcess>>>;

    /// See [`crate::provider::Provider::write_secret`].
    fn write_secret(&self, file: &str, content: &str) -> Result<PathBuf, ProviderError>;

    /// Removes the data of all nodes, whose processes have ended, and leaves the evidence to whoever started the lab.
    fn clean_up(&self);
}

/// A server's process, which may have ended.
pub(in crate::provider) trait ServerProcess: Send + Sync {
    /// Its id.
    fn pid(&self) -> Pid;

    /// Sends it a signal; `ESRCH` if it has ended. It cannot reach another process that has got the same id since.
    fn signal(&self, signal: Signal) -> nix::Result<()>;

    /// Kills it and all that it started and that stayed in its process group, which it leads; `ESRCH` if it has ended.
    fn kill_group(&self) -> nix::Result<()>;
}
