//! A worker, and what tells it to stop.

use std::rc::Rc;

use tokio::sync::watch;

use super::client::RetryingClient;
use super::draw::Choice;
use super::pacing::Due;
use super::shared::Shared;
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

/// A worker of a load: a client that does one entry of the mix after the other.
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

    /// Does an entry of the mix. The second command of an entry is meant to start when the first has ended. Returns the last one.
    pub(crate) async fn entry(&mut self, choice: &Choice, mut due: Option<Due>) -> Option<Operation> {
        let mut last = None;
        for command in choice.commands(&self.shared.load.mix) {
            if command.writes() {
                self.shared.written.borrow_mut().insert(command.key);
            }
            let operation = self.client.perform(&command, due.take()).await;
            last = Some(operation);
            self.shared.ended(operation);
            if self.stop.is_given() || (operation.outcome != Outcome::Ok && self.shared.load.client.gives_up) {
                break;
            }
        }
        last
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
