//! A crowd of idle clients: connections that ask nothing, and come back when they are lost.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

use super::connection::{Connection, DeadlineTimer};
use super::dialer::Dialer;
use super::draw::{Purpose, random_of};
use super::hello::Hello;
use super::shared::Shared;
use super::worker_pool::Shards;
use crate::evidence::{Clock, ErrorKind, EventKind, IdleTotals};
use crate::system::NodeIndex;
use crate::vocab::{Instant, Position};

/// How often it is said how many are open.
const TOLD_EVERY: Duration = Duration::from_millis(20);

/// How often it is recorded while some are missing.
const RECORDED_EVERY: Duration = Duration::from_secs(1);

/// How many idle connections of a load were open at a moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct IdleSeen {
    pub(crate) at: Instant,
    pub(crate) open: u32,
}

/// A load's idle connections. Dropping it closes them.
pub(crate) struct Crowd {
    state: Rc<CrowdState>,
    _members: JoinSet<()>,
}

struct CrowdState {
    totals: RefCell<IdleTotals>,
    clock: Clock,
    dialer: Dialer,
}

impl Crowd {
    /// Opens so many connections, divided over the shards, each to the node that owns its shard. It says in `tell` how many are
    /// open.
    pub(crate) fn open(shared: &Rc<Shared>, size: u32, tell: watch::Sender<IdleSeen>) -> Self {
        let clock = shared.clock;
        let state = Rc::new(CrowdState {
            totals: RefCell::new(IdleTotals::new(size, clock.now())),
            clock,
            dialer: shared.dialer.saying(Hello::of_server(&shared.load.client, &*shared.system).then_ping()),
        });
        let positions = positions(&shared.shards);
        let mut members = JoinSet::new();
        for (number, position) in (0..size).zip(positions.into_iter().cycle()) {
            members.spawn_local(stay(Rc::clone(shared), Rc::clone(&state), number, position));
        }
        members.spawn_local(report(Rc::clone(shared), Rc::clone(&state), tell));
        Self { state, _members: members }
    }

    /// What became of them.
    pub(crate) fn totals(&self) -> IdleTotals {
        self.state.totals.borrow().clone()
    }
}

/// A place in each shard; any place at all if there is none.
fn positions(shards: &Shards) -> Vec<Position> {
    let positions = shards.first_positions();
    if positions.is_empty() { vec![Position(0)] } else { positions }
}

/// Is connected to the node that owns the position, and whenever that ends connects again, after waits as between attempts.
async fn stay(shared: Rc<Shared>, crowd: Rc<CrowdState>, number: u32, position: Position) {
    let client = &shared.load.client;
    // Workers count from the other end.
    let stream = u16::MAX.saturating_sub(u16::try_from(number).unwrap_or(u16::MAX));
    let mut random = random_of(shared.seed, shared.index, stream, Purpose::Waits);
    let (mut timer, mut failed) = (DeadlineTimer::new(), 0);
    loop {
        let node = shared.routes.borrow_mut().target(position);
        match crowd.join(&shared, node, &mut timer).await {
            Ok(mut connection) => {
                failed = 0;
                crowd.totals.borrow_mut().opened(crowd.clock.now());
                connection.end_of_idle().await;
                crowd.totals.borrow_mut().lost(crowd.clock.now());
            }
            Err(_) => failed += 1,
        }
        if let Some(node) = node {
            shared.routes.borrow_mut().known_mut().set_suspect(node, true);
        }
        if client.refresh_on.error {
            shared.refresh(None);
        }
        sleep(client.wait(failed, &mut random)).await;
    }
}

impl CrowdState {
    async fn join(
        &self,
        shared: &Shared,
        node: Option<NodeIndex>,
        timer: &mut DeadlineTimer,
    ) -> Result<Connection, ErrorKind> {
        let address = node.and_then(|node| shared.routes.borrow().known().address(node)).ok_or(ErrorKind::NoRoute)?;
        self.dialer.open(address, timer, std::time::Instant::now() + shared.load.client.timeout.0).await
    }
}

/// Says how many are open, and records it when that is news.
async fn report(shared: Rc<Shared>, crowd: Rc<CrowdState>, tell: watch::Sender<IdleSeen>) {
    let mut ticks = interval(TOLD_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut recorded = IdleSeen::default();
    loop {
        ticks.tick().await;
        let wanted = crowd.totals.borrow().wanted;
        let seen = IdleSeen { at: crowd.clock.now(), open: crowd.totals.borrow().open };
        tell.send_replace(seen);
        let since = Duration::from_nanos(seen.at.nanos_since(recorded.at));
        let turned = (seen.open == wanted) != (recorded.open == wanted);
        if turned || (seen.open != recorded.open && since >= RECORDED_EVERY) {
            let load = shared.load.name.clone();
            shared.outbox.borrow_mut().event(EventKind::IdleConnections { load, open: seen.open, wanted });
            recorded = seen;
        }
    }
}

#[cfg(test)]
mod tests;
