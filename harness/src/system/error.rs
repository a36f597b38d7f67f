//! What can go wrong with a system of servers.

use crate::provider::{NotDone, ProviderError};
use crate::vocab::NodeName;

/// What went wrong with a system of servers, or with what they run on.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// The hosts and processes are not as they should be. Only [`ProviderError::NotDone`] is the server's doing.
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
    /// The fault needs to know which node it will replicate.
    #[error("{0} cannot join: no master is named")]
    NoMasterNamed(NodeName),
}

impl From<NotDone> for SystemError {
    fn from(not_done: NotDone) -> Self {
        Self::Provider(not_done.into())
    }
}
