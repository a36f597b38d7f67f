//! One connection to a server: commands out, replies in, bounded in time and memory.

mod duplex;

use std::future::{Future, poll_fn};
use std::io::{self, ErrorKind as IoErrorKind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::Poll;

use tokio::time::{Instant as TokioInstant, Sleep, sleep_until};

use super::connection_counts::ConnectionCounts;
use super::op::error_kind;
use super::resp::Reply;
use super::transport::Transport;
use crate::evidence::ErrorKind;

pub(crate) use duplex::DuplexConnection;

const INPUT_BYTES_MIN: usize = 4 * 1024;

/// What replies may take beside the values that the load itself writes: `CLUSTER SLOTS` of a large cluster.
const INPUT_BYTES_SPARE: usize = 1024 * 1024;

/// A connection with at most one exchange at a time.
pub(crate) struct Connection {
    transport: Transport,
    input: Vec<u8>,
    /// Where the bytes that came in end.
    filled: usize,
    input_bytes_max: usize,
    /// How many bytes of its request the last exchange handed to the socket.
    handed_over_bytes: usize,
    /// How many replies of the last exchange are still to come.
    owed: usize,
    state: ConnectionState,
    counts: Rc<ConnectionCounts>,
}

/// Which reply of an exchange it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ReplyPlace {
    /// How many came before it.
    pub(crate) nth: usize,
    /// Whether it was read together with the one before.
    pub(crate) with_before: bool,
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ConnectionState {
    /// The kernel has accepted it for the server, which has said nothing yet.
    Fresh,
    /// The server speaks.
    Open,
    /// The server or the network has ended it.
    Ended,
}

impl Connection {
    /// A connection on this transport. Values that are read may be as large as `value_bytes_max`.
    pub(super) fn new(transport: Transport, value_bytes_max: usize, counts: Rc<ConnectionCounts>) -> Self {
        let input_bytes_max = value_bytes_max.saturating_add(INPUT_BYTES_SPARE);
        let input = vec![0; INPUT_BYTES_MIN];
        let (filled, handed_over_bytes, owed, state) = (0, 0, 0, ConnectionState::Fresh);
        Self { transport, input, filled, input_bytes_max, handed_over_bytes, owed, state, counts }
    }

    /// Whether the connection can take a request: no reply is owed, nothing came unasked, it is not known to be closed.
    ///
    /// A server that died while the connection was idle is noticed here, before a request is wasted on it.
    pub(crate) fn is_usable(&mut self) -> bool {
        if self.state == ConnectionState::Ended {
            return false;
        }
        match self.transport.try_read(&mut [0; 1]) {
            Ok(0) => self.ended(ErrorKind::Closed),
            Err(error) if error.kind() == IoErrorKind::WouldBlock => return self.owed == 0 && self.filled == 0,
            Err(error) => self.ended(broken(&error)),
            Ok(_) => {}
        }
        false
    }

    /// Waits until it cannot be used any more, while nothing is asked.
    pub(crate) async fn end_of_idle(&mut self) {
        while self.is_usable() {
            if self.transport.readable().await.is_err() {
                return;
            }
        }
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
        mut on_reply: impl FnMut(ReplyPlace, &Reply<'_>),
    ) -> Result<(), ErrorKind> {
        self.handed_over_bytes = 0;
        self.owed = replies;
        // A server that refuses a connection says why before it closes it, whether or not it has read anything.
        let sent = self.send(request).await;
        let (mut parsed, mut with_before) = (0, false);
        while self.owed > 0 {
            match Reply::parse(&self.input[parsed..self.filled]) {
                // Nobody waits for it.
                Ok(Some((Reply::Push(_), used))) => parsed += used,
                Ok(Some((reply, used))) => {
                    let first = std::mem::replace(&mut self.state, ConnectionState::Open) == ConnectionState::Fresh;
                    let refused = first && is_refusal(&reply);
                    on_reply(ReplyPlace { nth: replies - self.owed, with_before }, &reply);
                    with_before = true;
                    if refused {
                        return Err(self.refused(ErrorKind::MaxClients));
                    }
                    self.owed -= 1;
                    parsed += used;
                }
                Ok(None) => {
                    self.input.copy_within(parsed..self.filled, 0);
                    self.filled -= parsed;
                    parsed = 0;
                    let received = self.receive().await;
                    sent.and(received).inspect_err(|kind| self.ended(*kind))?;
                    with_before = false;
                }
                Err(_) => return Err(ErrorKind::Protocol),
            }
        }
        self.filled -= parsed;
        Ok(())
    }

    /// Sends a request whose replies are heard like everything else that comes: for a connection on which the server speaks unasked.
    pub(crate) async fn say(&mut self, request: &[u8]) -> Result<(), ErrorKind> {
        self.send(request).await.inspect_err(|kind| self.ended(*kind))
    }

    /// Says something that the server must answer: until anything comes, a reply is owed.
    pub(crate) async fn ask(&mut self, request: &[u8]) -> Result<(), ErrorKind> {
        self.owed = 1;
        self.say(request).await
    }

    /// Waits until the server says something, and gives all that it has said in full to `on_word`.
    pub(crate) async fn hear(&mut self, mut on_word: impl FnMut(&Reply<'_>)) -> Result<(), ErrorKind> {
        self.receive().await.inspect_err(|kind| self.ended(*kind))?;
        self.owed = 0;
        let mut parsed = 0;
        loop {
            match Reply::parse(&self.input[parsed..self.filled]) {
                Ok(Some((word, used))) => {
                    on_word(&word);
                    parsed += used;
                }
                Ok(None) => break,
                Err(_) => return Err(ErrorKind::Protocol),
            }
        }
        self.input.copy_within(parsed..self.filled, 0);
        self.filled -= parsed;
        Ok(())
    }

    /// The server did not take it after all, so nothing that was sent is executed.
    fn refused(&mut self, kind: ErrorKind) -> ErrorKind {
        self.state = ConnectionState::Ended;
        self.handed_over_bytes = 0;
        self.counts.refused_after_all(kind);
        kind
    }

    fn ended(&mut self, kind: ErrorKind) {
        // What was received was no whole reply, or more than a reply may be: the client is who ends it.
        if kind != ErrorKind::Protocol {
            self.state = ConnectionState::Ended;
            self.counts.lost(kind);
        }
    }

    async fn send(&mut self, mut request: &[u8]) -> Result<(), ErrorKind> {
        while !request.is_empty() || self.transport.wants_write() {
            match self.transport.try_write(request) {
                Ok(written) => {
                    self.handed_over_bytes += written;
                    self.counts.sent(written);
                    request = &request[written..];
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                    self.transport.writable().await.map_err(|error| broken(&error))?;
                }
                Err(error) => return Err(broken(&error)),
            }
        }
        Ok(())
    }

    /// Adds what the server sent to the input: at least a byte.
    async fn receive(&mut self) -> Result<(), ErrorKind> {
        self.make_room()?;
        let read = self.transport.read(&mut self.input[self.filled..]).await;
        self.received(read)
    }

    /// Makes room for more input, if there may be more.
    fn make_room(&mut self) -> Result<(), ErrorKind> {
        if self.filled == self.input.len() {
            let larger = (self.input.len() * 2).min(self.input_bytes_max);
            if larger <= self.filled {
                return Err(ErrorKind::Protocol);
            }
            self.input.resize(larger, 0);
        }
        Ok(())
    }

    /// Takes what was read behind the input.
    fn received(&mut self, read: io::Result<usize>) -> Result<(), ErrorKind> {
        match read {
            Ok(0) => Err(ErrorKind::Closed),
            Ok(read) => {
                self.filled += read;
                self.counts.received(read);
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
        if self.owed == 0 {
            return self.transport.close();
        }
        self.transport.reset_on_drop();
        if self.state != ConnectionState::Ended {
            self.counts.given_up();
        }
    }
}

/// Whether a server says that it takes no more connections (Redis `networking.c`, `acceptCommonHandler`).
fn is_refusal(reply: &Reply<'_>) -> bool {
    matches!(reply, Reply::Error(text) if error_kind(text) == ErrorKind::MaxClients)
}

/// What ended a connection that was open. When its link is rejected, that is `ECONNABORTED`: a reset like others.
pub(super) fn broken(error: &io::Error) -> ErrorKind {
    match error.kind() {
        IoErrorKind::BrokenPipe => ErrorKind::Closed,
        IoErrorKind::TimedOut => ErrorKind::TimedOut,
        IoErrorKind::InvalidData => ErrorKind::Tls,
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
    #[case::the_server_died(Errno::ECONNRESET, ErrorKind::Reset)]
    #[case::its_link_is_rejected(Errno::ECONNABORTED, ErrorKind::Reset)]
    #[case::closed_before(Errno::EPIPE, ErrorKind::Closed)]
    #[case::unacknowledged(Errno::ETIMEDOUT, ErrorKind::TimedOut)]
    fn what_ended_an_open_connection(#[case] said: Errno, #[case] kind: ErrorKind) {
        assert_eq!(broken(&said.into()), kind);
    }
}
