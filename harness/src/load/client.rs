//! A client that retries: it takes commands to their outcomes, over as many attempts, nodes and connections as that needs.

mod locking;

use std::rc::Rc;

use rand_chacha::ChaCha8Rng;

use super::draw::{Purpose, random_of};
use super::exchange::{Interrupted, NodeRequest, WorkerConnections};
use super::iteration::Iteration;
use super::key_space::{KeySpace, WrittenKeys};
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
    /// Which commands of the batch take part in the current attempt, by their places in it.
    sent: Vec<usize>,
    /// Until when it believes to hold a lock, if it holds one.
    holds_until: Option<Instant>,
}

/// A command, and when it should have started; none: when it does.
pub(crate) type BatchCommand<'a> = (MixCommand<'a>, Option<Due>);

/// A command of a batch on its way to its outcome.
pub(crate) struct UnderWay<'a> {
    command: MixCommand<'a>,
    /// As it will be recorded if no attempt succeeds from now on.
    pub(crate) operation: Operation,
    /// The elements that its last attempt read.
    pub(crate) elements: Vec<Value>,
    /// How far it is, if it goes through all keys.
    iteration: Option<Box<Iteration>>,
    route: Route,
    /// How many redirections it has followed in a row.
    redirections: u32,
    /// How many attempts failed, those not counted after which a redirection was followed.
    tried: u32,
    /// When it is attempted next; none when its outcome is final.
    next: Option<Instant>,
    /// Where it begins in the request.
    offset: usize,
    /// What the replies to the current attempt say.
    answer: AttemptOutcome,
    /// When the last of them came that did.
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
        Self { shared, worker, connections, random, key, request, sent: Vec::new(), holds_until: None }
    }

    /// Does the commands, on keys of that shard of the plan, and says how each ended, at the load's deadline at the latest. Those that
    /// go to the same node travel together, so no two of a batch may write the same key unless that is contended. Which of them need
    /// another attempt are tried again together.
    pub(crate) async fn perform<'a>(
        &mut self,
        shard: Option<u16>,
        commands: impl Iterator<Item = BatchCommand<'a>>,
    ) -> Vec<UnderWay<'a>> {
        let started = self.shared.clock.now();
        let deadline = started.plus_nanos(self.shared.load.client.deadline.as_nanos());
        let mut batch = self.begin(shard, commands, started, deadline);
        match batch.first().and_then(|first| first.command.lock()) {
            Some(lock) => self.lock_or_unlock(&mut batch, lock, deadline).await,
            None => self.attempt_all(&mut batch, started, deadline).await,
        }
        if self.shared.load.connections == Connections::PerOperation {
            self.connections.close();
        }
        batch
    }

    /// Attempts them until each has its outcome.
    async fn attempt_all(&mut self, batch: &mut [UnderWay<'_>], started: Instant, deadline: Instant) {
        let mut now = started;
        while let Some(next) = batch.iter().filter_map(|command| command.next).min() {
            if next > now {
                tokio::time::sleep_until(self.shared.clock.std_instant(next).into()).await;
                now = self.shared.clock.now();
                end_at(batch, deadline, now);
            }
            while let Some(Destination(node)) = self.choose(batch, now) {
                self.attempt(batch, node, now, deadline).await;
                self.learn(batch, node, deadline);
                if batch.iter().any(|command| command.next.is_some()) {
                    now = self.shared.clock.now();
                    end_at(batch, deadline, now);
                }
            }
        }
    }

    /// Puts the batch together: each command as it will be recorded when no attempt succeeds.
    fn begin<'a>(
        &self,
        shard: Option<u16>,
        commands: impl Iterator<Item = BatchCommand<'a>>,
        started: Instant,
        deadline: Instant,
    ) -> Vec<UnderWay<'a>> {
        let mut written = self.shared.written.borrow_mut();
        let mut batch = Vec::with_capacity(commands.size_hint().1.unwrap_or(0));
        for (command, due) in commands {
            let effect = command.effect();
            if effect.writes() {
                written.insert(command.data(), command.key);
            }
            let iteration = command.iterates().then(|| Box::new(self.iteration(&command, &written)));
            let due = due.unwrap_or(Due { intended: started, ready: started });
            let not_started = command.not_started(self.shared.index, shard, due, started);
            batch.push(UnderWay {
                operation: Operation { worker: self.worker, error: None, ..not_started },
                route: self.first_route(effect.acts() || iteration.is_some()),
                command,
                elements: Vec::new(),
                iteration,
                redirections: 0,
                tried: 0,
                next: Some(started).filter(|_| started < deadline),
                offset: 0,
                answer: MixCommand::UNANSWERED,
                replied: None,
            });
        }
        batch
    }

    /// A walk through the keys of every shard; of that of a place alone, if no shards are known.
    fn iteration(&self, command: &MixCommand<'_>, written: &WrittenKeys) -> Iteration {
        let shared = &self.shared;
        let shards = shared.shards.first_positions();
        let walk = Iteration::new(if shards.is_empty() { vec![command.place] } else { shards });
        if !command.looks_for_keys(&shared.load) {
            return walk;
        }
        let mut keys = written.of(DataType::Value);
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
    fn choose(&mut self, batch: &[UnderWay<'_>], now: Instant) -> Option<Destination> {
        let reads_from = self.shared.load.client.reads_from;
        let mut routes = self.shared.routes.borrow_mut();
        let (mut chosen, mut lacks_replica) = (None, false);
        self.sent.clear();
        let due = |command: &UnderWay<'_>| command.next.is_some_and(|next| next <= now);
        for (at, command) in batch.iter().enumerate().filter(|(_, command)| due(command)) {
            let node = match command.route {
                Route::Owner => routes.target(command.position()),
                Route::Reader => {
                    lacks_replica |= reads_from != ReadsFrom::Master && !routes.knows_replica(command.position());
                    routes.reader(command.position(), reads_from)
                }
                Route::Asking(node) => Some(node),
            };
            if *chosen.get_or_insert(Destination(node)) == Destination(node) {
                self.sent.push(at);
            }
        }
        drop(routes);
        self.refresh(lacks_replica, None);
        chosen
    }

    /// Sends what was chosen to that node, and takes what it says.
    async fn attempt(&mut self, batch: &mut [UnderWay<'_>], node: Option<NodeIndex>, now: Instant, deadline: Instant) {
        for at in &self.sent {
            batch[*at].begin_attempt();
        }
        let address = node.and_then(|node| self.shared.routes.borrow().known().address(node));
        let Some((node, address)) = node.zip(address) else {
            let not_executed = AttemptOutcome::NotExecuted(ErrorKind::NoRoute);
            return self.sent.iter().for_each(|at| batch[*at].answer = not_executed);
        };
        self.encode(batch, node);
        let server_waits = self.sent.iter().map(|at| batch[*at].command.server_waits().as_nanos()).sum();
        let timeout = self.shared.load.client.timeout.as_nanos().saturating_add(server_waits);
        let until = self.shared.clock.std_instant(now.plus_nanos(timeout).min(deadline));
        self.exchange(batch, (node, address), until).await;
    }

    fn encode(&mut self, batch: &mut [UnderWay<'_>], node: NodeIndex) {
        self.request.clear();
        for at in &self.sent {
            let under_way = &mut batch[*at];
            under_way.offset = self.request.len();
            if under_way.asks() {
                push_command(&mut self.request, &[b"ASKING"]);
            }
            let (command, iteration) = (under_way.command, &mut under_way.iteration);
            let command = iteration.as_mut().map_or(command, |walk| command.at_cursor(walk.cursor_at(node)));
            self.shared.keys.text(command.data(), command.key, &mut self.key);
            command.encode(&mut self.request, &self.key);
        }
    }

    /// Sends the request and takes its replies.
    async fn exchange(
        &mut self,
        batch: &mut [UnderWay<'_>],
        (node, address): (NodeIndex, Address),
        until: std::time::Instant,
    ) {
        let Self { shared, connections, request, sent, .. } = self;
        let replies = sent.iter().map(|at| batch[*at].replies()).sum();
        let request = NodeRequest { node, address, bytes: request, replies, until };
        // Which command the next reply is for, and how many of its replies have come.
        let (mut current, mut nth) = (0, 0_usize);
        // When the last of them was read: what was read together has one time.
        let mut now = Instant::default();
        let on_reply = |reply: &Reply<'_>, with_before: bool| {
            if !with_before {
                now = shared.clock.now();
            }
            if let Reply::Error(text) = reply {
                shared.error_replied(text);
            }
            let command = &mut batch[sent[current]];
            let fits = command.hear(nth, reply, now, &shared.keys);
            nth += 1;
            if fits && nth == command.replies() {
                (current, nth) = (current + 1, 0);
            }
            fits
        };
        let ended = connections.exchange(&shared.connections, &shared.dialer, &request, on_reply).await;
        if let Err(Interrupted { kind, handed_over_bytes }) = ended {
            for at in sent.iter().skip(current) {
                let command = &mut batch[*at];
                command.answer = command.answer.cut_short(kind, command.offset < handed_over_bytes);
            }
        }
    }

    /// Takes from the attempt what it says about the commands and about the cluster, and decides what becomes of those that did
    /// not end ok.
    fn learn(&mut self, batch: &mut [UnderWay<'_>], node: Option<NodeIndex>, deadline: Instant) {
        let replied = self.sent.iter().any(|at| batch[*at].replied.is_some());
        let plan_index = node.filter(|_| replied).and_then(|node| {
            let mut routes = self.shared.routes.borrow_mut();
            routes.known_mut().set_suspect(node, false);
            routes.known().plan_index(node)
        });
        let mut failed = false;
        let now = self.shared.clock.now();
        for at in &self.sent {
            let command = &mut batch[*at];
            command.operation.node = command.replied.and(plan_index).or(command.operation.node);
            command.next = Some(now).filter(|_| command.goes_on(&self.shared, now));
            if command.next.is_some() {
                continue;
            }
            if let Some(kind) = command.note() {
                failed = true;
                self.shared.attempt_failed(kind);
            }
        }
        if failed {
            self.retry(batch, node, deadline);
        }
    }

    /// Decides when and where those that did not end ok are attempted again.
    fn retry(&mut self, batch: &mut [UnderWay<'_>], node: Option<NodeIndex>, deadline: Instant) {
        let shared = Rc::clone(&self.shared);
        let (now, client) = (shared.clock.now(), &shared.load.client);
        let tried = self.sent.iter().map(|at| batch[*at].tried).max().unwrap_or(0);
        let retry = now.plus_nanos(Duration(client.wait(tried, &mut self.random)).as_nanos());
        for at in &self.sent {
            let command = &mut batch[*at];
            if command.operation.outcome == Outcome::Ok || command.next.is_some() {
                continue;
            }
            let redirected = self.redirect(command.position(), node, command.answer);
            command.operation.ended = now;
            let redirected = redirected.filter(|_| command.redirections < client.redirects);
            let first_route = self.first_route(command.operation.effect.acts() || command.iteration.is_some());
            command.route = redirected.unwrap_or(first_route);
            command.next = if redirected.is_some() {
                command.redirections += 1;
                Some(now)
            } else {
                (command.redirections, command.tried) = (0, command.tried + 1);
                Some(retry).filter(|_| {
                    client.attempts.is_none_or(|most| command.tried < most)
                        && !is_final(command.answer, command.operation.effect)
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

impl UnderWay<'_> {
    /// Where its key lies, or the shard that it has come to.
    fn position(&self) -> Position {
        self.iteration.as_ref().map_or(self.command.place, |walk| walk.position())
    }

    /// Whether `ASKING` stands before it.
    fn asks(&self) -> bool {
        matches!(self.route, Route::Asking(_))
    }

    /// How many replies an attempt gets.
    fn replies(&self) -> usize {
        usize::from(self.asks()) + self.command.replies()
    }

    /// Nothing is known of the attempt that begins.
    fn begin_attempt(&mut self) {
        self.elements.clear();
        (self.offset, self.answer, self.replied) = (0, MixCommand::UNANSWERED, None);
    }

    /// Takes the reply number `nth` (from 0) to an attempt. Whether it fits what was asked.
    fn hear(&mut self, nth: usize, reply: &Reply<'_>, now: Instant, keys: &KeySpace) -> bool {
        self.replied = Some(now);
        let Some(nth) = nth.checked_sub(usize::from(self.asks())) else { return true };
        self.answer = self.command.classify(nth, reply, self.answer);
        if matches!(self.answer, AttemptOutcome::Acknowledged(Value::Elements { .. })) {
            self.elements = contents::elements(self.command.data(), reply);
        }
        if let Some(iteration) = &mut self.iteration
            && let Some((cursor, brought)) = self.command.step(reply)
        {
            let number = |key: &[u8]| keys.names().number(DataType::Value, key);
            iteration.brought = (cursor, brought.into_iter().filter_map(number).collect());
        }
        self.answer != MixCommand::UNANSWERED
    }

    /// Takes an iteration a step further. Whether it goes on; what it brought in all is the answer to its last step.
    fn goes_on(&mut self, shared: &Shared, now: Instant) -> bool {
        let Some(iteration) = &mut self.iteration else { return false };
        let AttemptOutcome::Acknowledged(Value::Number(keys)) = self.answer else {
            iteration.begin_anew();
            return false;
        };
        let (cursor, found) = std::mem::take(&mut iteration.brought);
        for key in found {
            iteration.found(key);
        }
        let Some(all) = iteration.step(keys, cursor) else { return true };
        shared.scanned(self.operation.started, now, iteration.missing().take(UNSCANNED_NAMED_MAX).collect());
        self.answer = AttemptOutcome::Acknowledged(Value::Number(all));
        false
    }

    /// Adds an attempt to the operation. Returns why it did not end ok, if it did not.
    ///
    /// A write that may have happened stays unknown unless a later attempt succeeds; a read without an answer changed nothing.
    fn note(&mut self) -> Option<ErrorKind> {
        let operation = &mut self.operation;
        operation.attempts = operation.attempts.saturating_add(1);
        let replied = self.replied;
        let mut done = |value, replaced| {
            (operation.value, operation.replaced, operation.outcome) = (value, replaced, Outcome::Ok);
            operation.ended = replied.unwrap_or(operation.ended);
            None
        };
        let kind = match self.answer {
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
}

/// Attempts nothing more once the deadline has passed: timers come late, and another node of the batch may have taken its time.
fn end_at(batch: &mut [UnderWay<'_>], deadline: Instant, now: Instant) {
    for command in batch.iter_mut().filter(|command| now >= deadline && command.next.is_some()) {
        command.next = None;
        command.operation.ended = now;
    }
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
