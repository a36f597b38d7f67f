//! What can go wrong with a system of servers.

use std::time::Duration;

use crate::provider::ProviderError;
use crate::vocab::NodeName;

/// What went wrong with a system of servers, or with what they run on. Only [`SystemError::NotDone`] is a server's doing.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The hosts and processes are not as they should be.
    #[error(transparent)]
    Provider(#[from] ProviderError),
    /// The system has no such node.
    #[error("the lab has no node {0}")]
    NoSuchNode(NodeName),
    /// A server did not take a command. Only joining gives any, again and again until its time is over.
    #[error("{node}: {command}: {reason}")]
    Command {
        /// The node that was asked.
        node: NodeName,
        /// The command.
        command: String,
        /// The error.
        reason: String,
    },
    /// The certificates of the run could not be made.
    #[error("the certificates of the run could not be made: {0}")]
    Certificates(#[from] rcgen::Error),
    /// The harness could not become a client that speaks TLS.
    #[error("the harness cannot speak TLS: {0}")]
    Tls(#[from] std::io::Error),
    /// A file of a server's data is not there, or not such that what a step does to it can be done.
    #[error("{node}: {reason}")]
    DataFile {
        /// The node.
        node: NodeName,
        /// What is wrong.
        reason: String,
    },
    /// A server did not do as it was told.
    #[error(transparent)]
    NotDone(#[from] NotDone),
    /// A step was to act on a node and acts on none.
    #[error("`{step}` does nothing to a node such as {node}")]
    NotAboutNodes {
        /// The step in words.
        step: String,
        /// The node.
        node: NodeName,
    },
}

/// A server did not do as it was told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{node} {reason}; its log ends:\n{log}")]
pub struct NotDone {
    /// The server's node.
    pub node: NodeName,
    /// What it did instead, as the rest of a sentence that begins with its name.
    pub reason: String,
    /// The time that it had; none if it failed whatever the time.
    pub within: Option<Duration>,
    /// The last lines of its log.
    pub log: String,
}
