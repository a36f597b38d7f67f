//! What can go wrong in the lab.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{NetworkError, ServerError, ShapingError};
use crate::evidence::{ExitCause, NodeStatus};
use crate::vocab::{HostName, NodeName, Size};

/// What went wrong in the lab. None of it is the fault of Redis unless it says so.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// There is no server to run.
    #[error("{node}: {source}")]
    Server {
        /// The node.
        node: NodeName,
        /// Why.
        source: ServerError,
    },
    /// The hosts could not be made.
    #[error(transparent)]
    Network(#[from] NetworkError),
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
    /// A node's data directory cannot even hold its `nodes.conf`.
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
    /// The lab has no such client host.
    #[error("the lab has no client host {0}")]
    NoSuchClient(usize),
    /// The lab has no such host.
    #[error("the lab has no host {0}")]
    NoSuchHost(HostName),
    /// Two cuts or shapes cannot have the same name at the same time.
    #[error("the links are already disturbed by `{0}`: it must be healed before the name can be used again")]
    NameInForce(String),
    /// There is nothing to heal.
    #[error("cannot heal `{0}`: no cut and no shape of that name is in force")]
    NotInForce(String),
    /// The device that shapes could not be made.
    #[error(transparent)]
    Shaping(#[from] ShapingError),
    /// What was asked for needs the node in another state.
    #[error("cannot {doing} {node}: it is {status:?}")]
    WrongStatus {
        /// The node.
        node: NodeName,
        /// What was tried.
        doing: String,
        /// What it is instead.
        status: NodeStatus,
    },
    /// The server's program could not be executed.
    #[error("{node}: cannot start {binary}: {source}")]
    Spawn {
        /// The node.
        node: NodeName,
        /// The binary.
        binary: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The server ended before it answered.
    #[error("{node} ended with {cause} instead of starting; its log ends:\n{log}")]
    EndedAtStart {
        /// The node.
        node: NodeName,
        /// How it ended.
        cause: ExitCause,
        /// The last lines of its log.
        log: String,
    },
    /// The server runs but does not answer.
    #[error("{node} gave no answer within {} s; its log ends:\n{log}", within.as_secs())]
    NotAnswering {
        /// The node.
        node: NodeName,
        /// The bound.
        within: Duration,
        /// The last lines of its log.
        log: String,
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
    /// The server did not end in time.
    #[error("{node} did not end within {} s", within.as_secs())]
    StillRunning {
        /// The node.
        node: NodeName,
        /// The bound.
        within: Duration,
    },
    /// A server did not do what it was told.
    #[error("{node}: {command}: {reason}")]
    Command {
        /// The node that was asked.
        node: NodeName,
        /// The command.
        command: String,
        /// The error.
        reason: String,
    },
    /// The cluster did not take the newcomer up in time.
    #[error("{node} did not join as a replica of {master} within {} s: {last_state}", within.as_secs())]
    NotJoined {
        /// The newcomer.
        node: NodeName,
        /// Whom it was to replicate.
        master: NodeName,
        /// The bound.
        within: Duration,
        /// What was still missing.
        last_state: String,
    },
    /// The fault needs to know whom the node shall replicate.
    #[error("{0} cannot join: no master is named")]
    NoMasterNamed(NodeName),
}

/// Makes an [`io::Error`] a [`LabError::File`].
pub(super) fn file(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> LabError {
    let path = path.into();
    move |source| LabError::File { doing, path, source }
}
