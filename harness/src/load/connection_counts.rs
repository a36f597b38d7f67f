//! Counts what becomes of connections.

use std::cell::RefCell;
use std::collections::BTreeMap;

use crate::evidence::{ConnectionTotals, ErrorKind};

/// Counts what becomes of connections.
#[derive(Default)]
pub(crate) struct ConnectionCounts {
    totals: RefCell<ConnectionTotals>,
    /// The first words of each kind by which a server refused a client that had connected.
    refusals: RefCell<BTreeMap<ErrorKind, Vec<u8>>>,
}

impl ConnectionCounts {
    /// What became of them so far.
    pub(super) fn totals(&self) -> ConnectionTotals {
        self.totals.borrow().clone()
    }

    /// An attempt to connect has ended: in vain, if it failed.
    pub(super) fn opened(&self, failed: Option<ErrorKind>) {
        let mut totals = self.totals.borrow_mut();
        match failed {
            None => totals.opened += 1,
            Some(kind) => *totals.refused.entry(kind).or_default() += 1,
        }
    }

    /// What servers said to clients that they refused: the first words of each kind.
    pub(super) fn refusals(&self) -> BTreeMap<ErrorKind, Vec<u8>> {
        self.refusals.borrow().clone()
    }

    /// A server says why a client that had connected is of no use to it.
    pub(super) fn error_replied(&self, kind: ErrorKind, text: &[u8]) {
        self.refusals.borrow_mut().entry(kind).or_insert_with(|| text.to_owned());
    }

    /// The server refused a connection that the kernel had accepted for it.
    pub(super) fn refused_after_all(&self, kind: ErrorKind) {
        let mut totals = self.totals.borrow_mut();
        totals.opened = totals.opened.saturating_sub(1);
        *totals.refused.entry(kind).or_default() += 1;
    }

    /// The server or the network ended a connection.
    pub(super) fn lost(&self, kind: ErrorKind) {
        *self.totals.borrow_mut().lost.entry(kind).or_default() += 1;
    }

    /// A client ended a connection because of what did not come.
    pub(super) fn given_up(&self) {
        self.totals.borrow_mut().given_up += 1;
    }

    /// A client handed bytes to its socket.
    pub(super) fn sent(&self, bytes: usize) {
        self.totals.borrow_mut().bytes_sent += bytes as u64;
    }

    /// A client received bytes.
    pub(super) fn received(&self, bytes: usize) {
        self.totals.borrow_mut().bytes_received += bytes as u64;
    }
}
