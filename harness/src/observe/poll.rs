//! Asks a node for its view, again and again.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::collector::Collector;
use super::questions::{Answers, Questions};
use crate::evidence::{NodeStatus, Reach};
use crate::system::{Access, NodeReport, ReportReader};
use crate::vocab::{Address, NodeName};

/// No interval is finer: a timer of the runtime has a resolution of a millisecond.
const FINEST_INTERVAL: Duration = Duration::from_millis(1);

type Statuses = watch::Receiver<BTreeMap<NodeName, NodeStatus>>;

/// Makes changes of status and links known at once, whatever the nodes are busy with.
pub(super) async fn watch_status(collector: Arc<Collector>, mut status: Statuses, mut reach: watch::Receiver<Reach>) {
    loop {
        collector.status_changed();
        tokio::select! {
            () = next_change(&mut status) => {}
            () = next_change(&mut reach) => {}
        }
    }
}

/// Waits for a change; for ever when there can be none.
async fn next_change<T>(status: &mut watch::Receiver<T>) {
    if status.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Asks one node.
pub(super) struct Poller {
    node: NodeName,
    collector: Arc<Collector>,
    questions: Questions,
    reader: Box<dyn ReportReader>,
}

impl Poller {
    pub(super) fn new(node: NodeName, address: Address, access: Access, collector: Arc<Collector>) -> Self {
        let system = collector.system(&node);
        let questions = Questions::new(address, access, &system.questions(&node));
        let reader = system.report_reader(&node);
        Self { node, collector, questions, reader }
    }

    /// Asks every `interval` while the node runs. A change of any status cuts a question short and asks anew.
    pub(super) async fn run(mut self, mut status: Statuses, first: Duration, interval: Duration) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, interval.max(FINEST_INTERVAL));
        // Nodes stay spread over the interval: were a master and its replica asked together shortly before a fault, nothing that
        // it acknowledged would be at risk.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            let runs = status.borrow_and_update().get(&self.node) == Some(&NodeStatus::Running);
            if !runs {
                self.questions.hang_up();
                next_change(&mut status).await;
                continue;
            }
            tokio::select! {
                biased;
                () = next_change(&mut status) => {}
                () = self.ask(&mut ticks) => {}
            }
        }
    }

    async fn ask(&mut self, ticks: &mut tokio::time::Interval) {
        ticks.tick().await;
        let asked = self.collector.clock().now();
        let answers = self.questions.ask().await;
        let collector = Arc::clone(&self.collector);
        let node = self.node.clone();
        collector.answered(&node, asked, answers.and_then(|answers| self.read(&answers)));
    }

    fn read(&mut self, answers: &Answers) -> Result<&NodeReport, String> {
        let reader = &mut self.reader;
        self.collector.with_names(|names| reader.read(&answers.texts(), names)).map_err(|error| error.to_string())
    }
}
