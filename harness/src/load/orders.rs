//! What a load is told while it runs, and how it hears of it.

use tokio::sync::{mpsc, oneshot, watch};

use super::crowd::IdleSeen;
use super::worker::StopSignal;
use crate::vocab::{Arrivals, Instant};

/// Tells a load what to do. Dropping it tells it to stop.
pub(crate) struct Orders {
    begin: watch::Sender<bool>,
    pace: mpsc::UnboundedSender<PaceChange>,
    stop: watch::Sender<Option<Instant>>,
    idle: watch::Receiver<IdleSeen>,
}

/// How a load hears of its orders.
pub(crate) struct HeardOrders {
    begin: watch::Receiver<bool>,
    /// Paces to go on at.
    pub(crate) pace: mpsc::UnboundedReceiver<PaceChange>,
    /// When to stop.
    pub(crate) stop: StopSignal,
    /// Where it says how many of its idle connections are open.
    pub(crate) idle: watch::Sender<IdleSeen>,
}

/// Another pace to go on at.
pub(crate) struct PaceChange {
    pub(crate) arrivals: Arrivals,
    /// Told when it is in force.
    pub(crate) applied: oneshot::Sender<()>,
}

impl Orders {
    /// Orders, and how they are heard. A load that `waits` begins when it is told to, any other at once.
    pub(crate) fn new(waits: bool) -> (Self, HeardOrders) {
        let (begin, begin_heard) = watch::channel(!waits);
        let (pace, pace_heard) = mpsc::unbounded_channel();
        let (stop, stop_heard) = StopSignal::new();
        let (idle_told, idle) = watch::channel(IdleSeen::default());
        let heard = HeardOrders { begin: begin_heard, pace: pace_heard, stop: stop_heard, idle: idle_told };
        (Self { begin, pace, stop, idle }, heard)
    }

    /// Tells it to begin.
    pub(crate) fn begin(&self) {
        self.begin.send_replace(true);
    }

    /// Tells it to begin nothing that is due after that moment. The first such moment counts.
    pub(crate) fn stop(&self, at: Instant) {
        self.stop.send_if_modified(|since| since.replace(since.unwrap_or(at)).is_none());
    }

    /// How many of its idle connections are open.
    pub(crate) fn idle(&self) -> watch::Receiver<IdleSeen> {
        self.idle.clone()
    }

    /// Tells it to go on at another pace. Whether it did: not if it has ended.
    pub(crate) async fn change_pace(&self, arrivals: Arrivals) -> bool {
        let (applied, answer) = oneshot::channel();
        self.pace.send(PaceChange { arrivals, applied }).is_ok() && answer.await.is_ok()
    }
}

impl HeardOrders {
    /// The same orders for one more thread of the load. Paces are heard by the first alone.
    pub(crate) fn also(&self) -> Self {
        let (begin, stop, idle) = (self.begin.clone(), self.stop.clone(), self.idle.clone());
        Self { begin, pace: mpsc::unbounded_channel().1, stop, idle }
    }

    /// Waits until it is to begin; whether it is: not if it is told to stop before.
    pub(crate) async fn begins(&mut self) -> bool {
        tokio::select! {
            // Whoever hears of both has heard the same, on whatever thread.
            biased;
            begins = self.begin.wait_for(|begins| *begins) => begins.is_ok(),
            () = self.stop.given() => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_waits_begins_when_told() {
        let (orders, mut heard) = Orders::new(true);
        assert!(tokio::time::timeout(std::time::Duration::ZERO, heard.begins()).await.is_err());
        orders.begin();
        assert!(heard.begins().await && !heard.stop.is_given());
        assert!(Orders::new(false).1.begins().await);
    }

    #[tokio::test]
    async fn who_waits_can_be_stopped() {
        let (orders, mut heard) = Orders::new(true);
        orders.stop(Instant(7));
        orders.stop(Instant(9));
        assert!(!heard.begins().await);
        assert_eq!(heard.stop.since(), Some(Instant(7)));
        let (orders, mut heard) = Orders::new(true);
        drop(orders);
        assert!(!heard.begins().await);
    }

    #[tokio::test]
    async fn a_load_that_has_ended_changes_no_pace() {
        let (orders, heard) = Orders::new(false);
        drop(heard);
        assert!(!orders.change_pace(Arrivals::constant(1)).await);
    }
}
