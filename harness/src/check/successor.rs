//! Who took over from a master that was taken down, and when that was noticed.

use super::healthy::view_at;
use super::takedown::{Promotion, Takedown, overlap};
use super::takedown_tracker::takedowns;
use crate::evidence::{EventKind, Evidence, Operation, Outcome};
use crate::vocab::{Instant, NodeName, Role};

/// Finds every takedown in the evidence, in order.
pub(crate) fn find(evidence: &Evidence) -> Vec<Takedown> {
    let mut takedowns = takedowns(evidence);
    for index in 0..takedowns.len() {
        let (before, rest) = takedowns.split_at_mut(index + 1);
        let takedown = &mut before[index];
        if let Some(again) = rest.iter().find(|later| later.failed == takedown.failed) {
            takedown.until = again.began;
        }
        takedown.promotion = promotion(evidence, takedown);
    }
    find_first_writes(evidence, &mut takedowns);
    takedowns
}

fn promotion(evidence: &Evidence, takedown: &Takedown) -> Option<Promotion> {
    let viewed = first_view_of_new_owner(evidence, takedown);
    let wins = evidence.events.iter().filter_map(|event| match &event.kind {
        EventKind::Log(record) if record.says.is_promotion() => Some((&record.node, takedown.logged(record)?)),
        _ => None,
    });
    let (node, logged) = if let Some((_, _, node)) = &viewed {
        (node.clone(), wins.filter(|(winner, _)| *winner == node).map(|(_, at)| at).min())
    } else {
        let (winner, at) = wins.filter(|(winner, _)| takedown.replicas.contains(winner)).min_by_key(|(_, at)| *at)?;
        (winner.clone(), Some(at))
    };
    Some(Promotion { node, logged, viewed: viewed.map(|(at, viewer, _)| (at, viewer)) })
}

/// When it was seen, by which node, and the new owner: the first view in which another node owns some of it by a newer
/// configuration than before.
fn first_view_of_new_owner(evidence: &Evidence, takedown: &Takedown) -> Option<(Instant, NodeName, NodeName)> {
    let system = evidence.plan.system_of(&takedown.failed);
    let known = view_at(evidence, system, takedown.began).and_then(|view| view.members.get(&takedown.failed));
    let version = known
        .map(|member| member.version)
        .or_else(|| evidence.plan.node(&takedown.failed).map(|node| node.version))
        .unwrap_or(0);
    // A view from before the previous failover may come late; its owner has an older configuration.
    let records = evidence.topology.iter().filter(|record| takedown.covers(record.at));
    records
        .filter_map(|record| {
            let members = record.view.as_ref()?.members.iter();
            let mut owners = members.filter(|(name, member)| {
                **name != takedown.failed
                    && member.role == Role::Master
                    && member.version > version
                    && overlap(&member.owns, &takedown.owns)
            });
            owners.next().map(|(name, _)| (record.at, record.node.clone(), name.clone()))
        })
        .min_by_key(|(at, ..)| *at)
}

/// Finds the first write that another node than the failed one acknowledged after each takedown.
fn find_first_writes(evidence: &Evidence, takedowns: &mut [Takedown]) {
    if takedowns.is_empty() {
        return;
    }
    let index = |takedown: &Takedown| evidence.plan.nodes.iter().position(|node| node.name == takedown.failed);
    let failed: Vec<_> = takedowns.iter().map(index).collect();
    let is_write = |operation: &Operation| operation.writes() && operation.outcome == Outcome::Ok;
    for write in evidence.history.iter().filter(is_write) {
        for (takedown, failed) in takedowns.iter_mut().zip(&failed) {
            let is_first = write.ended > takedown.began
                && write.ended < takedown.first_write.map_or(takedown.until, |first| first.ended)
                && write.node.is_some_and(|node| Some(usize::from(node)) != *failed)
                && takedown.is_about(&write);
            if is_first {
                takedown.first_write = Some(write);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story};
    use crate::evidence::OperationEffect;

    /// A, whose configuration is of version 1, is killed at 3 s, and somebody is seen to own its shard: who took over.
    #[rstest]
    #[case::elected("A1", Role::Master, 2, Some("A1"))]
    #[case::by_no_newer_configuration("A1", Role::Master, 1, None)]
    #[case::a_replica("A1", Role::Replica, 2, None)]
    #[case::the_node_itself("A", Role::Master, 2, None)]
    fn a_new_owner_is_another_master(
        #[case] owner: &str,
        #[case] role: Role,
        #[case] version: u64,
        #[case] expected: Option<&str>,
    ) {
        let mut story = Story::formed();
        story.act(3_000, 0, "Kill", "A");
        story.view(4_000, &["B"]);
        let view = story.evidence.topology.last_mut().unwrap().view.as_mut().unwrap();
        let owns = view.members[&NodeName::from("A")].owns.clone();
        let member = view.members.get_mut(&NodeName::from(owner)).unwrap();
        (member.role, member.version, member.owns) = (role, version, owns);
        let promotion = find(&story.evidence).remove(0).promotion;
        assert_eq!(promotion.map(|promotion| promotion.node), expected.map(NodeName::from));
    }

    /// A is paused at 3 s and again at 5 s: which nodes acknowledged a write of its shard and when, and which of these is the first of
    /// each time.
    #[rstest]
    #[case::another_node(&[(3, 4_000), (3, 4_500), (3, 6_000)], [Some(4_000), Some(6_000)])]
    #[case::the_first_to_end(&[(3, 4_500), (3, 4_000)], [Some(4_000), None])]
    #[case::as_it_was_taken_down(&[(3, 3_000), (3, 5_000)], [None, None])]
    #[case::the_node_itself(&[(0, 4_000), (3, 4_500)], [Some(4_500), None])]
    fn what_another_node_acknowledges_first(#[case] writes: &[(u16, u64)], #[case] expected: [Option<u64>; 2]) {
        let mut story = Story::formed();
        story.act(3_000, 0, "Pause", "A");
        story.act(3_300, 1, "Resume", "A");
        story.act(5_000, 2, "Pause", "A");
        let (key, other) = (story.key_of("A"), story.key_of("B"));
        for (node, ended) in writes {
            story.write(LOAD_STARTS, key, |write| {
                (write.node, write.ended) = (Some(*node), Instant::from_millis(*ended));
            });
        }
        // None of these is such a write.
        story.write(3_400, key, |read| (read.node, read.effect) = (Some(3), OperationEffect::Reads));
        story.write(3_400, key, |write| (write.node, write.outcome) = (Some(3), Outcome::Fail));
        story.write(3_400, key, |write| write.node = None);
        story.write(3_400, other, |_| {});
        story.end(9_000);
        let first = |takedown: Takedown| takedown.first_write.map(|write| write.ended);
        let found: Vec<_> = find(&story.evidence).into_iter().map(first).collect();
        assert_eq!(found, expected.map(|ended| ended.map(Instant::from_millis)));
    }
}
