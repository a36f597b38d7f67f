//! A client that retries: it takes one command to an outcome, over as many attempts, nodes and connections as that needs.

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;

use super::connection::{Connection, DeadlineTimer};
use super::draw::{Purpose, random_of};
use super::op::{AttemptOutcome, MixCommand};
use super::pacing::Due;
use super::resp::{Reply, push_command};
use super::shared::Shared;
use crate::evidence::{ErrorKind, Operation, Outcome};
use crate::system::NodeIndex;
use crate::vocab::{Duration, Instant, Position};

/// A client with a connection of its own to each node it needs. It does one operation at a time.
pub(crate) struct RetryingClient {
    shared: Rc<Shared>,
    worker: u16,
    connections: Vec<Option<Connection>>,
    timer: DeadlineTimer,
    /// Where the chance of its waits comes from.
    random: ChaCha8Rng,
    key: Vec<u8>,
    request: Vec<u8>,
}

/// Where an attempt goes.
#[derive(Clone, Copy)]
enum Route {
    /// To the node that owns the key, as far as the client knows.
    Owner,
    /// To the node that `-ASK` named, with `ASKING` before it.
    Asking(NodeIndex),
}

/// What came of one attempt.
struct Attempt {
    answer: AttemptOutcome,
    /// The node that was asked; none when the client knew none.
    node: Option<NodeIndex>,
    /// Whether that node replied at all.
    replied: bool,
}

impl RetryingClient {
    /// The client of a worker; it connects when it has something to send.
    pub(crate) fn new(shared: Rc<Shared>, worker: u16) -> Self {
        let (connections, timer, key, request) = (Vec::new(), DeadlineTimer::new(), Vec::new(), Vec::new());
        let random = random_of(shared.seed, shared.index, worker, Purpose::Waits);
        Self { shared, worker, connections, timer, random, key, request }
    }

    /// Does the command and says how it ended, at the load's deadline at the latest. `due` is when it should have started;
    /// none: now.
    pub(crate) async fn perform(&mut self, command: &MixCommand<'_>, due: Option<Due>) -> Operation {
        self.shared.keys.text(command.key, &mut self.key);
        let position = self.shared.deployment.system().position_of(&self.key);
        let started = self.shared.clock.now();
        let deadline = started.plus_nanos(self.shared.load.client.deadline.as_nanos());
        let due = due.unwrap_or(Due { intended: started, ready: started });
        let mut operation = self.operation(command, position, due, started);
        let client = self.shared.load.client;
        let (mut route, mut redirections, mut tried, mut now) = (Route::Owner, 0, 0, started);
        while now < deadline {
            let attempt = self.attempt(command, position, route, now, deadline).await;
            now = self.shared.clock.now();
            self.note(&attempt, &mut operation);
            if operation.outcome == Outcome::Ok {
                break;
            }
            let next = self.learn(position, &attempt).filter(|_| redirections < client.redirects);
            route = next.unwrap_or(Route::Owner);
            redirections = if next.is_some() { redirections + 1 } else { 0 };
            if next.is_none() {
                let retry = now.plus_nanos(Duration(client.wait(tried, &mut self.random)).as_nanos());
                tried += 1;
                if retry >= deadline || client.attempts.is_some_and(|most| tried >= most) {
                    break;
                }
                tokio::time::sleep_until(self.shared.clock.std_instant(retry).into()).await;
                now = self.shared.clock.now();
            }
        }
        operation.ended = now;
        operation
    }

    /// The operation before its first attempt: as it will be recorded when no attempt succeeds.
    fn operation(&self, command: &MixCommand<'_>, position: Position, due: Due, started: Instant) -> Operation {
        let shard = self.shared.shards.planned(position);
        Operation { worker: self.worker, error: None, ..command.not_started(self.shared.index, shard, due, started) }
    }

    async fn attempt(
        &mut self,
        command: &MixCommand<'_>,
        position: Position,
        route: Route,
        now: Instant,
        deadline: Instant,
    ) -> Attempt {
        let (node, asking) = match route {
            Route::Owner => (self.shared.routes.borrow_mut().target(position), false),
            Route::Asking(node) => (Some(node), true),
        };
        let Some(node) = node else {
            return Attempt { answer: AttemptOutcome::NotExecuted(ErrorKind::NoRoute), node: None, replied: false };
        };
        let timeout = self.shared.load.client.timeout.as_nanos();
        let timeout = timeout.saturating_add(command.server_waits().as_nanos());
        let until = self.shared.clock.std_instant(now.plus_nanos(timeout).min(deadline));
        self.encode(command, asking);
        let (answer, replied) = match self.connect(node, until).await {
            Ok(()) => self.exchange(command, node, asking, until).await,
            Err(kind) => (AttemptOutcome::NotExecuted(kind), false),
        };
        Attempt { answer, node: Some(node), replied }
    }

    fn encode(&mut self, command: &MixCommand<'_>, asking: bool) {
        self.request.clear();
        if asking {
            push_command(&mut self.request, &[b"ASKING"]);
        }
        command.encode(&mut self.request, &self.key);
    }

    /// Makes sure that there is a usable connection to the node. Nothing is sent: failing is surely not executing.
    async fn connect(&mut self, node: NodeIndex, until: std::time::Instant) -> Result<(), ErrorKind> {
        let at = usize::from(node);
        if self.connections.len() <= at {
            self.connections.resize_with(at + 1, || None);
        }
        let connection = &mut self.connections[at];
        if connection.as_ref().is_some_and(Connection::is_usable) {
            return Ok(());
        }
        *connection = None;
        let address = self.shared.routes.borrow().known().address(node).ok_or(ErrorKind::NoRoute)?;
        let opening = Connection::open(&self.shared.host, address, self.shared.value_bytes_max);
        *connection = Some(self.timer.until(until, opening).await.unwrap_or(Err(ErrorKind::NotConnected))?);
        Ok(())
    }

    /// Sends the request and says what came of it, and whether the node replied at all.
    async fn exchange(
        &mut self,
        command: &MixCommand<'_>,
        node: NodeIndex,
        asking: bool,
        until: std::time::Instant,
    ) -> (AttemptOutcome, bool) {
        let place = &mut self.connections[usize::from(node)];
        let Some(connection) = place else { return (AttemptOutcome::NotExecuted(ErrorKind::NotConnected), false) };
        let (mut answer, mut replied, before) = (MixCommand::UNANSWERED, false, usize::from(asking));
        let exchange = connection.exchange(&self.request, before + command.replies(), |position, reply| {
            replied = true;
            if let Reply::Error(text) = reply {
                self.shared.error_replied(text);
            }
            if let Some(position) = position.checked_sub(before) {
                answer = command.classify(position, reply, answer);
            }
        });
        let exchanged = self.timer.until(until, exchange).await.unwrap_or(Err(ErrorKind::TimedOut));
        if let Err(kind) = exchanged {
            answer = answer.cut_short(kind, connection.handed_over());
        }
        // A reply that is still owed, or one to something else, would be taken for the next command's.
        if exchanged.is_err() || answer == MixCommand::UNANSWERED {
            *place = None;
        }
        (answer, replied)
    }

    /// Adds an attempt to the operation. A write that may have happened stays unknown unless a later attempt succeeds; a read
    /// without an answer changed nothing.
    fn note(&self, attempt: &Attempt, operation: &mut Operation) {
        operation.attempts = operation.attempts.saturating_add(1);
        if let (Some(node), true) = (attempt.node, attempt.replied) {
            let mut routes = self.shared.routes.borrow_mut();
            operation.node = routes.known().plan_index(node);
            routes.known_mut().set_suspect(node, false);
        }
        let kind = match attempt.answer {
            AttemptOutcome::Acknowledged(value) => {
                (operation.value, operation.outcome) = (value, Outcome::Ok);
                return;
            }
            AttemptOutcome::NotExecuted(kind) | AttemptOutcome::Elsewhere(kind, _) => kind,
            AttemptOutcome::Unknown(kind) => {
                operation.unknown_attempts = operation.unknown_attempts.saturating_add(1);
                if operation.writes() {
                    operation.outcome = Outcome::Unknown;
                }
                kind
            }
        };
        operation.error = Some(kind);
        self.shared.attempt_failed(kind);
    }

    /// Takes from an attempt what it tells about the cluster. Returns where to go on at once, if somewhere.
    fn learn(&self, position: Position, attempt: &Attempt) -> Option<Route> {
        let node = attempt.node;
        match attempt.answer {
            AttemptOutcome::Acknowledged(_) => None,
            AttemptOutcome::Elsewhere(..) if self.shared.load.client.redirects == 0 => {
                self.refresh(self.shared.load.client.refresh_on_moved, None);
                None
            }
            AttemptOutcome::Elsewhere(kind, redirect) => {
                let mut routes = self.shared.routes.borrow_mut();
                let address = redirect.address(routes.known().address(node?)?);
                if kind == ErrorKind::Ask {
                    return routes.known_mut().node_at(address).map(Route::Asking);
                }
                let owner = routes.moved(redirect.position, address)?;
                drop(routes);
                self.refresh(self.shared.load.client.refresh_on_moved, Some(owner));
                // A server that speaks of other keys than this one would send the client round in circles.
                (redirect.position == position).then_some(Route::Owner)
            }
            AttemptOutcome::NotExecuted(kind) | AttemptOutcome::Unknown(kind) => {
                if doubts_the_node(kind) {
                    if let Some(node) = node {
                        self.shared.routes.borrow_mut().known_mut().set_suspect(node, true);
                    }
                    self.refresh(self.shared.load.client.refresh_on_error, None);
                }
                None
            }
        }
    }

    fn refresh(&self, does: bool, first: Option<NodeIndex>) {
        if does {
            self.shared.refresh(first);
        }
    }
}

/// Whether an error suggests that another node may serve, or know who does.
fn doubts_the_node(kind: ErrorKind) -> bool {
    use ErrorKind as Kind;
    !matches!(
        kind,
        Kind::Ask | Kind::TryAgain | Kind::OutOfMemory | Kind::NoReplicas | Kind::OtherReply | Kind::WaitShort
    )
}

#[cfg(test)]
mod tests;
