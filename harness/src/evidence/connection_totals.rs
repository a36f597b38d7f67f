//! What became of a load's connections.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::ErrorKind;

/// What became of a load's connections, as its clients saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionTotals {
    /// Connections that could be used, those that only ask who owns what among them.
    pub opened: u64,
    /// Attempts to connect that failed, by why.
    pub refused: BTreeMap<ErrorKind, u64>,
    /// Connections that a server or the network ended, by how a client noticed. One that nobody uses any more may have ended
    /// unnoticed.
    pub lost: BTreeMap<ErrorKind, u64>,
    /// Connections that a client reset, because a reply did not come in time or could not be understood.
    pub given_up: u64,
    /// Bytes that clients handed to their sockets, without what TLS adds.
    pub bytes_sent: u64,
    /// Bytes that clients received, likewise.
    pub bytes_received: u64,
}

impl ConnectionTotals {
    /// Adds those of other clients of the load.
    pub fn add(&mut self, other: &Self) {
        let Self { opened, refused, lost, given_up, bytes_sent, bytes_received } = self;
        *opened += other.opened;
        *given_up += other.given_up;
        *bytes_sent += other.bytes_sent;
        *bytes_received += other.bytes_received;
        for (of_all, own) in [(refused, &other.refused), (lost, &other.lost)] {
            for (kind, number) in own {
                *of_all.entry(*kind).or_default() += number;
            }
        }
    }
}
