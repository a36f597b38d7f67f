//! A worker: one operation after the other, at the load's pace, until its share is done or the load is stopped.

use std::io;
use std::rc::Rc;

use tokio::sync::watch;

use super::client::Client;
use super::draw::Draw;
use super::pacing::{Alarm, Schedule};
use super::shared::Shared;
use super::{Load, Pace};
use crate::vocab::Instant;

/// Tells the workers to begin no more operations, and the moment from which they should not.
#[derive(Clone)]
pub(crate) struct StopSignal(watch::Receiver<Option<Instant>>);

impl StopSignal {
    /// A signal, and what gives it. Dropping that gives it too.
    pub(crate) fn new() -> (watch::Sender<Option<Instant>>, Self) {
        let (sender, receiver) = watch::channel(None);
        (sender, Self(receiver))
    }

    /// Whether it was given. Cheap: it is asked before each operation.
    fn is_given(&self) -> bool {
        !matches!(self.0.has_changed(), Ok(false))
    }

    /// Waits for it.
    async fn given(&self) {
        // On a copy: a signal that was waited for must still be given afterwards. An error is a sender that is gone.
        let _ = self.0.clone().changed().await;
    }

    /// Since when it is given.
    fn since(&self) -> Option<Instant> {
        *self.0.borrow()
    }
}

/// A worker of a load.
pub(crate) struct Worker {
    shared: Rc<Shared>,
    number: u16,
    draw: Draw,
    client: Client,
    stop: StopSignal,
}

impl Worker {
    /// The worker `number` of the load.
    pub(crate) fn new(shared: Rc<Shared>, number: u16, stop: StopSignal) -> Self {
        let draw = Draw::new(shared.seed, shared.index, number, shared.keys.clone());
        let client = Client::new(Rc::clone(&shared), number);
        Self { shared, number, draw, client, stop }
    }

    /// Does the worker's share of the load, from `origin` on. Returns whether it is done: not when it was stopped.
    pub(crate) async fn run(mut self, origin: Instant) -> io::Result<bool> {
        let share = share(&self.shared.load, self.number);
        match self.shared.load.pace {
            Pace::Closed => Ok(self.run_closed(share).await),
            Pace::Open { per_second } => {
                let schedule = Schedule { origin, per_second, workers: self.shared.load.workers };
                self.run_open(schedule, share).await
            }
        }
    }

    async fn run_closed(&mut self, share: u64) -> bool {
        for _ in 0..share {
            if self.stop.is_given() {
                return false;
            }
            self.entry(None).await;
        }
        true
    }

    async fn run_open(&mut self, schedule: Schedule, share: u64) -> io::Result<bool> {
        let alarm = Alarm::new(self.shared.clock)?;
        for nth in 0..share {
            let intended = schedule.intended(self.number, nth);
            // Behind schedule there is no wait, and no await either.
            if self.shared.clock.now() < intended && !self.stop.is_given() {
                tokio::select! {
                    waited = alarm.wait_until(intended) => waited?,
                    () = self.stop.given() => {}
                }
            }
            if self.stop.is_given() {
                let stopped = self.stop.since().unwrap_or_else(|| self.shared.clock.now());
                let left = schedule.due(self.number, nth, share, stopped);
                self.shared.tally.borrow_mut().left_behind(left);
                return Ok(false);
            }
            self.entry(Some(intended)).await;
        }
        Ok(true)
    }

    /// Does an entry of the mix. The second command of an entry is meant to start when the first has ended.
    async fn entry(&mut self, intended: Option<Instant>) {
        let Some(entry) = self.draw.entry(&self.shared.load.mix) else { return };
        let mut intended = intended;
        for command in entry.commands(&mut self.draw).into_iter().flatten() {
            if command.kind.writes() {
                self.shared.written.borrow_mut().insert(command.key);
            }
            let operation = self.client.perform(&command, intended).await;
            self.shared.ended(operation);
            if self.stop.is_given() {
                return;
            }
            intended = None;
        }
    }
}

/// How many mix entries the worker does: the load's operations are divided evenly, so that the same seed does the same.
fn share(load: &Load, worker: u16) -> u64 {
    let Some(operations) = load.operations else { return u64::MAX };
    let workers = u64::from(load.workers);
    operations / workers + u64::from(u64::from(worker) < operations % workers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::load;

    #[test]
    fn operations_are_divided_over_the_workers() {
        let load = load("app", "mix: [Get()], keys: Uniform(10), workers: 3, operations: 11");
        assert_eq!([0, 1, 2].map(|worker| share(&load, worker)), [4, 4, 3]);
    }

    #[tokio::test]
    async fn a_stop_stays_given() {
        let (sender, stop) = StopSignal::new();
        assert!(!stop.is_given());
        sender.send_replace(Some(Instant(7)));
        stop.given().await;
        assert!(stop.is_given());
        assert_eq!(stop.since(), Some(Instant(7)));
        let (sender, stop) = StopSignal::new();
        drop(sender);
        stop.given().await;
        assert!(stop.is_given());
    }
}
