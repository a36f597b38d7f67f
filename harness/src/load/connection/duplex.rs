//! A connection that sends and receives at the same time, so that requests need not wait for each other's replies.

use std::io::ErrorKind as IoErrorKind;
use std::task::{Context, Poll, ready};

use super::{Connection, ConnectionState, broken, is_refusal};
use crate::evidence::ErrorKind;
use crate::load::resp::Reply;

/// A connection that sends and receives at the same time. One task at a time may poll it.
pub(crate) struct DuplexConnection {
    connection: Connection,
    /// How much of what came in has been taken.
    taken: usize,
}

impl DuplexConnection {
    /// Takes over a connection on which nothing is under way.
    pub(crate) fn new(connection: Connection) -> Self {
        Self { connection, taken: 0 }
    }

    /// So many replies more are to come.
    pub(crate) fn expect(&mut self, replies: usize) {
        self.connection.owed += replies;
    }

    /// So many replies will never come, since what they were to answer was not sent.
    pub(crate) fn expect_no_more(&mut self, replies: usize) {
        self.connection.owed -= replies;
    }

    /// Nothing more can be sent, and nothing more has come.
    pub(crate) fn lost(&mut self, kind: ErrorKind) {
        self.connection.ended(kind);
    }

    /// Whether something waits to be sent, if only [`Self::poll_send`] is called with no bytes.
    pub(crate) fn wants_write(&self) -> bool {
        self.connection.transport.wants_write()
    }

    /// Hands over as many of the bytes as it takes now; waits if it takes none.
    pub(crate) fn poll_send(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize, ErrorKind>> {
        let Connection { transport, counts, .. } = &mut self.connection;
        loop {
            match transport.try_write(bytes) {
                Ok(written) => {
                    counts.sent(written);
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == IoErrorKind::WouldBlock => {
                    ready!(transport.poll_writable(context)).map_err(|error| broken(&error))?;
                }
                Err(error) => return Poll::Ready(Err(broken(&error))),
            }
        }
    }

    /// Gives the next reply to `take`. After an error there is no other; [`ErrorKind::MaxClients`] says that the server did not take
    /// the connection, and so executes nothing of what was sent.
    pub(crate) fn poll_reply<T>(
        &mut self,
        context: &mut Context<'_>,
        take: impl FnOnce(&Reply<'_>) -> T,
    ) -> Poll<Result<T, ErrorKind>> {
        loop {
            let connection = &mut self.connection;
            match Reply::parse(&connection.input[self.taken..connection.filled]) {
                // Nobody waits for it.
                Ok(Some((Reply::Push(_), used))) => self.taken += used,
                Ok(Some((reply, used))) => {
                    let first = connection.state == ConnectionState::Fresh;
                    if first && is_refusal(&reply) {
                        // It is told like a reply: the server's own words are kept.
                        take(&reply);
                        return Poll::Ready(Err(connection.refused(ErrorKind::MaxClients)));
                    }
                    // Whoever speaks unasked speaks of something else.
                    let Some(owed) = connection.owed.checked_sub(1) else { break };
                    let taken = take(&reply);
                    self.taken += used;
                    (connection.owed, connection.state) = (owed, ConnectionState::Open);
                    return Poll::Ready(Ok(taken));
                }
                // The beginning of something that nobody asked for.
                Ok(None) if connection.owed == 0 && self.taken < connection.filled => break,
                Ok(None) => {
                    let received = ready!(self.poll_receive(context));
                    received.inspect_err(|kind| self.connection.ended(*kind))?;
                }
                Err(_) => break,
            }
        }
        Poll::Ready(Err(ErrorKind::Protocol))
    }

    /// Adds what the server sent to the input: at least a byte.
    fn poll_receive(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ErrorKind>> {
        let connection = &mut self.connection;
        connection.input.copy_within(self.taken..connection.filled, 0);
        connection.filled -= std::mem::take(&mut self.taken);
        connection.make_room()?;
        let read = ready!(connection.transport.poll_read(context, &mut connection.input[connection.filled..]));
        Poll::Ready(connection.received(read))
    }
}
