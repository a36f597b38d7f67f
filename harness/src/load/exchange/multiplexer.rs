//! Connections that all workers of a load on one thread use together, by turns.

use std::cell::RefCell;
use std::rc::Rc;

use tokio::sync::Mutex;

use super::line::SharedLine;
use super::{Interrupted, NodeRequest};
use crate::evidence::ErrorKind;
use crate::load::connection::DeadlineTimer;
use crate::load::dialer::Dialer;
use crate::load::resp::Reply;

/// Connections to each node that are used together.
pub(crate) struct Multiplexer {
    /// How many there are to each node.
    count: usize,
    nodes: RefCell<Vec<NodeLines>>,
}

/// The connections to one node.
struct NodeLines {
    places: Vec<Rc<LinePlace>>,
    /// How often one was asked for.
    asked: usize,
}

/// The place of a connection, empty until it is used for the first time. While it is being filled others wait.
type LinePlace = Mutex<Option<Rc<SharedLine>>>;

impl Multiplexer {
    /// So many connections to each node: at least one.
    pub(super) fn new(count: usize) -> Self {
        Self { count, nodes: RefCell::default() }
    }

    /// Sends the request on the connection whose turn it is, and takes its replies.
    pub(super) async fn exchange(
        &self,
        dialer: &Dialer,
        request: &NodeRequest<'_>,
        timer: &mut DeadlineTimer,
        on_reply: impl FnMut(&Reply<'_>) -> bool,
    ) -> Result<(), Interrupted> {
        let place = self.next_place(request);
        let line = usable(&place, dialer, request, timer).await?;
        line.exchange(request, timer, on_reply).await
    }

    fn next_place(&self, request: &NodeRequest<'_>) -> Rc<LinePlace> {
        let (mut nodes, at) = (self.nodes.borrow_mut(), usize::from(request.node));
        if nodes.len() <= at {
            let lines = || NodeLines { places: (0..self.count).map(|_| Rc::default()).collect(), asked: 0 };
            nodes.resize_with(at + 1, lines);
        }
        let lines = &mut nodes[at];
        lines.asked = lines.asked.wrapping_add(1);
        Rc::clone(&lines.places[lines.asked % self.count])
    }
}

/// The connection at a place, opened anew if it has ended.
async fn usable(
    place: &LinePlace,
    dialer: &Dialer,
    request: &NodeRequest<'_>,
    timer: &mut DeadlineTimer,
) -> Result<Rc<SharedLine>, ErrorKind> {
    let locked = timer.until(request.until, place.lock()).await;
    let mut place = locked.ok_or(ErrorKind::NotConnected)?;
    if let Some(line) = place.as_ref().filter(|line| line.is_usable()) {
        return Ok(Rc::clone(line));
    }
    *place = None;
    let line = Rc::new(SharedLine::new(dialer.open(request.address, timer, request.until).await?));
    Ok(Rc::clone(place.insert(line)))
}
