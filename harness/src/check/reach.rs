//! Which hosts could reach each other at each moment of a run.

use super::healthy::view_at;
use super::window::Window;
use crate::evidence::{EventKind, Evidence, NodeView, Reach, RecordedPlan};
use crate::vocab::{HostName, Instant, NodeName, Role};

/// Every change of which hosts reach each other.
pub(crate) struct Reaches {
    /// In order; the first is from the beginning on.
    changes: Vec<(Instant, Reach)>,
}

impl Reaches {
    /// Reads the changes of links.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut network: Vec<_> = evidence
            .events
            .iter()
            .filter_map(|event| if let EventKind::Network(change) = &event.kind { Some(change) } else { None })
            .collect();
        network.sort_by_key(|change| change.began);
        let mut changes = vec![(Instant::default(), reach_of(&evidence.plan))];
        for change in network {
            let mut reach = changes[changes.len() - 1].1.clone();
            reach.apply(change);
            changes.push((change.began, reach));
        }
        Self { changes }
    }

    /// Which hosts reached each other at a moment.
    pub(crate) fn at(&self, at: Instant) -> &Reach {
        let after = self.changes.partition_point(|(began, _)| *began <= at);
        &self.changes[after.saturating_sub(1)].1
    }

    /// The stretches in which a host had no connection to a majority of those who decide in a system, whether those run or not.
    pub(crate) fn without_majority(&self, evidence: &Evidence, system: usize, host: &HostName) -> Vec<Window> {
        let ends = self.changes.iter().skip(1).map(|(began, _)| *began).chain([Instant(u64::MAX)]);
        let stretches = self.changes.iter().zip(ends).filter(|((_, reach), _)| !reach.is_whole());
        let cut_off = stretches.filter(|((start, reach), _)| {
            let voters = voters(&evidence.plan, system, view_at(evidence, system, *start));
            let reached = voters.iter().filter(|voter| reach.connected(host, voter));
            reached.count() * 2 <= voters.len()
        });
        cut_off.map(|((start, _), end)| Window { start: *start, end }).filter(|w| w.start < w.end).collect()
    }
}

/// Who reaches whom while no link is cut.
pub(super) fn reach_of(plan: &RecordedPlan) -> Reach {
    Reach::of(plan.nodes.iter().map(|node| (&node.name, &node.host)))
}

/// Those of a system of which a majority decides that a master failed, and who follows it: the sentinels where there are some, else
/// the nodes that own something.
pub(super) fn voters<'a>(plan: &'a RecordedPlan, system: usize, view: Option<&NodeView>) -> Vec<&'a NodeName> {
    let sentinels = plan.nodes_of(system).filter(|node| node.role == Role::Sentinel);
    let sentinels: Vec<_> = sentinels.map(|node| &node.name).collect();
    if sentinels.is_empty() { owners(plan, system, view) } else { sentinels }
}

/// The nodes of a system that own something: by a view, else as the plan has it.
pub(super) fn owners<'a>(plan: &'a RecordedPlan, system: usize, view: Option<&NodeView>) -> Vec<&'a NodeName> {
    let owns = |name: &NodeName, planned: bool| {
        view.map_or(planned, |view| view.members.get(name).is_some_and(|member| !member.owns.is_empty()))
    };
    plan.nodes_of(system).filter(|node| owns(&node.name, !node.owns.is_empty())).map(|node| &node.name).collect()
}
