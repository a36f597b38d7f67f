//! A pool of connections: who has something to send takes one, and gives it back if it is still usable.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Instant;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::{Interrupted, NodeRequest, exchange_on, if_usable};
use crate::evidence::ErrorKind;
use crate::load::connection::{Connection, DeadlineTimer};
use crate::load::dialer::Dialer;
use crate::load::resp::Reply;

/// A pool of connections to each node.
pub(crate) struct Pool {
    /// How many there may be to each node.
    max: usize,
    nodes: RefCell<Vec<Rc<NodePool>>>,
}

/// The connections to one node.
struct NodePool {
    /// Those that nobody uses, the one that was used last at the end.
    free: RefCell<Vec<Connection>>,
    /// How many more may be used. Who waits longest is next.
    permits: Semaphore,
}

impl Pool {
    /// A pool of at most so many connections to each node.
    pub(super) fn new(max: usize) -> Self {
        Self { max, nodes: RefCell::default() }
    }

    /// Sends the request on a connection of the pool, and takes its replies.
    pub(super) async fn exchange(
        &self,
        dialer: &Dialer,
        request: &NodeRequest<'_>,
        timer: &mut DeadlineTimer,
        on_reply: impl FnMut(&Reply<'_>, bool) -> bool,
    ) -> Result<(), Interrupted> {
        let pool = self.of_node(request);
        let _permit = pool.permit(request, timer).await?;
        let mut connection = match pool.take_free() {
            Some(connection) => connection,
            None => dialer.open(request.address, timer, request.until).await?,
        };
        exchange_on(&mut connection, request, timer, on_reply).await?;
        pool.free.borrow_mut().push(connection);
        Ok(())
    }

    fn of_node(&self, request: &NodeRequest<'_>) -> Rc<NodePool> {
        let (mut nodes, at) = (self.nodes.borrow_mut(), usize::from(request.node));
        if nodes.len() <= at {
            let pool = || Rc::new(NodePool { free: RefCell::default(), permits: Semaphore::new(self.max) });
            nodes.resize_with(at + 1, pool);
        }
        Rc::clone(&nodes[at])
    }
}

impl NodePool {
    /// Waits for the right to use a connection. One that is given back when the time is over comes too late.
    async fn permit(
        &self,
        request: &NodeRequest<'_>,
        timer: &mut DeadlineTimer,
    ) -> Result<SemaphorePermit<'_>, ErrorKind> {
        let permit = timer.until(request.until, self.permits.acquire()).await;
        let permit = permit.and_then(Result::ok).filter(|_| Instant::now() < request.until);
        permit.ok_or(ErrorKind::NoFreeConnection)
    }

    /// Takes the free connection that was used last, without those that have ended meanwhile.
    fn take_free(&self) -> Option<Connection> {
        let mut free = self.free.borrow_mut();
        std::iter::from_fn(|| free.pop()).find_map(if_usable)
    }
}
