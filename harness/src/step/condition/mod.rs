//! What `Until` can wait for: one condition a file, judged from what the observer sees.
//!
//! A condition on the topology holds when the cluster has settled: every running node agrees, every dead one is flagged, every
//! link is up. In a partition each side settles by itself: what is said of a node is what its own side agrees on, and what is
//! said of the cluster is what the side agrees on that serves.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;

use super::{Stage, wait_for};
use crate::evidence::{Agreement, Place, Settlement, Topology};
use crate::observe::Observation;
use crate::text::{Cursor, kinds};
use crate::validate::{Checker, Foreseen};
use crate::vocab::{Instant, NodeName};

kinds! {
    /// What `Until` can wait for.
    pub enum Condition: ConditionKind {
        promoted::Promoted,
        replicates::Replicates,
        failed::Failed,
        healthy::Healthy as unit,
        down::Down as unit,
        settled::Settled as unit,
        refuses::Refuses,
        synced::Synced as unit,
        finished::Finished,
        gave_up::GaveUp,
        connected::Connected,
    }
}

/// A kind of condition.
pub trait ConditionKind: fmt::Display + Sync {
    /// Reports what is wrong with it by itself.
    fn check(&self, _: &mut Checker<'_>, _: Cursor<'_>) {}

    /// Reports that it certainly can never hold after the steps before it.
    fn check_reachable(&self, _: &mut Checker<'_>, _: &Foreseen<'_>, _: Cursor<'_>) {}

    /// Why it does not hold yet; none if it does.
    fn unmet(&self, seen: &Observation) -> Option<String>;

    /// The nodes that it names.
    fn names(&self) -> Vec<NodeName>;

    /// Waits until it holds, at most `within`; the error is why it did not.
    ///
    /// Only what every running node said after `since` counts: what was seen before a fault says nothing about what holds
    /// after it.
    fn wait<'a>(
        &'a self,
        stage: &'a mut Stage<'_>,
        since: Instant,
        within: Duration,
    ) -> LocalBoxFuture<'a, Result<(), String>> {
        wait_for(&mut stage.observation, since, within, |seen| self.unmet(seen)).boxed_local()
    }
}

/// What an agreement lacks, or why there is none.
fn agreed(seen: &Observation, lacks: impl FnOnce(&Agreement) -> Option<String>) -> Option<String> {
    match &seen.settlement {
        Settlement::Unsettled(reason) => Some(format!("the nodes have not settled: {reason}")),
        Settlement::Settled(agreement) => lacks(agreement),
    }
}

fn expect(topology: &Topology, node: &NodeName, holds: impl Fn(&Place) -> bool) -> Option<String> {
    match topology.nodes.get(node) {
        None => Some(format!("nobody knows {node}")),
        Some(place) if holds(place) => None,
        Some(place) => Some(format!("{node} is {place}")),
    }
}
