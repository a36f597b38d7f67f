//! A connection of a subscriber, and the channels that it is subscribed to there.

use std::collections::{BTreeSet, VecDeque};
use std::rc::Rc;
use std::time::Instant as StdInstant;

use tokio::sync::{mpsc, watch};

use super::SubscribersState;
use crate::evidence::{DataType, ErrorKind, Heard, HeardKind};
use crate::load::connection::{Connection, DeadlineTimer};
use crate::load::op::{AttemptOutcome, error_outcome};
use crate::load::resp::{Reply, push_command};
use crate::load::value::read_value;
use crate::system::NodeIndex;
use crate::vocab::Instant;

/// A channel that a connection does not have any more, or never had.
pub(crate) struct Returned {
    pub(crate) channel: usize,
    /// Whether the server had confirmed the subscription.
    pub(crate) was_subscribed: bool,
}

/// A connection of a subscriber to a node, with some of its channels. It gives each of them back, sooner or later.
pub(crate) struct SubscriberConnection {
    state: Rc<SubscribersState>,
    subscriber: u16,
    node: Option<NodeIndex>,
    /// What was asked for, in that order, and not answered yet.
    asked: VecDeque<usize>,
    /// What is confirmed.
    held: BTreeSet<usize>,
    give_back: mpsc::UnboundedSender<Returned>,
    /// When the server said something for the last time.
    heard: Instant,
    /// Whether it has said its last word.
    said_last: bool,
}

/// What the server owes its client.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owed {
    /// Anything at all, as it was asked for subscriptions, or whether it is there.
    AnyWord,
    /// The answer to a `PING` that is the last thing it was asked.
    LastWord,
}

/// How the life of a connection ended.
enum ConnectionEnd {
    /// It broke, or never was.
    Broken,
    /// All its channels are elsewhere.
    Empty,
    /// The subscriber closes it.
    Closed,
}

impl SubscriberConnection {
    /// A subscriber's connection to that node, for these channels.
    pub(crate) fn new(
        state: &Rc<SubscribersState>,
        subscriber: u16,
        node: Option<NodeIndex>,
        channels: Vec<usize>,
        give_back: mpsc::UnboundedSender<Returned>,
    ) -> Self {
        let (asked, held, heard) = (channels.into(), BTreeSet::new(), Instant::default());
        Self { state: Rc::clone(state), subscriber, node, asked, held, give_back, heard, said_last: false }
    }

    /// Subscribes, and listens until the connection is lost, has no channel any more, or is to be closed.
    pub(crate) async fn live(mut self, closing: watch::Receiver<bool>) {
        let end = self.listen(closing).await;
        let now = self.now();
        for channel in std::mem::take(&mut self.held) {
            self.over(channel, now, self.heard);
        }
        for channel in std::mem::take(&mut self.asked) {
            self.give_back(channel, false);
        }
        if let (ConnectionEnd::Broken, Some(node)) = (end, self.node) {
            let shared = &self.state.shared;
            shared.routes.borrow_mut().known_mut().set_suspect(node, true);
            if shared.load.client.refresh_on.error {
                shared.refresh(None);
            }
        }
    }

    async fn listen(&mut self, mut closing: watch::Receiver<bool>) -> ConnectionEnd {
        let (timeout, mut timer) = (self.state.shared.load.client.timeout.0, DeadlineTimer::new());
        let Ok(mut connection) = self.connect(&mut timer).await else { return ConnectionEnd::Broken };
        let request = self.subscriptions();
        let asked = timer.until(StdInstant::now() + timeout, connection.ask(&request)).await;
        if !matches!(asked, Some(Ok(()))) {
            return ConnectionEnd::Broken;
        }
        let mut owes = Some(Owed::AnyWord);
        loop {
            let until = StdInstant::now() + timeout;
            let heard = tokio::select! {
                heard = timer.until(until, connection.hear(|word| self.take(word))) => heard,
                _ = closing.wait_for(|closing| *closing), if owes != Some(Owed::LastWord) => {
                    owes = Some(Owed::LastWord);
                    Some(connection.ask(&command(&[b"PING", LAST_WORD])).await)
                }
            };
            match heard {
                Some(Ok(())) if self.said_last => return ConnectionEnd::Closed,
                Some(Ok(())) if self.held.is_empty() && self.asked.is_empty() => return ConnectionEnd::Empty,
                Some(Ok(())) => owes = owes.filter(|owed| *owed == Owed::LastWord),
                None if owes.is_none() => {
                    owes = Some(Owed::AnyWord);
                    if connection.ask(&command(&[b"PING"])).await.is_err() {
                        return ConnectionEnd::Broken;
                    }
                }
                // Silence, or the end of the connection.
                None | Some(Err(_)) => return ConnectionEnd::Broken,
            }
        }
    }

    async fn connect(&self, timer: &mut DeadlineTimer) -> Result<Connection, ErrorKind> {
        let shared = &self.state.shared;
        let address = self.node.and_then(|node| shared.routes.borrow().known().address(node));
        let until = StdInstant::now() + shared.load.client.timeout.0;
        self.state.dialer.open(address.ok_or(ErrorKind::NoRoute)?, timer, until).await
    }

    /// A command for each channel, since those of shards may lie apart.
    fn subscriptions(&self) -> Vec<u8> {
        let mut request = Vec::new();
        for channel in self.asked.iter().map(|index| &self.state.channels[*index]) {
            let command: &[u8] = if channel.data == DataType::ShardChannel { b"SSUBSCRIBE" } else { b"SUBSCRIBE" };
            push_command(&mut request, &[command, &channel.text]);
        }
        request
    }

    /// Takes what the server says: an array with RESP2, a push with RESP3.
    fn take(&mut self, word: &Reply<'_>) {
        self.heard = self.now();
        match word {
            Reply::Array(words) | Reply::Push(words) => match &words[..] {
                [Reply::Bulk(b"message" | b"smessage"), Reply::Bulk(channel), Reply::Bulk(message)] => {
                    if let Some(&channel) = self.state.by_text.get(*channel) {
                        self.record(channel, self.heard, HeardKind::Message(read_value(message)));
                    }
                }
                [Reply::Bulk(b"subscribe" | b"ssubscribe"), Reply::Bulk(channel), _] => self.subscribed(channel),
                // Without anybody's asking: the shard of the channel is another's now.
                [Reply::Bulk(b"unsubscribe" | b"sunsubscribe"), Reply::Bulk(channel), _] => self.unsubscribed(channel),
                [Reply::Bulk(b"pong"), Reply::Bulk(LAST_WORD)] => self.said_last = true,
                _ => {}
            },
            Reply::Bulk(LAST_WORD) => self.said_last = true,
            Reply::Error(text) => self.refused(text),
            _ => {}
        }
    }

    fn subscribed(&mut self, text: &[u8]) {
        let Some(&channel) = self.state.by_text.get(text) else { return };
        if self.asked.front() == Some(&channel) {
            self.asked.pop_front();
        }
        if self.held.insert(channel) {
            self.record(channel, self.heard, HeardKind::Subscribed);
            self.state.gained();
        }
    }

    fn unsubscribed(&mut self, text: &[u8]) {
        let Some(&channel) = self.state.by_text.get(text) else { return };
        if self.held.remove(&channel) {
            self.over(channel, self.heard, self.heard);
            let shared = &self.state.shared;
            if shared.load.client.refresh_on.moved {
                shared.refresh(None);
            }
        }
    }

    /// Takes an error: it is about what was asked for first.
    fn refused(&mut self, text: &[u8]) {
        let Some(channel) = self.asked.pop_front() else { return };
        let shared = &self.state.shared;
        shared.error_replied(text);
        if let AttemptOutcome::Elsewhere(ErrorKind::Moved, redirect) = error_outcome(text)
            && shared.load.client.redirects > 0
        {
            let mut routes = shared.routes.borrow_mut();
            let responder = self.node.and_then(|node| routes.known().address(node));
            let owner = responder.and_then(|responder| routes.moved(redirect.position, redirect.address(responder)));
            drop(routes);
            if shared.load.client.refresh_on.moved {
                shared.refresh(owner);
            }
        }
        self.give_back(channel, false);
    }

    /// A subscription that was confirmed is over.
    fn over(&self, channel: usize, at: Instant, good_until: Instant) {
        self.record(channel, at, HeardKind::Ended { good_until });
        self.state.lost();
        self.give_back(channel, true);
    }

    fn give_back(&self, channel: usize, was_subscribed: bool) {
        // Nobody takes it any more when the load has ended.
        let _ = self.give_back.send(Returned { channel, was_subscribed });
    }

    fn record(&self, channel: usize, at: Instant, what: HeardKind) {
        let (shared, channel) = (&self.state.shared, &self.state.channels[channel]);
        shared.outbox.borrow_mut().heard(Heard {
            load: shared.index,
            subscriber: self.subscriber,
            data: channel.data,
            channel: channel.number,
            node: self.node.and_then(|node| shared.routes.borrow().known().plan_index(node)),
            at,
            what,
        });
    }

    fn now(&self) -> Instant {
        self.state.shared.clock.now()
    }
}

/// What the last `PING` carries, so that its answer is told from others.
const LAST_WORD: &[u8] = b"last";

fn command(words: &[&[u8]]) -> Vec<u8> {
    let mut request = Vec::new();
    push_command(&mut request, words);
    request
}
