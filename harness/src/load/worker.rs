//! A worker, and what tells it to stop.

use std::rc::Rc;

use tokio::sync::watch;

use super::client::{RetryingClient, UnderWay};
use super::draw::Choice;
use super::pacing::Due;
use super::shared::Shared;
use super::worker_pool::Shards;
use crate::evidence::{Operation, Outcome};
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
    pub(crate) fn is_given(&self) -> bool {
        !matches!(self.0.has_changed(), Ok(false))
    }

    /// Waits for it.
    pub(crate) async fn given(&self) {
        // On a copy: a signal that was waited for must still be given afterwards. An error is a sender that is gone.
        let _ = self.0.clone().changed().await;
    }

    /// Since when it is given.
    pub(crate) fn since(&self) -> Option<Instant> {
        *self.0.borrow()
    }
}

/// An entry of the mix to do, and when it should have started; none: when it does.
pub(crate) type EntryStart = (Choice, Option<Due>);

/// What came of entries that were done at the same time.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EntriesDone {
    /// When the last of them ended.
    pub(crate) ended: Instant,
    /// The first operation that was not ok, if any was not.
    pub(crate) failed: Option<Operation>,
}

/// A worker of a load: a client that does entries of the mix, one batch after the other.
pub(crate) struct Worker {
    shared: Rc<Shared>,
    client: RetryingClient,
    stop: StopSignal,
}

impl Worker {
    /// The worker `number` of the load.
    pub(crate) fn new(shared: Rc<Shared>, number: u16, stop: StopSignal) -> Self {
        Self { client: RetryingClient::new(Rc::clone(&shared), number), shared, stop }
    }

    /// Does entries of the mix at the same time, on keys of one shard: the first commands of all, then the second of those that have
    /// one, which is meant to start when the first have ended. No two may write the same key.
    pub(crate) async fn entries(
        &mut self,
        of_shard: usize,
        starts: impl Iterator<Item = EntryStart> + Clone,
    ) -> EntriesDone {
        let shared = Rc::clone(&self.shared);
        let mut done = EntriesDone::default();
        for nth in 0..shared.commands_max {
            let command =
                |(choice, due): EntryStart| Some((choice.commands(nth, &shared.mix).next()?, due.filter(|_| nth == 0)));
            self.client.hold(&self.stop).await;
            let ended = self.client.perform(Shards::planned(of_shard), starts.clone().filter_map(command)).await;
            if ended.is_empty() {
                break;
            }
            shared.ended(ended.iter().map(|ended| (&ended.operation, &ended.elements[..])));
            for UnderWay { operation, .. } in &ended {
                done.ended = done.ended.max(operation.ended);
                if done.failed.is_none() && operation.outcome != Outcome::Ok {
                    done.failed = Some(*operation);
                }
            }
            let ends = self.stop.is_given() || (done.failed.is_some() && shared.load.client.gives_up);
            if ends && !self.client.holds_a_lock() {
                break;
            }
        }
        done
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
