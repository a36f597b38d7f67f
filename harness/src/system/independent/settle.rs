//! When independent masters have come to rest.

use std::collections::BTreeMap;

use crate::evidence::{Agreement, ClusterState, NodeStatus, NodeView, Reach, Settlement, Side, Topology};
use crate::system::replication::settle::{Scene, elsewhere, place};
use crate::vocab::NodeName;

/// Settled means that every running node answered: nobody has to agree with anybody. They are one side whatever links are cut between
/// them, since they do not use any.
pub(super) fn settle(
    status: &BTreeMap<NodeName, NodeStatus>,
    reach: &Reach,
    views: &BTreeMap<NodeName, Option<NodeView>>,
) -> Settlement {
    let seen = match (Scene { status, reach, views }).seen() {
        Ok(seen) => seen,
        Err(reason) => return Settlement::Unsettled(reason),
    };
    let nodes: BTreeMap<_, _> = status
        .iter()
        .map(|(node, status)| {
            let place = seen.get(node).and_then(|view| place(node, view));
            (node.clone(), place.unwrap_or_else(|| elsewhere(*status)))
        })
        .collect();
    let gone: Vec<_> = nodes.iter().filter(|(_, place)| place.owns.is_empty()).map(|(node, _)| node.as_str()).collect();
    let topology = Topology {
        state: if gone.len() == nodes.len() { ClusterState::Fail } else { ClusterState::Ok },
        outage: (!gone.is_empty()).then(|| format!("nobody serves {}'s keys", gone.join("'s and "))),
        nodes,
    };
    let members = seen.keys().map(|node| (*node).clone()).collect();
    Settlement::Settled(Agreement::new(vec![Side { system: 0, members, topology }]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::independent::Independent;
    use crate::system::replication::view::member;
    use crate::system::{Origin, System};
    use crate::vocab::Role;

    fn view(node: &NodeName) -> NodeView {
        let owns = Independent { masters: 3, origin: Origin::FIRST }.share_of(node);
        let own = crate::evidence::Member { owns, ..member(Role::Master, None) };
        NodeView {
            state: ClusterState::Ok,
            current_version: 1,
            master_link_up: None,
            data_too_old: false,
            members: [(node.clone(), own)].into(),
        }
    }

    /// A runs, B does not; C runs, and answers if `c_answers`.
    fn settled(c_answers: bool) -> Settlement {
        let [a, b, c] = ["A", "B", "C"].map(NodeName::new);
        let status =
            [(&a, NodeStatus::Running), (&b, NodeStatus::Down), (&c, NodeStatus::Running)].map(|(n, s)| (n.clone(), s));
        let views = [(&a, Some(view(&a))), (&b, None), (&c, Some(view(&c)).filter(|_| c_answers))];
        let views = views.map(|(node, view)| (node.clone(), view)).into();
        Independent { masters: 3, origin: Origin::FIRST }.settle(&status.into(), &Reach::default(), &views)
    }

    #[test]
    fn who_runs_serves_its_own_keys_and_nobody_elses() {
        let Settlement::Settled(agreement) = settled(true) else { panic!("not settled") };
        let topology = &agreement.sides[0].topology;
        assert_eq!((topology.state, topology.outage.as_deref()), (ClusterState::Ok, Some("nobody serves B's keys")));
        assert_eq!([0, 1, 2].map(|place| topology.serves(crate::vocab::Position(place))), [true, false, true]);
        assert_eq!(agreement.sides.len(), 1);
    }

    #[test]
    fn who_runs_must_answer() {
        assert_eq!(settled(false), Settlement::Unsettled("C does not answer".to_owned()));
    }
}
