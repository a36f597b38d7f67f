//! A connection that several workers use together: their requests are sent one after the other without waiting, and the replies
//! come in the same order.
//!
//! It has no task of its own. The worker whose reply is next drives it: it sends what all have added, and takes replies until its
//! own are there; then it is the next one's turn. So each reply is understood before another is looked at.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll, Waker, ready};

use super::{Interrupted, NodeRequest};
use crate::evidence::ErrorKind;
use crate::load::connection::{Connection, DeadlineTimer, DuplexConnection};
use crate::load::resp::Reply;

/// A connection that several workers use together.
pub(super) struct SharedLine(RefCell<LineState>);

struct LineState {
    /// The connection, or why it ended.
    connection: Result<DuplexConnection, ErrorKind>,
    /// What is to be sent: the last of all bytes that were added.
    outgoing: Vec<u8>,
    /// How many bytes have been handed to the socket.
    handed_over: usize,
    /// Whose replies are to come, in their order.
    under_way: VecDeque<UnderWay>,
    /// How many requests were added.
    added: u64,
}

/// A request whose replies are to come.
struct UnderWay {
    id: u64,
    /// How many bytes go out before it.
    from: usize,
    bytes: usize,
    /// How many replies are to come.
    owed: usize,
    /// Whether its worker waits no longer, so that the replies are passed over.
    given_up: bool,
    /// Wakes its worker, once that has waited.
    waker: Option<Waker>,
}

impl SharedLine {
    /// Shares a connection on which nothing is under way.
    pub(super) fn new(connection: Connection) -> Self {
        Self(RefCell::new(LineState {
            connection: Ok(DuplexConnection::new(connection)),
            outgoing: Vec::new(),
            handed_over: 0,
            under_way: VecDeque::new(),
            added: 0,
        }))
    }

    /// Whether it can take a request.
    ///
    /// While nobody waits for a reply nobody would notice its end, so it is looked for here.
    pub(super) fn is_usable(&self) -> bool {
        let state = &mut *self.0.borrow_mut();
        if state.connection.is_ok() && state.driver().is_none() {
            let mut nobody = Context::from_waker(Waker::noop());
            if let Poll::Ready(Err(kind)) = state.drive(&mut nobody, None, |_| false) {
                state.end(kind);
            }
        }
        state.connection.is_ok()
    }

    /// Adds a request, and takes its replies. If they do not come in time they are passed over when they do.
    pub(super) async fn exchange(
        &self,
        request: &NodeRequest<'_>,
        timer: &mut DeadlineTimer,
        mut on_reply: impl FnMut(&Reply<'_>) -> bool,
    ) -> Result<(), Interrupted> {
        let id = self.0.borrow_mut().add(request);
        let replies = poll_fn(|context| self.0.borrow_mut().poll(context, id, &mut on_reply));
        let ended = timer.until(request.until, replies).await.unwrap_or(Err(ErrorKind::TimedOut));
        ended.map_err(|kind| Interrupted { kind, handed_over_bytes: self.0.borrow_mut().give_up(id) })
    }
}

impl LineState {
    fn add(&mut self, request: &NodeRequest<'_>) -> u64 {
        let (id, from, bytes) = (self.added, self.handed_over + self.outgoing.len(), request.bytes.len());
        self.added += 1;
        self.outgoing.extend_from_slice(request.bytes);
        self.under_way.push_back(UnderWay { id, from, bytes, owed: request.replies, given_up: false, waker: None });
        if let Ok(connection) = &mut self.connection {
            connection.expect(request.replies);
        }
        self.wake_driver();
        id
    }

    /// Whose turn it is: the first that still waits.
    fn driver(&self) -> Option<&UnderWay> {
        self.under_way.iter().find(|request| !request.given_up)
    }

    fn wake_driver(&self) {
        self.driver().and_then(|driver| driver.waker.as_ref()).into_iter().for_each(Waker::wake_by_ref);
    }

    /// Waits for the replies to a request.
    fn poll(
        &mut self,
        context: &mut Context<'_>,
        id: u64,
        on_reply: impl FnMut(&Reply<'_>) -> bool,
    ) -> Poll<Result<(), ErrorKind>> {
        if let Err(kind) = self.connection {
            return Poll::Ready(Err(kind));
        }
        let drives = self.driver().is_some_and(|driver| driver.id == id);
        let polled = if drives { self.drive(context, Some(id), on_reply) } else { Poll::Pending };
        match polled {
            Poll::Pending => {
                if let Some(at) = self.place(id) {
                    self.under_way[at].waker = Some(context.waker().clone());
                }
            }
            Poll::Ready(Ok(())) => self.wake_driver(),
            Poll::Ready(Err(kind)) => self.end(kind),
        }
        polled
    }

    /// Sends what it can, and takes replies until the request of that id has all of its own.
    fn drive(
        &mut self,
        context: &mut Context<'_>,
        id: Option<u64>,
        mut on_reply: impl FnMut(&Reply<'_>) -> bool,
    ) -> Poll<Result<(), ErrorKind>> {
        let sending = self.poll_send(context);
        loop {
            let (first, handed_over) = (self.under_way.front(), self.handed_over);
            let connection = self.connection.as_mut().map_err(|kind| *kind)?;
            let replied = connection.poll_reply(context, |reply| match first {
                // What was not sent has no reply yet.
                Some(first) if first.from >= handed_over => false,
                Some(first) if Some(first.id) == id => on_reply(reply),
                first => first.is_some_and(|first| first.given_up),
            });
            // Only now: replies that had come before count, and so does what a server says that refuses a connection.
            if let (Poll::Pending, Poll::Ready(Err(kind))) = (replied, sending) {
                connection.lost(kind);
                return Poll::Ready(Err(kind));
            }
            let fits = ready!(replied)?;
            if !fits {
                return Poll::Ready(Err(ErrorKind::Protocol));
            }
            if self.replied().is_some_and(|done| Some(done) == id) {
                return Poll::Ready(Ok(()));
            }
        }
    }

    /// Counts a reply to the first request. Returns which request that was if it was its last one.
    fn replied(&mut self) -> Option<u64> {
        let first = self.under_way.front_mut()?;
        first.owed -= 1;
        if first.owed == 0 { self.under_way.pop_front().map(|done| done.id) } else { None }
    }

    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<Result<(), ErrorKind>> {
        let connection = self.connection.as_mut().map_err(|kind| *kind)?;
        while !self.outgoing.is_empty() || connection.wants_write() {
            let written = ready!(connection.poll_send(context, &self.outgoing))?;
            self.outgoing.drain(..written);
            self.handed_over += written;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the connection, and all that is under way on it.
    fn end(&mut self, kind: ErrorKind) {
        self.connection = Err(kind);
        if kind == ErrorKind::MaxClients {
            self.handed_over = 0;
        }
        self.under_way.iter_mut().filter_map(|request| request.waker.take()).for_each(Waker::wake);
    }

    /// Waits no longer for the replies to a request. Returns how many of its bytes may have reached the server: what has not been
    /// handed over at all is withdrawn.
    fn give_up(&mut self, id: u64) -> usize {
        let Some(at) = self.place(id) else { return 0 };
        let request = &mut self.under_way[at];
        (request.given_up, request.waker) = (true, None);
        let handed_over = self.handed_over.saturating_sub(request.from).min(request.bytes);
        if handed_over == 0 {
            self.withdraw(at);
        }
        self.wake_driver();
        handed_over
    }

    /// Takes back a request of which nothing was handed over.
    fn withdraw(&mut self, at: usize) {
        let (Ok(connection), Some(request)) = (&mut self.connection, self.under_way.remove(at)) else { return };
        connection.expect_no_more(request.owed);
        let start = request.from - self.handed_over;
        self.outgoing.drain(start..start + request.bytes);
        self.under_way.range_mut(at..).for_each(|later| later.from -= request.bytes);
    }

    fn place(&self, id: u64) -> Option<usize> {
        self.under_way.binary_search_by_key(&id, |request| request.id).ok()
    }
}
