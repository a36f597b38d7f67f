//! What became of messages: which of them each subscriber should have heard, and which it heard.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::case::Case;
use super::window::Window;
use crate::evidence::{DataType, Heard, HeardKind, LoadIndex, Operation, OperationEffect, Outcome, Value};
use crate::vocab::{Duration, Instant};

/// A subscription is good for a message if its connection was for so long after the message was acknowledged: on its way through
/// another node and the network it is until then.
const UNDER_WAY: Duration = Duration::from_millis(500);

/// A channel: its load, its kind, its number.
type ChannelId = (LoadIndex, DataType, u32);

/// What a run tells of messages, by channel and then by subscriber.
pub(super) struct Deliveries {
    /// Every message whose publish was begun, by its id.
    messages: HashMap<u64, Operation>,
    /// The acknowledged ones of each channel.
    acknowledged: BTreeMap<ChannelId, Vec<Operation>>,
    subscriptions: BTreeMap<ChannelId, BTreeMap<u16, Subscription>>,
}

/// What a subscriber heard of a channel.
#[derive(Default)]
struct Subscription {
    /// When it was subscribed.
    spans: Vec<Span>,
    /// Every message that came, in that order.
    came: Vec<(Value, Instant)>,
}

/// A time in which a subscriber was subscribed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    /// When the server had confirmed it.
    from: Instant,
    /// When the server was last heard of over the connection.
    good_until: Instant,
    /// When the client noticed that it was over.
    over: Instant,
}

/// What became of a message that a subscriber should have heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MessageFate {
    /// It came.
    Came,
    /// It did not, though the subscriber was surely subscribed and its connection good before and after.
    Lost,
    /// It did not: the subscriber was away, or its connection was about to break, for that time.
    Missed(Window),
}

/// A message that a subscriber should have heard, and what became of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExpectedMessage {
    pub(super) message: Operation,
    pub(super) subscriber: u16,
    pub(super) delivery: MessageFate,
}

/// What no publishing explains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Odd {
    /// A message that nobody published to the channel, or whose publish surely was not executed.
    Phantom,
    /// A message that came more often than it can have been published.
    Duplicate,
    /// A message that came after one that was published later, though both took the same way.
    Disorder,
}

impl Odd {
    /// In words, after a number of messages.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Phantom => "never published",
            Self::Duplicate => "heard more often than published",
            Self::Disorder => "heard after one that was published later",
        }
    }
}

impl Deliveries {
    /// What the run tells.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let (mut messages, mut acknowledged) = (HashMap::new(), BTreeMap::<_, Vec<_>>::new());
        for operation in case.client_operations().filter(|operation| operation.effect == OperationEffect::Publishes) {
            if let Value::Written(id) = operation.value {
                messages.insert(id, operation);
            }
            if operation.outcome == Outcome::Ok {
                acknowledged.entry((operation.load, operation.data, operation.key)).or_default().push(operation);
            }
        }
        let mut subscriptions = BTreeMap::<_, BTreeMap<_, Subscription>>::new();
        for heard in &case.evidence.heard {
            let of_channel = subscriptions.entry((heard.load, heard.data, heard.channel)).or_default();
            of_channel.entry(heard.subscriber).or_default().add(heard);
        }
        Self { messages, acknowledged, subscriptions }
    }

    /// How many messages were acknowledged.
    pub(super) fn acknowledged(&self) -> u64 {
        self.acknowledged.values().map(|messages| messages.len() as u64).sum()
    }

    /// Every acknowledged message with each subscriber that had been subscribed to its channel before.
    pub(super) fn expected(&self) -> impl Iterator<Item = ExpectedMessage> + '_ {
        self.acknowledged.iter().flat_map(|(channel, messages)| {
            let subscriptions = self.subscriptions.get(channel).into_iter().flatten();
            subscriptions.flat_map(move |(subscriber, subscription)| subscription.expected(*subscriber, messages))
        })
    }

    /// How many subscriptions to channels with acknowledged messages never came about, of how many there should be.
    pub(super) fn never_subscribed(&self, case: &Case<'_>) -> (u64, u64) {
        let (mut never, mut all) = (0, 0);
        for channel in self.acknowledged.keys() {
            let wanted = case.plan.loads.get(usize::from(channel.0)).map_or(0, |load| u64::from(load.subscribers));
            let of_channel = self.subscriptions.get(channel).into_iter().flatten();
            let confirmed = of_channel.filter(|(_, subscription)| !subscription.spans.is_empty()).count() as u64;
            (never, all) = (never + wanted.saturating_sub(confirmed), all + wanted);
        }
        (never, all)
    }

    /// Every message that a subscriber heard for the first time, and when.
    pub(super) fn heard(&self) -> impl Iterator<Item = (Operation, Instant)> + '_ {
        let subscriptions = self.subscriptions.values().flat_map(BTreeMap::values);
        subscriptions.flat_map(|subscription| {
            let mut first = HashMap::new();
            for (value, at) in &subscription.came {
                first.entry(*value).or_insert(*at);
            }
            first.into_iter().filter_map(|(value, at)| Some((*self.message(value)?, at)))
        })
    }

    /// Everything that no publishing explains: what it is, the channel's load, the subscriber, and the message if it is known.
    pub(super) fn odd(&self) -> impl Iterator<Item = (Odd, u16, Option<Operation>)> + '_ {
        self.subscriptions.iter().flat_map(move |(channel, subscriptions)| {
            subscriptions.iter().flat_map(move |(subscriber, subscription)| {
                let odd = self.odd_of(*channel, subscription).into_iter();
                odd.map(|(odd, message)| (odd, *subscriber, message))
            })
        })
    }

    fn message(&self, value: Value) -> Option<&Operation> {
        let Value::Written(id) = value else { return None };
        self.messages.get(&id)
    }

    fn odd_of(&self, channel: ChannelId, subscription: &Subscription) -> Vec<(Odd, Option<Operation>)> {
        let mut odd = Vec::new();
        let (mut times, mut latest) = (HashMap::<_, u64>::new(), HashMap::<_, Instant>::new());
        for (value, _) in &subscription.came {
            let message = self.message(*value).copied();
            let Some(publish) = message.filter(|publish| may_come(publish, channel)) else {
                odd.push((Odd::Phantom, message));
                continue;
            };
            let times = times.entry(*value).or_default();
            *times += 1;
            if *times > most(&publish) {
                odd.push((Odd::Duplicate, message));
            } else if let Some(node) = publish.node.filter(|_| took_one_way(&publish)) {
                // Who was acknowledged before another began took the same way before it.
                let latest = latest.entry(node).or_default();
                if publish.ended < *latest {
                    odd.push((Odd::Disorder, message));
                }
                *latest = publish.started.max(*latest);
            }
        }
        odd
    }
}

/// Whether a publish can have brought a message to that channel.
fn may_come(publish: &Operation, channel: ChannelId) -> bool {
    (publish.load, publish.data, publish.key) == channel
        && (publish.outcome != Outcome::Fail || publish.unknown_attempts > 0)
}

/// How often a message can come at most: once for each attempt that was, or may have been, executed.
fn most(publish: &Operation) -> u64 {
    u64::from(publish.outcome == Outcome::Ok) + u64::from(publish.unknown_attempts)
}

/// Whether it is known which attempt brought the message, and so when.
fn took_one_way(publish: &Operation) -> bool {
    publish.outcome == Outcome::Ok && publish.unknown_attempts == 0
}

impl Subscription {
    fn add(&mut self, heard: &Heard) {
        let at = heard.at;
        match heard.what {
            HeardKind::Subscribed => self.spans.push(Span { from: at, good_until: at, over: Instant(u64::MAX) }),
            HeardKind::Message(value) => {
                self.came.push((value, at));
                if let Some(span) = self.spans.last_mut().filter(|span| span.over == Instant(u64::MAX)) {
                    span.good_until = at;
                }
            }
            HeardKind::Ended { good_until } => {
                if let Some(span) = self.spans.last_mut() {
                    (span.good_until, span.over) = (good_until.max(span.from), at);
                }
            }
        }
    }

    fn expected<'a>(
        &'a self,
        subscriber: u16,
        messages: &'a [Operation],
    ) -> impl Iterator<Item = ExpectedMessage> + 'a {
        let came: HashSet<_> = self.came.iter().map(|(value, _)| *value).collect();
        let first = self.spans.first().map(|span| span.from);
        let expected = messages.iter().filter(move |message| first.is_some_and(|first| first <= message.started));
        expected.map(move |message| {
            let delivery = if came.contains(&message.value) { MessageFate::Came } else { self.fate(message) };
            ExpectedMessage { message: *message, subscriber, delivery }
        })
    }

    /// What became of an acknowledged message that did not come.
    fn fate(&self, message: &Operation) -> MessageFate {
        let surely = message.ended.plus_nanos(UNDER_WAY.as_nanos());
        if self.spans.iter().any(|span| span.from <= message.started && surely <= span.good_until) {
            return MessageFate::Lost;
        }
        let before = self.spans.iter().rfind(|span| span.from <= message.started);
        let next = self.spans.iter().find(|span| span.from > message.started);
        MessageFate::Missed(Window {
            start: before.map_or(message.started, |span| span.good_until.min(message.ended)),
            end: before.map_or(message.ended, |span| span.over).min(next.map_or(Instant(u64::MAX), |span| span.from)),
        })
    }
}
