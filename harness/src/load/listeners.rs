//! Listens to what nodes tell unasked: that who owns what has changed, as sentinels do.

use std::rc::Rc;
use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::connection::DeadlineTimer;
use super::draw::{Purpose, random_of};
use super::resp::{Reply, push_command};
use super::shared::Shared;
use crate::evidence::ErrorKind;
use crate::system::NodeIndex;
use crate::vocab::Address;

/// A load's connections on which it listens, one to each node that tells. Dropping it closes them.
pub(crate) struct Listeners {
    _tasks: JoinSet<()>,
}

impl Listeners {
    /// Listens if the load's client does, and anybody tells.
    pub(crate) fn open(shared: &Rc<Shared>) -> Self {
        let mut tasks = JoinSet::new();
        let subscription = shared.routes.borrow().subscription().filter(|_| shared.load.client.refresh_on.switch);
        if let Some(subscription) = subscription {
            let nodes = shared.routes.borrow_mut().known_mut().ask_order(None);
            for node in nodes {
                let Some(address) = shared.routes.borrow().known().address(node) else { continue };
                let listener = Listener { shared: Rc::clone(shared), node, address, request: commands(subscription) };
                tasks.spawn_local(listener.live());
            }
        }
        Self { _tasks: tasks }
    }
}

/// Listens to one node.
struct Listener {
    shared: Rc<Shared>,
    node: NodeIndex,
    address: Address,
    /// What it says first.
    request: Vec<u8>,
}

impl Listener {
    /// Listens, and subscribes again when the connection is lost, after waits as between attempts. What was told meanwhile is not
    /// heard.
    async fn live(self) {
        let client = &self.shared.load.client;
        // Subscribers count from the middle on, workers and idle connections from the ends.
        let stream = u16::MAX / 2 - self.node;
        let mut random: ChaCha8Rng = random_of(self.shared.seed, self.shared.index, stream, Purpose::Waits);
        let mut failed = 0;
        loop {
            let mut heard = false;
            let _ = self.listen(&mut heard).await;
            failed = if heard { 0 } else { failed + 1 };
            sleep(client.wait(failed, &mut random)).await;
        }
    }

    /// Listens until the connection is lost, or the node silent although it was asked for a word. Says whether it said anything.
    async fn listen(&self, heard: &mut bool) -> Result<(), ErrorKind> {
        let (timeout, mut timer) = (self.shared.load.client.timeout.0, DeadlineTimer::new());
        let mut connection = self.shared.asker.open(self.address, &mut timer, Instant::now() + timeout).await?;
        connection.ask(&self.request).await?;
        let mut owes_a_word = true;
        loop {
            let mut changed = false;
            let hearing = connection.hear(|word| changed |= is_message(word));
            match timer.until(Instant::now() + timeout, hearing).await {
                Some(said) => said?,
                None if owes_a_word => return Err(ErrorKind::TimedOut),
                None => {
                    owes_a_word = true;
                    connection.ask(&commands(&[b"PING"])).await?;
                    continue;
                }
            }
            (*heard, owes_a_word) = (true, false);
            if changed {
                self.shared.ask_again(self.node).await;
            }
        }
    }
}

/// Whether something is a message of a channel: an array with RESP2, a push with RESP3.
fn is_message(word: &Reply<'_>) -> bool {
    let (Reply::Array(words) | Reply::Push(words)) = word else { return false };
    words.first() == Some(&Reply::Bulk(b"message"))
}

fn commands(command: &[&[u8]]) -> Vec<u8> {
    let mut request = Vec::new();
    push_command(&mut request, command);
    request
}
