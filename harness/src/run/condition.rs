//! Whether a condition of the timeline holds, judged from what the observer sees.

use std::time::Duration;

use tokio::sync::watch;

use crate::evidence::{Agreement, ClusterState, NodeView, Place, Settlement, Topology};
use crate::observe::Observation;
use crate::scenario::Condition;
use crate::vocab::{Instant, NodeName, Role};

/// Why the condition does not hold yet; none if it does. What a load does is not seen here: `Finished` is waited for elsewhere.
pub(crate) fn unmet(condition: &Condition, observation: &Observation) -> Option<String> {
    match condition {
        Condition::Synced => observation.synced.clone().err(),
        Condition::Refuses(node) => unmet_refusal(node, observation.views.get(node).and_then(Option::as_ref)),
        _ => match &observation.settlement {
            Settlement::Unsettled(reason) => Some(format!("the cluster has not settled: {reason}")),
            Settlement::Settled(agreement) => unmet_by(condition, agreement),
        },
    }
}

/// Waits until `missing` finds nothing missing, at most `within`; the error is what it said last.
///
/// Only a sight counts for which every running node was asked after `since`: what was seen before a fault says nothing
/// about what holds after it.
pub(crate) async fn wait_for(
    observation: &mut watch::Receiver<Observation>,
    since: Instant,
    within: Duration,
    mut missing: impl FnMut(&Observation) -> Option<String>,
) -> Result<(), String> {
    let mut last_state = "nothing was seen".to_owned();
    let watched = async {
        loop {
            {
                let observation = observation.borrow_and_update();
                match missing(&observation) {
                    None if observation.asked > since => return Ok(()),
                    None => "not every node has been asked again".clone_into(&mut last_state),
                    Some(reason) => last_state = reason,
                }
            }
            if observation.changed().await.is_err() {
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

fn unmet_refusal(node: &NodeName, view: Option<&NodeView>) -> Option<String> {
    match view.map(|view| view.state) {
        None => Some(format!("{node} does not answer at all")),
        Some(ClusterState::Ok) => Some(format!("{node}'s cluster_state is ok")),
        Some(ClusterState::Fail) => None,
    }
}

/// A node is judged by what its own side of a partition agrees on; the cluster by the side that serves.
fn unmet_by(condition: &Condition, agreement: &Agreement) -> Option<String> {
    match condition {
        Condition::Promoted(node) => expect(agreement.of(node), node, |place| {
            place.role == Role::Master && !place.owns.is_empty() && !place.failed
        }),
        Condition::Replicates { node, of } => expect(agreement.of(node), node, |place| {
            place.role == Role::Replica && place.master.as_ref() == Some(of) && !place.failed
        }),
        Condition::Failed(node) => expect(agreement.main(), node, |place| place.failed),
        Condition::Healthy => {
            let topology = agreement.main();
            topology.outage.as_ref().map(|_| format!("not every slot is served: {}", listed(topology)))
        }
        Condition::Down => {
            let serving = agreement.sides.iter().find(|side| side.topology.state == ClusterState::Ok);
            serving.map(|side| {
                let members: Vec<_> = side.members.iter().map(NodeName::as_str).collect();
                format!("cluster_state is ok on {}", members.join(", "))
            })
        }
        Condition::Settled | Condition::Refuses(_) | Condition::Finished(_) | Condition::Synced => None,
    }
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
