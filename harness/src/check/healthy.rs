//! When the cluster was healthy: settled, and serving everything.

use std::collections::BTreeMap;

use crate::evidence::{ClusterState, EventKind, Evidence, Health, NodeView, TopologyRecord};
use crate::vocab::{Instant, NodeName};

/// The moments at which the cluster became healthy or ceased to be.
///
/// Settled alone is not enough to end a fault: between FAIL and promotion all nodes agree that a shard is down.
pub(crate) struct HealthyTimes {
    /// Flips in order; the cluster is not healthy before the first.
    flips: Vec<(Instant, bool)>,
}

impl HealthyTimes {
    /// Reads events and views side by side.
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut changes: Vec<(Instant, Change<'_>)> =
            evidence.topology.iter().map(|record| (record.at, Change::View(record))).collect();
        changes.extend(evidence.events.iter().filter_map(|event| match event.kind {
            // `Formed` says all that settled and healthy mean; the observer may be a moment behind it.
            EventKind::Formed => Some((event.at, Change::Settled(true))),
            EventKind::Settled { ref agreement, .. } => Some((event.at, Change::Settled(agreement.outage().is_none()))),
            EventKind::Unsettled { .. } => Some((event.at, Change::Settled(false))),
            _ => None,
        }));
        changes.sort_by_key(|(at, _)| *at);
        let plan = &evidence.plan;
        let everything = |system| plan.nodes_of(system).map(|node| node.owns.len()).sum::<usize>();
        let mut systems: Vec<_> =
            (0..plan.systems.len()).map(|system| (Views::default(), everything(system))).collect();
        let (mut settled, mut flips) = (false, Vec::<(Instant, bool)>::new());
        for (at, change) in changes {
            match change {
                // Where nodes know nothing of each other no view tells of everything.
                Change::View(record) if plan.systems[plan.system_of(&record.node)].independent => {}
                Change::View(record) => systems[plan.system_of(&record.node)].0.take(record),
                Change::Settled(now) => settled = now,
            }
            let serves = |(views, everything): &(Views<'_>, usize)| {
                views.serving().is_none_or(|view| owned_by_live(view) == *everything)
            };
            let healthy = settled && systems.iter().all(serves);
            if healthy != flips.last().is_some_and(|flip| flip.1) {
                flips.push((at, healthy));
            }
        }
        Self { flips }
    }

    /// Whether the cluster was healthy at a moment.
    pub(crate) fn at(&self, at: Instant) -> bool {
        let flips_before = self.flips.partition_point(|flip| flip.0 <= at);
        flips_before.checked_sub(1).is_some_and(|last| self.flips[last].1)
    }

    /// When it was healthy again after a moment: that moment itself if it was healthy then; none if it never was.
    pub(crate) fn from(&self, at: Instant) -> Option<Instant> {
        if self.at(at) { Some(at) } else { self.flips.iter().find(|flip| flip.0 > at && flip.1).map(|flip| flip.0) }
    }

    /// The last moment in `[from, to)` at which it ceased to be healthy.
    pub(crate) fn last_lost_in(&self, from: Instant, to: Instant) -> Option<Instant> {
        self.flips.iter().rev().find(|flip| !flip.1 && (from..to).contains(&flip.0)).map(|flip| flip.0)
    }
}

enum Change<'a> {
    View(&'a TopologyRecord),
    Settled(bool),
}

/// Every node's latest view.
#[derive(Default)]
struct Views<'a>(BTreeMap<&'a NodeName, (Instant, Option<&'a NodeView>)>);

impl<'a> Views<'a> {
    fn take(&mut self, record: &'a TopologyRecord) {
        self.0.insert(&record.node, (record.at, record.view.as_ref()));
    }

    /// The latest of those that know most that says the cluster serves, else the latest of them all. On the wrong side of a
    /// partition nodes refuse to serve; a cluster that serves on the other side serves.
    fn serving(&self) -> Option<&'a NodeView> {
        let best = self.best()?;
        let seen = self.0.values().filter_map(|&(at, view)| view.map(|view| (at, view)));
        let serving = seen.filter(|(_, view)| known(view) == known(best) && view.state == ClusterState::Ok);
        Some(serving.max_by_key(|(at, _)| *at).map_or(best, |(_, view)| view))
    }

    /// The view that knows most, and of those the latest. A paused node's last view is neither.
    fn best(&self) -> Option<&'a NodeView> {
        let seen = self.0.values().filter_map(|&(at, view)| view.map(|view| (at, view)));
        seen.max_by_key(|(at, view)| (known(view), *at)).map(|(_, view)| view)
    }
}

/// The newest configuration that a view knows of. Not the current version: a replica that asks for votes in vain, cut off
/// from those who could give them, raises that and knows nothing new.
fn known(view: &NodeView) -> u64 {
    view.members.values().filter(|member| !member.owns.is_empty()).map(|member| member.version).max().unwrap_or(0)
}

/// A system as the one of its nodes that knew most saw it at a moment; none if nobody had been asked yet, or if each knows of itself
/// alone.
pub(crate) fn view_at(evidence: &Evidence, system: usize, at: Instant) -> Option<&NodeView> {
    if evidence.plan.systems.get(system).is_some_and(|system| system.independent) {
        return None;
    }
    let mut views = Views::default();
    let its = evidence.topology.iter().filter(|record| evidence.plan.system_of(&record.node) == system);
    its.filter(|record| record.at <= at).for_each(|record| views.take(record));
    views.best()
}

/// How much the live nodes own; nothing if the cluster refuses to serve.
fn owned_by_live(view: &NodeView) -> usize {
    let live = view.members.values().filter(|member| member.health != Health::Fail);
    if view.state == ClusterState::Ok { live.map(|member| member.owns.len()).sum() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::Story;

    const ALL: [&str; 6] = ["A", "B", "C", "A1", "B1", "C1"];

    fn ms(milliseconds: u64) -> Instant {
        Instant::from_millis(milliseconds)
    }

    /// From when to when it was healthy, in milliseconds; formed at 1 s.
    fn flips(story: &Story) -> Vec<(u64, bool)> {
        HealthyTimes::of(&story.evidence).flips.iter().map(|(at, healthy)| (at.0 / 1_000_000, *healthy)).collect()
    }

    #[test]
    fn health_comes_and_goes() {
        let mut story = Story::formed();
        story.unsettled(3_000);
        story.settled(4_000);
        story.unsettled(5_000);
        let healthy = HealthyTimes::of(&story.evidence);
        let at = [999, 1_000, 2_999, 3_000, 4_000, 5_000].map(|at| healthy.at(ms(at)));
        assert_eq!(at, [false, true, true, false, true, false]);
        let again = [0, 2_000, 3_000, 4_000, 5_000].map(|from| healthy.from(ms(from)));
        assert_eq!(again, [Some(ms(1_000)), Some(ms(2_000)), Some(ms(4_000)), Some(ms(4_000)), None]);
        let lost =
            [(0, 9_000), (3_000, 5_000), (3_001, 5_000)].map(|(from, to)| healthy.last_lost_in(ms(from), ms(to)));
        assert_eq!(lost, [Some(ms(5_000)), Some(ms(3_000)), None]);
    }

    /// The observer may be a moment behind.
    #[test]
    fn a_cluster_is_healthy_when_it_is_formed() {
        let mut story = Story::formed();
        story.evidence.events.retain(|event| !matches!(event.kind, EventKind::Settled { .. }));
        assert_eq!(flips(&story), [(1_000, true)]);
    }

    /// Whatever events say, a cluster is not healthy while the one who knows best sees what nobody serves.
    #[test]
    fn a_healthy_cluster_serves_everything() {
        let mut story = Story::formed();
        story.health("A", Health::Fail);
        story.view(3_000, &["B"]);
        story.health("A", Health::Ok);
        story.view(3_500, &["B"]);
        story.view_alone(4_000, &["A"], &["B"]);
        story.view_alone(5_000, &ALL, &[]);
        assert_eq!(flips(&story), [(1_000, true), (3_000, false), (3_500, true), (5_000, false)]);
        // Who knows of no other tells nothing of the whole.
        story.evidence.plan.systems[0].independent = true;
        assert_eq!(flips(&story), [(1_000, true)]);
        assert!(view_at(&story.evidence, 0, ms(6_000)).is_none());
    }

    /// Of those who know as much, the last that says it serves is right; who knows less is not asked.
    #[test]
    fn the_newest_configuration_counts() {
        let mut story = Story::formed();
        story.hand_over("A", "A1");
        story.view(3_000, &["A1"]);
        story.health("A1", Health::Fail);
        story.view(4_000, &["B"]);
        let mut late = TopologyRecord { at: ms(4_500), ..story.evidence.topology[2].clone() };
        // Whatever version one has that owns nothing, who has heard of it knows no more.
        late.view.as_mut().unwrap().members.get_mut(&NodeName::from("B1")).unwrap().version = 9;
        story.evidence.topology.push(late);
        assert_eq!(flips(&story), [(1_000, true), (4_000, false)]);
        let owner = |at| {
            let view = view_at(&story.evidence, 0, ms(at))?;
            view.members
                .iter()
                .find(|(_, member)| member.owns.ranges().iter().any(|range| range.first == 0))
                .map(|(name, _)| name.to_string())
        };
        let owners = [999, 1_000, 2_999, 3_000, 4_500].map(owner);
        assert_eq!(owners.each_ref().map(Option::as_deref), [None, Some("A"), Some("A"), Some("A1"), Some("A1")]);
    }
}
