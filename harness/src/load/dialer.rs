//! How the clients of a load connect, and what becomes of their connections.

use std::io::{self, ErrorKind as IoErrorKind};
use std::rc::Rc;
use std::time::Instant;

use super::connection::{Connection, DeadlineTimer};
use super::connection_counts::ConnectionCounts;
use crate::evidence::{ConnectionTotals, ErrorKind};
use crate::network::ClientHost;
use crate::vocab::Address;

/// How clients on one thread connect.
pub(crate) struct Dialer {
    host: ClientHost,
    value_bytes_max: usize,
    counts: Rc<ConnectionCounts>,
}

impl Dialer {
    /// Connects from this host. Values that are read may be as large as `value_bytes_max`.
    pub(crate) fn new(host: ClientHost, value_bytes_max: usize) -> Self {
        Self { host, value_bytes_max, counts: Rc::default() }
    }

    /// Connects to a server, until that moment at the latest.
    pub(crate) async fn open(
        &self,
        address: Address,
        timer: &mut DeadlineTimer,
        until: Instant,
    ) -> Result<Connection, ErrorKind> {
        let opened = timer.until(until, self.connect(address)).await.unwrap_or(Err(ErrorKind::NotConnected));
        self.counts.opened(opened.as_ref().err().copied());
        opened
    }

    async fn connect(&self, address: Address) -> Result<Connection, ErrorKind> {
        let socket = self.host.tcp_socket().map_err(|_| ErrorKind::NotConnected)?;
        let stream = socket.connect(address.0.into()).await.map_err(|error| not_opened(&error))?;
        // Without it a request that follows another one quickly may wait for the other's acknowledgement.
        stream.set_nodelay(true).map_err(|_| ErrorKind::NotConnected)?;
        Ok(Connection::new(stream, self.value_bytes_max, Rc::clone(&self.counts)))
    }

    /// What became of the connections so far.
    pub(crate) fn totals(&self) -> ConnectionTotals {
        self.counts.totals()
    }
}

fn not_opened(error: &io::Error) -> ErrorKind {
    match error.kind() {
        IoErrorKind::ConnectionRefused => ErrorKind::Refused,
        // The last one: its link is rejected while it waits for an answer.
        IoErrorKind::HostUnreachable | IoErrorKind::NetworkUnreachable | IoErrorKind::ConnectionAborted => {
            ErrorKind::Unreachable
        }
        _ => ErrorKind::NotConnected,
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::the_server_is_gone(Errno::ECONNREFUSED, ErrorKind::Refused)]
    #[case::its_link_is_rejected(Errno::EHOSTUNREACH, ErrorKind::Unreachable)]
    #[case::no_network_leads_there(Errno::ENETUNREACH, ErrorKind::Unreachable)]
    #[case::its_link_is_rejected_meanwhile(Errno::ECONNABORTED, ErrorKind::Unreachable)]
    #[case::no_port_is_left(Errno::EADDRNOTAVAIL, ErrorKind::NotConnected)]
    fn why_a_connection_is_not_opened(#[case] said: Errno, #[case] kind: ErrorKind) {
        assert_eq!(not_opened(&said.into()), kind);
    }
}
