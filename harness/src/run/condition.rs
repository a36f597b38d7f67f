//! Whether a condition of the timeline holds, judged from what the observer sees.

use std::time::Duration;

use tokio::sync::watch;

use crate::evidence::{ClusterState, Place, Settlement, Topology};
use crate::observe::Sight;
use crate::scenario::Condition;
use crate::vocab::{Instant, NodeName, Role};

/// Why the condition does not hold yet; none if it does. What a load does is not seen here: `Finished` is waited for elsewhere.
pub(crate) fn unmet(condition: &Condition, sight: &Sight) -> Option<String> {
    match condition {
        Condition::Synced => sight.synced.clone().err(),
        _ => match &sight.settlement {
            Settlement::Unsettled(reason) => Some(format!("the cluster has not settled: {reason}")),
            Settlement::Settled(topology) => unmet_by(condition, topology),
        },
    }
}

/// Waits until `missing` finds nothing missing, at most `within`; the error is what it said last.
///
/// Only a sight counts for which every running node was asked after `since`: what was seen before a fault says nothing
/// about what holds after it.
pub(crate) async fn wait_for(
    sight: &mut watch::Receiver<Sight>,
    since: Instant,
    within: Duration,
    mut missing: impl FnMut(&Sight) -> Option<String>,
) -> Result<(), String> {
    let mut last_state = "nothing was seen".to_owned();
    let watched = async {
        loop {
            {
                let sight = sight.borrow_and_update();
                match missing(&sight) {
                    None if sight.asked > since => return Ok(()),
                    None => "not every node has been asked again".clone_into(&mut last_state),
                    Some(reason) => last_state = reason,
                }
            }
            if sight.changed().await.is_err() {
                return Err("the observer ended");
            }
        }
    };
    match tokio::time::timeout(within, watched).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ended)) => Err(format!("{ended}; before that: {last_state}")),
        Err(_) => Err(last_state),
    }
}

fn unmet_by(condition: &Condition, topology: &Topology) -> Option<String> {
    match condition {
        Condition::Promoted(node) => {
            expect(topology, node, |place| place.role == Role::Master && !place.slots.is_empty() && !place.failed)
        }
        Condition::Replicates { node, of } => expect(topology, node, |place| {
            place.role == Role::Replica && place.master.as_ref() == Some(of) && !place.failed
        }),
        Condition::Failed(node) => expect(topology, node, |place| place.failed),
        Condition::Healthy => (!serves(topology)).then(|| format!("not every slot is served: {}", listed(topology))),
        Condition::Down => (topology.state == ClusterState::Ok).then(|| "cluster_state is ok".to_owned()),
        Condition::Finished(_) | Condition::Synced => None,
    }
}

fn serves(topology: &Topology) -> bool {
    topology.state == ClusterState::Ok && topology.is_covered() && topology.has_quorum()
}

fn expect(topology: &Topology, node: &NodeName, holds: impl Fn(&Place) -> bool) -> Option<String> {
    match topology.nodes.get(node) {
        None => Some(format!("nobody knows {node}")),
        Some(place) if holds(place) => None,
        Some(place) => Some(format!("{node} is {place}")),
    }
}

fn listed(topology: &Topology) -> String {
    let places: Vec<_> = topology.nodes.iter().map(|(node, place)| format!("{node} is {place}")).collect();
    places.join("; ")
}
