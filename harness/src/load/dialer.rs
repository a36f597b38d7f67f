//! How the clients of a load connect, and what becomes of their connections.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind as IoErrorKind};
use std::rc::Rc;
use std::time::Instant;

use super::connection::{Connection, DeadlineTimer, broken};
use super::connection_counts::ConnectionCounts;
use super::hello::Hello;
use super::op::error_kind;
use super::resp::Reply;
use super::transport::Transport;
use crate::evidence::{ConnectionTotals, ErrorKind};
use crate::network::ClientHost;
use crate::system::TlsClient;
use crate::vocab::Address;

/// How clients on one thread connect.
pub(crate) struct Dialer {
    host: ClientHost,
    value_bytes_max: usize,
    hello: Hello,
    /// How it speaks TLS; plain TCP if none.
    tls: Option<TlsClient>,
    counts: Rc<ConnectionCounts>,
}

impl Dialer {
    /// Connects from this host, speaks TLS if it is told how, and says hello. Values that are read may be as large as
    /// `value_bytes_max`.
    pub(crate) fn new(host: ClientHost, tls: Option<TlsClient>, hello: Hello, value_bytes_max: usize) -> Self {
        Self { host, value_bytes_max, hello, tls, counts: Rc::default() }
    }

    /// Connects likewise, to say something else first. Both count together.
    pub(crate) fn saying(&self, hello: Hello) -> Self {
        let (host, tls, counts) = (self.host.clone(), self.tls.clone(), Rc::clone(&self.counts));
        Self { host, value_bytes_max: self.value_bytes_max, hello, tls, counts }
    }

    /// Connects likewise, from another host.
    pub(crate) fn on(self, host: ClientHost) -> Self {
        Self { host, ..self }
    }

    /// Connects to a server, until that moment at the latest.
    pub(crate) async fn open(
        &self,
        address: Address,
        timer: &mut DeadlineTimer,
        until: Instant,
    ) -> Result<Connection, ErrorKind> {
        let connected = timer.until(until, self.connect(address)).await.unwrap_or(Err(ErrorKind::NotConnected));
        self.counts.opened(connected.as_ref().err().copied());
        let mut connection = connected?;
        if self.hello.replies > 0 {
            self.greet(&mut connection, timer, until).await?;
        }
        Ok(connection)
    }

    /// Says what is to be said first. A client whom the server wants nothing to do with was refused.
    async fn greet(
        &self,
        connection: &mut Connection,
        timer: &mut DeadlineTimer,
        until: Instant,
    ) -> Result<(), ErrorKind> {
        let mut refusal = None;
        let greeting = connection.exchange(&self.hello.request, self.hello.replies, |place, reply| {
            let refused = match reply {
                Reply::Error(text) => Some((error_kind(text), text.to_vec())),
                _ if self.hello.role == Some(place.nth) => no_master(reply),
                _ => None,
            };
            refusal = refusal.take().or(refused);
        });
        let greeted = timer.until(until, greeting).await.unwrap_or(Err(ErrorKind::NotConnected));
        let Some((kind, text)) = refusal else { return greeted };
        self.counts.error_replied(kind, &text);
        if kind != ErrorKind::MaxClients {
            self.counts.refused_after_all(kind);
        }
        Err(kind)
    }

    async fn connect(&self, address: Address) -> Result<Connection, ErrorKind> {
        let socket = self.host.tcp_socket().map_err(|_| ErrorKind::NotConnected)?;
        let stream = socket.connect(address.0.into()).await.map_err(|error| not_opened(&error))?;
        // Without it a request that follows another one quickly may wait for the other's acknowledgement.
        stream.set_nodelay(true).map_err(|_| ErrorKind::NotConnected)?;
        let transport = match &self.tls {
            None => Transport::Plain(stream),
            Some(tls) => {
                let speaking = tls.handshake(address.ip(), stream).await;
                Transport::tls(speaking.map_err(|error| self.no_tls(&error))?)
            }
        };
        Ok(Connection::new(transport, self.value_bytes_max, Rc::clone(&self.counts)))
    }

    /// Why there is no TLS with a server that took the connection.
    fn no_tls(&self, error: &io::Error) -> ErrorKind {
        let kind = broken(error);
        if kind == ErrorKind::Tls {
            self.counts.error_replied(kind, error.to_string().as_bytes());
        }
        kind
    }

    /// What servers said to clients that they refused: the first words of each kind.
    pub(crate) fn refusals(&self) -> BTreeMap<ErrorKind, Vec<u8>> {
        self.counts.refusals()
    }

    /// What became of the connections so far.
    pub(crate) fn totals(&self) -> ConnectionTotals {
        self.counts.totals()
    }
}

/// What a node says of its role that is no master; none if it is one. The reply to `ROLE` begins with it.
fn no_master(reply: &Reply<'_>) -> Option<(ErrorKind, Vec<u8>)> {
    let role: &[u8] = match reply {
        Reply::Array(words) => words.first().map_or(b"", |word| if let Reply::Bulk(role) = word { role } else { b"" }),
        _ => b"",
    };
    (role != b"master").then(|| (ErrorKind::NotMaster, [b"it is a ", role].concat()))
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

    #[rstest]
    #[case::a_master("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n", None)]
    #[case::a_replica("*2\r\n$5\r\nslave\r\n$10\r\n10.128.0.2\r\n", Some("it is a slave"))]
    #[case::a_sentinel("*1\r\n$8\r\nsentinel\r\n", Some("it is a sentinel"))]
    #[case::something_else("+OK\r\n", Some("it is a "))]
    fn who_is_no_master(#[case] reply: &str, #[case] says: Option<&str>) {
        let (reply, _) = Reply::parse(reply.as_bytes()).unwrap().unwrap();
        let refusal = says.map(|says| (ErrorKind::NotMaster, says.as_bytes().to_vec()));
        assert_eq!(no_master(&reply), refusal);
    }
}
