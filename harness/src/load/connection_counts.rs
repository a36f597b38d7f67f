//! Counts what becomes of connections.

use std::cell::RefCell;

use crate::evidence::{ConnectionTotals, ErrorKind};

/// Counts what becomes of connections.
#[derive(Default)]
pub(crate) struct ConnectionCounts(RefCell<ConnectionTotals>);

impl ConnectionCounts {
    /// What became of them so far.
    pub(super) fn totals(&self) -> ConnectionTotals {
        self.0.borrow().clone()
    }

    /// An attempt to connect has ended: in vain, if it failed.
    pub(super) fn opened(&self, failed: Option<ErrorKind>) {
        let mut totals = self.0.borrow_mut();
        match failed {
            None => totals.opened += 1,
            Some(kind) => *totals.refused.entry(kind).or_default() += 1,
        }
    }

    /// The server ended a connection that the kernel had accepted for it.
    pub(super) fn refused_after_all(&self, kind: ErrorKind) {
        let mut totals = self.0.borrow_mut();
        totals.opened = totals.opened.saturating_sub(1);
        *totals.refused.entry(kind).or_default() += 1;
    }

    /// The server or the network ended a connection.
    pub(super) fn lost(&self, kind: ErrorKind) {
        *self.0.borrow_mut().lost.entry(kind).or_default() += 1;
    }

    /// A client ended a connection because of what did not come.
    pub(super) fn given_up(&self) {
        self.0.borrow_mut().given_up += 1;
    }

    /// A client handed bytes to its socket.
    pub(super) fn sent(&self, bytes: usize) {
        self.0.borrow_mut().bytes_sent += bytes as u64;
    }

    /// A client received bytes.
    pub(super) fn received(&self, bytes: usize) {
        self.0.borrow_mut().bytes_received += bytes as u64;
    }
}
