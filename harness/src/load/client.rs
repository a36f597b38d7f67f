//! A client that retries: it takes commands to their outcomes, over as many attempts, nodes and connections as that needs.

mod locking;

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;

use super::draw::{Purpose, random_of};
use super::exchange::{Interrupted, NodeRequest, WorkerConnections};
use super::iteration::Iteration;
use super::op::{AttemptOutcome, MixCommand};
use super::pacing::Due;
use super::resp::{Reply, push_command};
use super::shared::Shared;
use super::{Connections, contents};
use crate::evidence::{DataType, ErrorKind, Operation, OperationEffect, Outcome, UNSCANNED_NAMED_MAX, Value};
use crate::system::{NodeIndex, ReadsFrom};
use crate::vocab::{Address, Duration, Instant, Position};

/// The client of one worker. It takes one batch of commands at a time to their outcomes.
pub(crate) struct RetryingClient {
    shared: Rc<Shared>,
    worker: u16,
    connections: WorkerConnections,
    /// Where the chance of its waits comes from.
    random: ChaCha8Rng,
    key: Vec<u8>,
    request: Vec<u8>,
    /// The batch that is under way, in its order.
    batch: Vec<UnderWay>,
    /// Which of them take part in the current attempt.
    sent: Vec<Sent>,
    /// Until when it believes to hold a lock, if it holds one.
    holds_until: Option<Instant>,
}

/// A command, and when it should have started; none: when it does.
pub(crate) type BatchCommand<'a> = (MixCommand<'a>, Option<Due>);

/// A command of the batch on its way to its outcome.
struct UnderWay {
    /// As it will be recorded if no attempt succeeds from now on.
    operation: Operation,
    position: Position,
    /// How far it is, if it goes through all keys.
    iteration: Option<Box<Iteration>>,
    route: Route,
    /// The elements that it read.
    elements: Vec<Value>,
    /// How many redirections it has followed in a row.
    redirections: u32,
    /// How many attempts failed, those not counted after which a redirection was followed.
    tried: u32,
    /// When it is attempted next; none when its outcome is final.
    next: Option<Instant>,
}

/// A command that takes part in an attempt.
struct Sent {
    /// Its place in the batch.
    at: usize,
    /// Whether `ASKING` stands before it.
    asking: bool,
    /// Where it begins in the request.
    offset: usize,
    /// What its replies say.
    answer: AttemptOutcome,
    /// The elements that they brought.
    elements: Vec<Value>,
    /// Where they say that an iteration goes on.
    cursor: u64,
    /// The load's keys of values among those that a step of it brought.
    keys: Vec<u32>,
    /// When the last of its replies came that did.
    replied: Option<Instant>,
}

/// Where an attempt goes.
#[derive(Clone, Copy)]
enum Route {
    /// To the node that owns the key, as far as the client knows.
    Owner,
    /// To a node that serves reads of the key, as the client prefers.
    Reader,
    /// To the node that `-ASK` named, with `ASKING` before it.
    Asking(NodeIndex),
}

/// The node that an attempt goes to; none if the client knows none for it.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Destination(Option<NodeIndex>);

impl RetryingClient {
    /// The client of a worker; it connects when it has something to send.
    pub(crate) fn new(shared: Rc<Shared>, worker: u16) -> Self {
        let (connections, key, request) = (WorkerConnections::new(), Vec::new(), Vec::new());
        let random = random_of(shared.seed, shared.index, worker, Purpose::Waits);
        let (batch, sent) = (Vec::new(), Vec::new());
        Self { shared, worker, connections, random, key, request, batch, sent, holds_until: None }
    }

    /// Does the commands and says how each ended, at the load's deadline at the latest. Those that go to the same node travel
    /// together, so no two of a batch may write the same key unless that is contended. Which of them need another attempt are tried
    /// again together. Beside each operation are the elements that it read.
    pub(crate) async fn perform(
        &mut self,
        commands: &[BatchCommand<'_>],
    ) -> impl Iterator<Item = (Operation, &[Value])> {
        let started = self.shared.clock.now();
        let deadline = started.plus_nanos(self.shared.load.client.deadline.as_nanos());
        self.begin(commands, started, deadline);
        match commands.first().and_then(|(command, _)| command.lock()) {
            Some(lock) => self.lock_or_unlock(commands, lock, deadline).await,
            None => self.attempt_all(commands, started, deadline).await,
        }
        if self.shared.load.connections == Connections::PerOperation {
            self.connections.close();
        }
        self.batch.iter().map(|command| (command.operation, &command.elements[..]))
    }

    /// Attempts them until each has its outcome.
    async fn attempt_all(&mut self, commands: &[BatchCommand<'_>], started: Instant, deadline: Instant) {
        let mut now = started;
        while let Some(next) = self.batch.iter().filter_map(|command| command.next).min() {
            if next > now {
                tokio::time::sleep_until(self.shared.clock.std_instant(next).into()).await;
                now = self.shared.clock.now();
                self.end_at(deadline, now);
            }
            while let Some(Destination(node)) = self.choose(now) {
                self.attempt(commands, node, now, deadline).await;
                self.learn(node, deadline);
                if self.batch.iter().any(|command| command.next.is_some()) {
                    now = self.shared.clock.now();
                    self.end_at(deadline, now);
                }
            }
        }
    }

    /// Attempts nothing more once the deadline has passed: timers come late, and another node of the batch may have taken its time.
    fn end_at(&mut self, deadline: Instant, now: Instant) {
        for command in self.batch.iter_mut().filter(|command| now >= deadline && command.next.is_some()) {
            command.next = None;
            command.operation.ended = now;
        }
    }

    /// Puts the batch together: each command as it will be recorded when no attempt succeeds.
    fn begin(&mut self, commands: &[BatchCommand<'_>], started: Instant, deadline: Instant) {
        self.batch.clear();
        for (command, due) in commands {
            let iteration = command.iterates().then(|| Box::new(self.iteration(command)));
            let position = iteration.as_ref().map_or(command.place, |walk| walk.position());
            let shard = self.shared.shards.planned(command.place);
            let due = due.unwrap_or(Due { intended: started, ready: started });
            let not_started = command.not_started(self.shared.index, shard, due, started);
            let operation = Operation { worker: self.worker, error: None, ..not_started };
            let next = Some(started).filter(|_| started < deadline);
            let route = self.first_route(operation.effect.acts() || iteration.is_some());
            let (elements, redirections, tried) = (Vec::new(), 0, 0);
            self.batch.push(UnderWay { operation, position, iteration, route, elements, redirections, tried, next });
        }
    }

    /// A walk through the keys of every shard; of that of a place alone, if no shards are known.
    fn iteration(&self, command: &MixCommand<'_>) -> Iteration {
        let shared = &self.shared;
        let shards = shared.shards.first_positions();
        let walk = Iteration::new(if shards.is_empty() { vec![command.place] } else { shards });
        if !command.looks_for_keys(&shared.load) {
            return walk;
        }
        let mut keys = shared.written.borrow().of(DataType::Value);
        for key in shared.keys.preloaded() {
            keys.insert(key);
        }
        walk.looking_for(keys, shared.keys.highest())
    }

    /// Where an operation goes as long as no server said anything else.
    fn first_route(&self, of_masters: bool) -> Route {
        let only_masters = of_masters || self.shared.load.client.reads_from == ReadsFrom::Master;
        if only_masters { Route::Owner } else { Route::Reader }
    }

    /// Chooses what is attempted next: all that is due and goes to the same node. None if nothing is due.
    fn choose(&mut self, now: Instant) -> Option<Destination> {
        let reads_from = self.shared.load.client.reads_from;
        let mut routes = self.shared.routes.borrow_mut();
        let (mut chosen, mut lacks_replica) = (None, false);
        self.sent.clear();
        let due = |command: &UnderWay| command.next.is_some_and(|next| next <= now);
        for (at, command) in self.batch.iter().enumerate().filter(|(_, command)| due(command)) {
            let (node, asking) = match command.route {
                Route::Owner => (routes.target(command.position), false),
                Route::Reader => {
                    lacks_replica |= reads_from != ReadsFrom::Master && !routes.knows_replica(command.position);
                    (routes.reader(command.position, reads_from), false)
                }
                Route::Asking(node) => (Some(node), true),
            };
            if *chosen.get_or_insert(Destination(node)) == Destination(node) {
                self.sent.push(Sent {
                    at,
                    asking,
                    offset: 0,
                    answer: MixCommand::UNANSWERED,
                    elements: Vec::new(),
                    cursor: 0,
                    keys: Vec::new(),
                    replied: None,
                });
            }
        }
        drop(routes);
        self.refresh(lacks_replica, None);
        chosen
    }

    /// Sends what was chosen to that node, and takes what it says.
    async fn attempt(
        &mut self,
        commands: &[BatchCommand<'_>],
        node: Option<NodeIndex>,
        now: Instant,
        deadline: Instant,
    ) {
        let address = node.and_then(|node| self.shared.routes.borrow().known().address(node));
        let Some((node, address)) = node.zip(address) else { return self.not_executed(ErrorKind::NoRoute) };
        self.encode(commands, node);
        let server_waits = self.sent.iter().map(|sent| commands[sent.at].0.server_waits().as_nanos()).sum();
        let timeout = self.shared.load.client.timeout.as_nanos().saturating_add(server_waits);
        let until = self.shared.clock.std_instant(now.plus_nanos(timeout).min(deadline));
        self.exchange(commands, (node, address), until).await;
    }

    fn not_executed(&mut self, kind: ErrorKind) {
        self.sent.iter_mut().for_each(|sent| sent.answer = AttemptOutcome::NotExecuted(kind));
    }

    fn encode(&mut self, commands: &[BatchCommand<'_>], node: NodeIndex) {
        self.request.clear();
        for sent in &mut self.sent {
            sent.offset = self.request.len();
            if sent.asking {
                push_command(&mut self.request, &[b"ASKING"]);
            }
            let (command, iteration) = (commands[sent.at].0, &mut self.batch[sent.at].iteration);
            let command = iteration.as_mut().map_or(command, |walk| command.at_cursor(walk.cursor_at(node)));
            self.shared.keys.text(command.data, command.key, &mut self.key);
            command.encode(&mut self.request, &self.key);
        }
    }

    /// Sends the request and takes its replies.
    async fn exchange(
        &mut self,
        commands: &[BatchCommand<'_>],
        (node, address): (NodeIndex, Address),
        until: std::time::Instant,
    ) {
        let Self { shared, connections, request, sent, .. } = self;
        let replies = |sent: &Sent| usize::from(sent.asking) + commands[sent.at].0.replies();
        let request = NodeRequest { node, address, bytes: request, replies: sent.iter().map(replies).sum(), until };
        // Which command the next reply is for, and how many of its replies have come.
        let (mut current, mut nth) = (0, 0_usize);
        // When the last of them was read: what was read together has one time.
        let mut now = Instant::default();
        let on_reply = |reply: &Reply<'_>, with_before: bool| {
            if !with_before {
                now = shared.clock.now();
            }
            let sent = &mut sent[current];
            if let Reply::Error(text) = reply {
                shared.error_replied(text);
            }
            let (command, mut fits) = (&commands[sent.at].0, true);
            if let Some(position) = nth.checked_sub(usize::from(sent.asking)) {
                sent.answer = command.classify(position, reply, sent.answer);
                if matches!(sent.answer, AttemptOutcome::Acknowledged(Value::Elements { .. })) {
                    sent.elements = contents::elements(command.data, reply);
                }
                if let Some((cursor, keys)) = command.step(reply) {
                    let number = |key: &[u8]| shared.keys.names().number(DataType::Value, key);
                    (sent.cursor, sent.keys) = (cursor, keys.into_iter().filter_map(number).collect());
                }
                fits = sent.answer != MixCommand::UNANSWERED;
            }
            sent.replied = Some(now);
            nth += 1;
            if nth == usize::from(sent.asking) + command.replies() && fits {
                (current, nth) = (current + 1, 0);
            }
            fits
        };
        let ended = connections.exchange(&shared.connections, &shared.dialer, &request, on_reply).await;
        if let Err(Interrupted { kind, handed_over_bytes }) = ended {
            for sent in sent.iter_mut().skip(current) {
                sent.answer = sent.answer.cut_short(kind, sent.offset < handed_over_bytes);
            }
        }
    }

    /// Takes from the attempt what it says about the commands and about the cluster, and decides what becomes of those that did
    /// not end ok.
    fn learn(&mut self, node: Option<NodeIndex>, deadline: Instant) {
        let mut sent = std::mem::take(&mut self.sent);
        let plan_index = node.filter(|_| sent.iter().any(|sent| sent.replied.is_some())).and_then(|node| {
            let mut routes = self.shared.routes.borrow_mut();
            routes.known_mut().set_suspect(node, false);
            routes.known().plan_index(node)
        });
        let mut failed = false;
        let now = self.shared.clock.now();
        for sent in &mut sent {
            let command = &mut self.batch[sent.at];
            command.operation.node = sent.replied.and(plan_index).or(command.operation.node);
            command.next = Some(now).filter(|_| goes_on(&self.shared, command, sent, now));
            if command.next.is_some() {
                continue;
            }
            command.elements = std::mem::take(&mut sent.elements);
            if let Some(kind) = note(sent, &mut command.operation) {
                failed = true;
                self.shared.attempt_failed(kind);
            }
        }
        if failed {
            self.retry(&sent, node, deadline);
        }
        self.sent = sent;
    }

    /// Decides when and where those that did not end ok are attempted again.
    fn retry(&mut self, sent: &[Sent], node: Option<NodeIndex>, deadline: Instant) {
        let shared = Rc::clone(&self.shared);
        let (now, client) = (shared.clock.now(), &shared.load.client);
        let tried = sent.iter().map(|sent| self.batch[sent.at].tried).max().unwrap_or(0);
        let retry = now.plus_nanos(Duration(client.wait(tried, &mut self.random)).as_nanos());
        for Sent { at, answer, .. } in sent {
            let failed = self.batch[*at].operation.outcome != Outcome::Ok && self.batch[*at].next.is_none();
            if !failed {
                continue;
            }
            let redirected = self.redirect(self.batch[*at].position, node, *answer);
            let walks = self.batch[*at].iteration.is_some();
            let first_route = self.first_route(self.batch[*at].operation.effect.acts() || walks);
            let command = &mut self.batch[*at];
            command.operation.ended = now;
            let redirected = redirected.filter(|_| command.redirections < client.redirects);
            command.route = redirected.unwrap_or(first_route);
            command.next = if redirected.is_some() {
                command.redirections += 1;
                Some(now)
            } else {
                (command.redirections, command.tried) = (0, command.tried + 1);
                Some(retry).filter(|_| {
                    client.attempts.is_none_or(|most| command.tried < most)
                        && !is_final(*answer, command.operation.effect)
                })
            };
            command.next = command.next.filter(|at| *at < deadline);
        }
    }

    /// Takes from an answer what it tells about the cluster. Returns where to go on at once, if somewhere.
    fn redirect(&self, position: Position, node: Option<NodeIndex>, answer: AttemptOutcome) -> Option<Route> {
        match answer {
            AttemptOutcome::Acknowledged(_) | AttemptOutcome::Replaced(..) => None,
            AttemptOutcome::Elsewhere(..) if self.shared.load.client.redirects == 0 => {
                self.refresh(self.shared.load.client.refresh_on.moved, None);
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
                self.refresh(self.shared.load.client.refresh_on.moved, Some(owner));
                // A server that speaks of other keys than this one would send the client round in circles.
                (redirect.position == position).then_some(Route::Owner)
            }
            AttemptOutcome::NotExecuted(kind) | AttemptOutcome::Unknown(kind) => {
                if doubts_the_node(kind) {
                    if let Some(node) = node {
                        self.shared.routes.borrow_mut().known_mut().set_suspect(node, true);
                    }
                    self.refresh(self.shared.load.client.refresh_on.error, None);
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

/// Takes an iteration a step further. Whether it goes on; what it brought in all is the answer to its last step.
fn goes_on(shared: &Shared, command: &mut UnderWay, sent: &mut Sent, now: Instant) -> bool {
    let Some(iteration) = &mut command.iteration else { return false };
    let AttemptOutcome::Acknowledged(Value::Number(keys)) = sent.answer else {
        iteration.begin_anew();
        return false;
    };
    sent.keys.iter().for_each(|key| iteration.found(*key));
    if let Some(all) = iteration.step(keys, sent.cursor) {
        shared.scanned(command.operation.started, now, iteration.missing().take(UNSCANNED_NAMED_MAX).collect());
        sent.answer = AttemptOutcome::Acknowledged(Value::Number(all));
        return false;
    }
    command.position = iteration.position();
    true
}

/// Adds an attempt to the operation. Returns why it did not end ok, if it did not.
///
/// A write that may have happened stays unknown unless a later attempt succeeds; a read without an answer changed nothing.
fn note(sent: &Sent, operation: &mut Operation) -> Option<ErrorKind> {
    operation.attempts = operation.attempts.saturating_add(1);
    let mut done = |value, replaced| {
        (operation.value, operation.replaced, operation.outcome) = (value, replaced, Outcome::Ok);
        operation.ended = sent.replied.unwrap_or(operation.ended);
        None
    };
    let kind = match sent.answer {
        AttemptOutcome::Acknowledged(value) => return done(value, None),
        AttemptOutcome::Replaced(value, replaced) => return done(value, Some(replaced)),
        AttemptOutcome::NotExecuted(kind) | AttemptOutcome::Elsewhere(kind, _) => kind,
        AttemptOutcome::Unknown(kind) => {
            operation.unknown_attempts = operation.unknown_attempts.saturating_add(1);
            if operation.effect.acts() {
                operation.outcome = Outcome::Unknown;
            }
            kind
        }
    };
    operation.error = Some(kind);
    Some(kind)
}

/// Whether an error suggests that another node may serve, or know who does.
fn doubts_the_node(kind: ErrorKind) -> bool {
    use ErrorKind as Kind;
    !matches!(
        kind,
        Kind::Ask
            | Kind::TryAgain
            | Kind::OutOfMemory
            | Kind::NoReplicas
            | Kind::OtherReply
            | Kind::WaitShort
            | Kind::KeysApart
            | Kind::Conflict
            | Kind::WrongPassword
            | Kind::NotAuthenticated
            | Kind::NoPermission
            | Kind::NoFreeConnection
            | Kind::LockHeld
    )
}

/// Whether there is no other attempt: it would end as this one, or is for the application to decide, or would do again what was
/// surely done.
fn is_final(answer: AttemptOutcome, effect: OperationEffect) -> bool {
    match answer {
        AttemptOutcome::NotExecuted(ErrorKind::KeysApart | ErrorKind::Conflict) => true,
        // The reply to what stands behind the write; to the write itself it would be a refusal.
        AttemptOutcome::Unknown(ErrorKind::WaitShort | ErrorKind::OtherReply) => !effect.repeats_well(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;
