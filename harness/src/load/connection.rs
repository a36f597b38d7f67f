//! One connection to a server: commands out, replies in, bounded in time and memory.

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind as IoErrorKind};
use std::pin::{Pin, pin};
use std::task::Poll;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};

use super::resp::Reply;
use crate::evidence::ErrorKind;
use crate::network::ClientHost;
use crate::vocab::Address;

const INPUT_BYTES_MIN: usize = 4 * 1024;

/// What replies may take beside the values that the load itself writes: `CLUSTER SLOTS` of a large cluster.
const INPUT_BYTES_SPARE: usize = 1024 * 1024;

/// A connection with at most one exchange at a time.
pub(crate) struct Connection {
    stream: TcpStream,
    input: Vec<u8>,
    /// Where the bytes that came in end.
    filled: usize,
    input_bytes_max: usize,
    /// How many bytes of its request the last exchange handed to the socket.
    handed_over_bytes: usize,
    /// How many replies of the last exchange are still to come.
    owed: usize,
}

impl Connection {
    /// Connects. Values that are read may be as large as `value_bytes_max`.
    ///
    /// Unbounded in time: the caller limits it.
    pub(crate) async fn open(host: &ClientHost, address: Address, value_bytes_max: usize) -> Result<Self, ErrorKind> {
        let socket = host.tcp_socket().map_err(|_| ErrorKind::NotConnected)?;
        let stream = socket.connect(address.0.into()).await.map_err(|error| not_opened(&error))?;
        // Without it a request that follows another one quickly may wait for the other's acknowledgement.
        stream.set_nodelay(true).map_err(|_| ErrorKind::NotConnected)?;
        let input_bytes_max = value_bytes_max.saturating_add(INPUT_BYTES_SPARE);
        let input = vec![0; INPUT_BYTES_MIN];
        Ok(Self { stream, input, filled: 0, input_bytes_max, handed_over_bytes: 0, owed: 0 })
    }

    /// Whether the connection can take a request: no reply is owed, nothing came unasked, it is not known to be closed.
    ///
    /// A server that died while the connection was idle is noticed here, before a request is wasted on it.
    pub(crate) fn is_usable(&self) -> bool {
        let unasked = self.stream.try_read(&mut [0; 1]);
        self.owed == 0 && self.filled == 0 && unasked.is_err_and(|error| error.kind() == IoErrorKind::WouldBlock)
    }

    /// How many bytes of the last request may have reached the server.
    pub(crate) fn handed_over_bytes(&self) -> usize {
        self.handed_over_bytes
    }

    /// Sends the request and gives its replies to `on_reply` as they come in. After an error, or when it is dropped
    /// before it is done, the connection is not usable any more.
    pub(crate) async fn exchange(
        &mut self,
        request: &[u8],
        replies: usize,
        mut on_reply: impl FnMut(usize, &Reply<'_>),
    ) -> Result<(), ErrorKind> {
        self.handed_over_bytes = 0;
        self.owed = replies;
        self.send(request).await?;
        let mut parsed = 0;
        while self.owed > 0 {
            match Reply::parse(&self.input[parsed..self.filled]) {
                Ok(Some((reply, used))) => {
                    on_reply(replies - self.owed, &reply);
                    self.owed -= 1;
                    parsed += used;
                }
                Ok(None) => {
                    self.input.copy_within(parsed..self.filled, 0);
                    self.filled -= parsed;
                    parsed = 0;
                    self.receive().await?;
                }
                Err(_) => return Err(ErrorKind::Protocol),
            }
        }
        self.filled -= parsed;
        Ok(())
    }

    async fn send(&mut self, mut request: &[u8]) -> Result<(), ErrorKind> {
        while !request.is_empty() {
            match self.stream.try_write(request) {
                Ok(written) => {
                    self.handed_over_bytes += written;
                    request = &request[written..];
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                    self.stream.writable().await.map_err(|error| broken(&error))?;
                }
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(())
    }

    /// Adds what the server sent to the input: at least a byte.
    async fn receive(&mut self) -> Result<(), ErrorKind> {
        if self.filled == self.input.len() {
            let larger = (self.input.len() * 2).min(self.input_bytes_max);
            if larger <= self.filled {
                return Err(ErrorKind::Protocol);
            }
            self.input.resize(larger, 0);
        }
        // Not `try_read`: this one knows that a short read emptied the socket, and saves the call that would find out.
        match self.stream.read(&mut self.input[self.filled..]).await {
            Ok(0) => Err(ErrorKind::Closed),
            Ok(read) => {
                self.filled += read;
                Ok(())
            }
            Err(error) => Err(broken(&error)),
        }
    }
}

impl Drop for Connection {
    /// A client that gives up on a reply resets the connection: an orderly close would leave it to the kernel to deliver the
    /// request, and a cut that is healed seconds later would let it take effect after all that the client did since.
    fn drop(&mut self) {
        if self.owed > 0 {
            let _ = self.stream.set_zero_linger();
        }
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

/// What ended a connection that was open. When its link is rejected, that is `ECONNABORTED`: a reset like others.
fn broken(error: &io::Error) -> ErrorKind {
    match error.kind() {
        IoErrorKind::BrokenPipe => ErrorKind::Closed,
        IoErrorKind::TimedOut => ErrorKind::TimedOut,
        _ => ErrorKind::Reset,
    }
}

/// Runs one future after the other, each up to a deadline. They share one timer: resetting a timer is cheaper than making one.
pub(crate) struct DeadlineTimer(Pin<Box<Sleep>>);

impl DeadlineTimer {
    /// A timer of the current runtime.
    pub(crate) fn new() -> Self {
        Self(Box::pin(sleep_until(TokioInstant::now())))
    }

    /// The future's output, or `None` if it is not ready by then.
    pub(crate) async fn until<F: Future>(&mut self, at: std::time::Instant, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut armed = false;
        poll_fn(|context| {
            if let Poll::Ready(output) = future.as_mut().poll(context) {
                return Poll::Ready(Some(output));
            }
            if !armed {
                self.0.as_mut().reset(at.into());
                armed = true;
            }
            self.0.as_mut().poll(context).map(|()| None)
        })
        .await
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
    #[case::the_server_died(Errno::ECONNRESET, ErrorKind::Reset)]
    #[case::its_link_is_rejected(Errno::ECONNABORTED, ErrorKind::Reset)]
    #[case::closed_before(Errno::EPIPE, ErrorKind::Closed)]
    #[case::unacknowledged(Errno::ETIMEDOUT, ErrorKind::TimedOut)]
    fn what_ended_an_open_connection(#[case] said: Errno, #[case] kind: ErrorKind) {
        assert_eq!(broken(&said.into()), kind);
    }
}
