//! Requests of workers and their replies, over connections that a worker has for itself or shares with others.

mod line;
mod multiplexer;
mod pool;
#[cfg(test)]
mod tests;

use std::time::Instant;

use self::multiplexer::Multiplexer;
use self::pool::Pool;
use super::Connections;
use super::connection::{Connection, DeadlineTimer};
use super::dialer::Dialer;
use super::parts::Part;
use super::resp::Reply;
use crate::evidence::ErrorKind;
use crate::system::NodeIndex;
use crate::vocab::Address;

/// A request to a node.
pub(crate) struct NodeRequest<'a> {
    pub(crate) node: NodeIndex,
    pub(crate) address: Address,
    pub(crate) bytes: &'a [u8],
    /// How many replies it gets.
    pub(crate) replies: usize,
    /// How long is waited for the last of them.
    pub(crate) until: Instant,
}

/// Why not all replies came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Interrupted {
    pub(crate) kind: ErrorKind,
    /// How many bytes of the request may have reached the server.
    pub(crate) handed_over_bytes: usize,
}

impl From<ErrorKind> for Interrupted {
    /// Before anything was handed over.
    fn from(kind: ErrorKind) -> Self {
        Self { kind, handed_over_bytes: 0 }
    }
}

/// The connections that the workers of a load on one thread share.
pub(crate) enum SharedConnections {
    /// None: each worker has its own.
    None,
    /// One worker at a time uses each.
    Pool(Pool),
    /// All workers use them at the same time.
    Multiplexed(Multiplexer),
}

impl SharedConnections {
    /// What a load's thread has as its part of them.
    pub(crate) fn of(connections: Connections, part: &Part) -> Self {
        match connections {
            Connections::PerWorker | Connections::PerOperation => Self::None,
            Connections::Pool { max } => Self::Pool(Pool::new(part.workers(max).count())),
            Connections::Shared(count) => Self::Multiplexed(Multiplexer::new(part.workers(count).count())),
        }
    }
}

/// How a worker connects: it has a connection of its own to each node that it needs, where it shares none.
pub(crate) struct WorkerConnections {
    own: Vec<Option<Connection>>,
    timer: DeadlineTimer,
}

impl WorkerConnections {
    /// None are open at first.
    pub(crate) fn new() -> Self {
        Self { own: Vec::new(), timer: DeadlineTimer::new() }
    }

    /// Ends the worker's own connections.
    pub(crate) fn close(&mut self) {
        self.own.clear();
    }

    /// Its own connection to a node, if there is one.
    #[cfg(test)]
    pub(crate) fn own(&mut self, node: NodeIndex) -> Option<&mut Connection> {
        self.own.get_mut(usize::from(node))?.as_mut()
    }

    /// Sends a request, and gives its replies to `on_reply` as they come in, until that says that one fits nothing that was asked: then
    /// the connection cannot be trusted any more. It also hears whether the reply was read together with the one before. It connects first if it must, which surely executes nothing if it fails.
    pub(crate) async fn exchange(
        &mut self,
        shared: &SharedConnections,
        dialer: &Dialer,
        request: &NodeRequest<'_>,
        mut on_reply: impl FnMut(&Reply<'_>, bool) -> bool,
    ) -> Result<(), Interrupted> {
        match shared {
            SharedConnections::None => self.exchange_alone(dialer, request, on_reply).await,
            SharedConnections::Pool(pool) => pool.exchange(dialer, request, &mut self.timer, on_reply).await,
            SharedConnections::Multiplexed(lines) => {
                lines.exchange(dialer, request, &mut self.timer, |reply| on_reply(reply, false)).await
            }
        }
    }

    async fn exchange_alone(
        &mut self,
        dialer: &Dialer,
        request: &NodeRequest<'_>,
        on_reply: impl FnMut(&Reply<'_>, bool) -> bool,
    ) -> Result<(), Interrupted> {
        let (Self { own, timer }, at) = (self, usize::from(request.node));
        if own.len() <= at {
            own.resize_with(at + 1, || None);
        }
        let mut connection = match own[at].take().and_then(if_usable) {
            Some(connection) => connection,
            None => dialer.open(request.address, timer, request.until).await?,
        };
        exchange_on(&mut connection, request, timer, on_reply).await?;
        own[at] = Some(connection);
        Ok(())
    }
}

fn if_usable(mut connection: Connection) -> Option<Connection> {
    connection.is_usable().then_some(connection)
}

/// Sends a request on a connection that nobody else uses. After an error it is not usable any more: a reply that is still owed, or one
/// to something else, would be taken for the next request's.
async fn exchange_on(
    connection: &mut Connection,
    request: &NodeRequest<'_>,
    timer: &mut DeadlineTimer,
    mut on_reply: impl FnMut(&Reply<'_>, bool) -> bool,
) -> Result<(), Interrupted> {
    let mut fits = true;
    let exchange = connection.exchange(request.bytes, request.replies, |place, reply| {
        fits = fits && on_reply(reply, place.with_before);
    });
    let ended = match timer.until(request.until, exchange).await.unwrap_or(Err(ErrorKind::TimedOut)) {
        Ok(()) if !fits => Err(ErrorKind::Protocol),
        ended => ended,
    };
    ended.map_err(|kind| Interrupted { kind, handed_over_bytes: connection.handed_over_bytes() })
}
