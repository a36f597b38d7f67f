//! What can go wrong with hosts and processes.

use std::io;
use std::path::PathBuf;

use nix::sys::signal::Signal;

use super::{ImageError, ServerError};
use crate::evidence::NodeStatus;
use crate::network::LinksError;
use crate::vocab::{HostName, Missing, NodeName, Size};

/// What went wrong with hosts or processes. The machine, the harness or the scenario is to blame, never a server.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// There is no server to run.
    #[error("{node}: {source}")]
    Server {
        /// The node.
        node: NodeName,
        /// Why.
        source: ServerError,
    },
    /// There is no image to run.
    #[error("{node}: {source}")]
    Image {
        /// The node.
        node: NodeName,
        /// Why.
        source: ImageError,
    },
    /// The container engine does not answer.
    #[error(transparent)]
    Engine(Missing),
    /// The hosts could not be made, or their links could not be changed.
    #[error(transparent)]
    Links(#[from] LinksError),
    /// A file or a directory could not be made.
    #[error("cannot {doing} {path}: {source}")]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A node's data directory is too small for the files that it starts with.
    #[error("{node}: its storage of {storage} is too small for the cluster's configuration: {source}")]
    Storage {
        /// The node.
        node: NodeName,
        /// The size that the scenario gives it.
        storage: Size,
        /// Why.
        source: io::Error,
    },
    /// The lab has no such node.
    #[error("the lab has no node {0}")]
    NoSuchNode(NodeName),
    /// The node is in the wrong state for what was asked.
    #[error("cannot {doing} {node}: it is {status:?}")]
    WrongStatus {
        /// The node.
        node: NodeName,
        /// What was tried.
        doing: String,
        /// Its state.
        status: NodeStatus,
    },
    /// What only a disk with a cache can do was asked of a lab without such disks.
    #[error("the disk of {0} has no cache that could be lost or slow")]
    NoCache(NodeName),
    /// The server's program could not be executed.
    #[error("{node}: cannot start {program}: {source}")]
    Spawn {
        /// The node.
        node: NodeName,
        /// What it runs.
        program: String,
        /// Why.
        source: io::Error,
    },
    /// A program could not be run on a host.
    #[error("cannot run `{program}` on {host}: {source}")]
    Program {
        /// The program.
        program: String,
        /// The host.
        host: HostName,
        /// Why.
        source: io::Error,
    },
    /// A signal could not be sent.
    #[error("cannot send {signal} to {node}: {source}")]
    Signal {
        /// The node.
        node: NodeName,
        /// The signal.
        signal: Signal,
        /// Why.
        source: io::Error,
    },
}

/// Turns an [`io::Error`] into a [`ProviderError::File`].
pub(crate) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> ProviderError {
    let path = path.into();
    move |source| ProviderError::File { doing, path, source }
}
