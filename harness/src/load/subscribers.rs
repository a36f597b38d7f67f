//! The subscribers of a load: who hears what is published to its channels, and comes back when a connection is lost.

mod connection;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::connection::{Returned, SubscriberConnection};
use super::dialer::Dialer;
use super::draw::{Purpose, random_of};
use super::hello::Hello;
use super::shared::Shared;
use crate::evidence::{DataType, EventKind};
use crate::system::NodeIndex;
use crate::vocab::{Instant, Position};

/// How long a load waits at most for its subscribers before it begins.
const FIRST_BOUND: Duration = Duration::from_secs(2);

/// How long subscribers listen on when their load has ended. A shaped link holds a message back for a second at most.
const LISTENS_ON: Duration = Duration::from_secs(2);

/// How long servers may then take to say that nothing more is to come.
const LAST_WORD_BOUND: Duration = Duration::from_secs(1);

/// How much longer than its last operation a load with subscribers takes at most.
pub(crate) const END_BOUND: Duration = Duration::from_secs(4);

/// How often it is looked whether subscriptions are missing.
const LOOKED_EVERY: Duration = Duration::from_millis(20);

/// How often it is recorded while some are missing.
const RECORDED_EVERY: Duration = Duration::from_secs(1);

/// The subscribers of a load. Dropping it closes their connections.
pub(crate) struct Subscribers {
    state: Rc<SubscribersState>,
    close: watch::Sender<bool>,
    members: JoinSet<()>,
    _report: JoinSet<()>,
}

/// What they have in common.
pub(crate) struct SubscribersState {
    pub(crate) shared: Rc<Shared>,
    pub(crate) dialer: Dialer,
    /// Each of them subscribes to all of these.
    pub(crate) channels: Vec<Channel>,
    /// The same, by their texts.
    pub(crate) by_text: HashMap<Vec<u8>, usize>,
    wanted: u32,
    held: Cell<u32>,
    gained: Notify,
}

/// A channel that is subscribed to.
pub(crate) struct Channel {
    pub(crate) data: DataType,
    pub(crate) number: u32,
    pub(crate) text: Vec<u8>,
    position: Position,
}

impl Subscribers {
    /// Has that many subscribe to all channels of the load.
    pub(crate) fn open(shared: &Rc<Shared>, count: u16) -> Self {
        let channels = channels(shared);
        let by_text = channels.iter().enumerate().map(|(index, channel)| (channel.text.clone(), index)).collect();
        let wanted = u32::from(count) * u32::try_from(channels.len()).unwrap_or(u32::MAX);
        let hello = Hello::of_client(&shared.load.client, &*shared.system).then_ping();
        let state = Rc::new(SubscribersState {
            dialer: shared.dialer.saying(hello).on(shared.subscribers_host.clone()),
            shared: Rc::clone(shared),
            channels,
            by_text,
            wanted,
            held: Cell::new(0),
            gained: Notify::new(),
        });
        let (close, closing) = watch::channel(false);
        let mut members = JoinSet::new();
        for number in 0..count {
            members.spawn_local(Subscriber::new(&state, number, closing.clone()).live());
        }
        let mut reports = JoinSet::new();
        reports.spawn_local(report(Rc::clone(&state)));
        Self { state, close, members, _report: reports }
    }

    /// Waits until each is subscribed to each channel, but not for ever.
    pub(crate) async fn subscribed(&self) {
        let all = async {
            while self.state.held.get() < self.state.wanted {
                self.state.gained.notified().await;
            }
        };
        let _ = timeout(FIRST_BOUND, all).await;
    }

    /// Listens on for a while to what is still on its way, then has every server say a last word, and closes the connections.
    pub(crate) async fn finish(mut self) {
        sleep(LISTENS_ON).await;
        self.close.send_replace(true);
        let closed = async { while self.members.join_next().await.is_some() {} };
        // Who does not answer by then is asked no more: what it heard last is recorded as that.
        let _ = timeout(LAST_WORD_BOUND, closed).await;
    }
}

fn channels(shared: &Shared) -> Vec<Channel> {
    let (keys, system) = (&shared.keys, &*shared.system);
    let numbers = || (0..keys.count()).map(|nth| keys.number(nth));
    let channel = |data, number| {
        let mut text = Vec::new();
        keys.text(data, number, &mut text);
        Channel { data, number, position: system.position_of(&text), text }
    };
    let types = shared.load.channel_types();
    types
        .into_iter()
        .flat_map(|data| numbers().map(move |number| (data, number)))
        .map(|(data, number)| channel(data, number))
        .collect()
}

impl SubscribersState {
    /// One more subscription is confirmed.
    pub(crate) fn gained(&self) {
        self.held.update(|held| held + 1);
        self.gained.notify_one();
    }

    /// One that was confirmed is over.
    pub(crate) fn lost(&self) {
        self.held.update(|held| held.saturating_sub(1));
    }
}

/// One subscriber.
struct Subscriber {
    state: Rc<SubscribersState>,
    number: u16,
    /// Where the node lies that it subscribes to ordinary channels at: any node would do.
    home: Position,
    closing: watch::Receiver<bool>,
    random: ChaCha8Rng,
    connections: JoinSet<()>,
}

impl Subscriber {
    fn new(state: &Rc<SubscribersState>, number: u16, closing: watch::Receiver<bool>) -> Self {
        let shared = &state.shared;
        let places = shared.shards.first_positions();
        let home = places.get(usize::from(number) % places.len().max(1)).copied().unwrap_or(Position(0));
        // Workers and idle connections count from the ends.
        let random = random_of(shared.seed, shared.index, u16::MAX / 2 + number, Purpose::Waits);
        Self { state: Rc::clone(state), number, home, closing, random, connections: JoinSet::new() }
    }

    /// Subscribes to all channels, and again to those that it lost, after waits as between attempts.
    async fn live(mut self) {
        let client = self.state.shared.load.client.clone();
        let mut closing = self.closing.clone();
        let (give_back, mut returns) = mpsc::unbounded_channel();
        let mut missing: Vec<_> = (0..self.state.channels.len()).collect();
        let mut failed = 0;
        while !*closing.borrow() {
            for (node, channels) in self.by_node(&missing) {
                let connection = SubscriberConnection::new(&self.state, self.number, node, channels, give_back.clone());
                self.connections.spawn_local(connection.live(self.closing.clone()));
            }
            missing.clear();
            tokio::select! {
                returned = returns.recv() => returned.into_iter().for_each(|one| self.take(&one, &mut missing, &mut failed)),
                _ = closing.wait_for(|closing| *closing) => break,
            }
            tokio::select! {
                () = sleep(client.wait(failed, &mut self.random)) => {}
                _ = closing.wait_for(|closing| *closing) => break,
            }
            // What was lost together comes back together.
            while let Ok(returned) = returns.try_recv() {
                self.take(&returned, &mut missing, &mut failed);
            }
            failed += 1;
        }
        while self.connections.join_next().await.is_some() {}
    }

    /// Takes what a connection gives back.
    fn take(&mut self, returned: &Returned, missing: &mut Vec<usize>, failed: &mut u32) {
        missing.push(returned.channel);
        if returned.was_subscribed {
            *failed = 0;
        }
        // Those whose task has ended are done with.
        while self.connections.try_join_next().is_some() {}
    }

    /// Where it subscribes to which channels, as far as its client knows.
    fn by_node(&self, channels: &[usize]) -> BTreeMap<Option<NodeIndex>, Vec<usize>> {
        let mut by_node = BTreeMap::<_, Vec<_>>::new();
        for &index in channels {
            let channel = &self.state.channels[index];
            let position = if channel.data == DataType::ShardChannel { channel.position } else { self.home };
            let node = self.state.shared.routes.borrow_mut().target(position);
            by_node.entry(node).or_default().push(index);
        }
        by_node
    }
}

/// Records how many subscriptions are held, when that is news.
async fn report(state: Rc<SubscribersState>) {
    let mut ticks = interval(LOOKED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut told, mut told_at) = (0, Instant::default());
    loop {
        ticks.tick().await;
        let (held, wanted, now) = (state.held.get(), state.wanted, state.shared.clock.now());
        let since = Duration::from_nanos(now.nanos_since(told_at));
        let turned = (held == wanted) != (told == wanted);
        if turned || (held != told && since >= RECORDED_EVERY) {
            let load = state.shared.load.name.clone();
            state.shared.outbox.borrow_mut().event(EventKind::Subscriptions { load, held, wanted });
            (told, told_at) = (held, now);
        }
    }
}

#[cfg(test)]
mod tests;
