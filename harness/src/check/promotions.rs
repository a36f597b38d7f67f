//! How often a replica took over.
//!
//! That is how many times a node won what another one had owned: elections won, by the winners' own logs, and new owners in the
//! nodes' views.

use std::collections::BTreeMap;
use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use super::window::Window;
use crate::evidence::EventKind;
use crate::vocab::{Instant, NodeName, Ownership};

/// how often a replica took over, by the servers' logs and views, even if that was undone again; with `min: 1, max: 1` it must be once
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Promotions {
    /// How many there must be at least.
    #[serde(default)]
    pub min: u64,
    /// How many there may be.
    pub max: u64,
}

impl Promotions {
    pub(super) const EXAMPLE: &str = "Promotions(max: 0)";
}

impl fmt::Display for Promotions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "promotions {}", finding::count_limit(self.min, self.max))
    }
}

impl SloKind for Promotions {
    /// Every promotion of the run.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let views = case.evidence.topology.iter().filter(|record| record.view.is_some()).count();
        if views == 0 {
            return Finding::nothing(
                self,
                finding::count_limit(self.min, self.max),
                "no node told how it sees the cluster",
            );
        }
        let promotions = promotions(case);
        let told = promotions.iter().map(|(at, node)| format!("{node} at {at}"));
        let count = promotions.len() as u64;
        Finding {
            status: finding::met((self.min..=self.max).contains(&count)),
            measured: count.to_string(),
            samples: views as u64,
            note: told.collect::<Vec<_>>().join(", "),
            ..Finding::nothing(self, finding::count_limit(self.min, self.max), "")
        }
    }

    /// Servers that stand still for half a node timeout may be taken for dead, and a replica for its better. Where too few took
    /// over, time was short: how much is not known, so that a tenth of the time since the first master was taken down must have
    /// been the machine's.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let whole = case.windows.whole;
        let too_few = || {
            let start = case.takedowns.first().map(|takedown| takedown.began)?;
            let short = (promotions(case).len() as u64) < self.min;
            let since = Window { start, end: whole.end };
            short.then(|| case.machine.explain(since, since.nanos() / 10)).flatten()
        };
        case.machine.stalled(whole, case.plan.node_timeout_ms()).or_else(too_few)
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::None
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn needs_failover(&self) -> bool {
        self.min > 0
    }
}

/// When the first promotion was, if that was before a step had done anything to nodes or links: servers took each other for dead.
pub(crate) fn promotion_before_any_step(case: &Case<'_>) -> Option<Instant> {
    let acts = |step: usize| case.plan.steps.get(step).is_some_and(|planned| planned.acts);
    let first_step = case.evidence.events.iter().find_map(|event| match event.kind {
        EventKind::StepStarted { step, .. } if acts(step) => Some(event.at),
        _ => None,
    });
    let (at, _) = promotions(case).into_iter().next()?;
    first_step.is_none_or(|first_step| at < first_step).then_some(at)
}

/// Each promotion's time and winner, in order. A node's log and the views tell of the same ones; whichever knows of more is right.
fn promotions(case: &Case<'_>) -> Vec<(Instant, NodeName)> {
    let mut by_winner = viewed(case);
    for (node, times) in logged(case) {
        let known = by_winner.entry(node).or_default();
        if times.len() >= known.len() {
            *known = times;
        }
    }
    let mut all: Vec<_> =
        by_winner.into_iter().flat_map(|(node, times)| times.into_iter().map(move |at| (at, node.clone()))).collect();
    all.sort();
    all
}

fn logged(case: &Case<'_>) -> BTreeMap<NodeName, Vec<Instant>> {
    let mut wins = BTreeMap::<_, Vec<_>>::new();
    for event in &case.evidence.events {
        if let EventKind::Log(record) = &event.kind
            && record.says.is_promotion()
        {
            wins.entry(record.node.clone()).or_default().push(record.logged);
        }
    }
    wins
}

/// New owners, by the beginning of what they own. A view from the wrong side of a partition may be of long ago: only a newer
/// version of the configuration makes an owner.
fn viewed(case: &Case<'_>) -> BTreeMap<NodeName, Vec<Instant>> {
    let masters = case.plan.nodes.iter();
    let mut owners: BTreeMap<u16, (u64, NodeName)> =
        masters.filter_map(|node| Some((first_owned(&node.owns)?, (node.version, node.name.clone())))).collect();
    let mut wins = BTreeMap::<_, Vec<_>>::new();
    for record in &case.evidence.topology {
        for (node, member) in record.view.iter().flat_map(|view| &view.members) {
            let known = first_owned(&member.owns).and_then(|first| owners.get_mut(&first));
            let Some(owner) = known.filter(|(version, _)| member.version > *version) else { continue };
            if owner.1 != *node {
                wins.entry(node.clone()).or_default().push(record.at);
            }
            *owner = (member.version, node.clone());
        }
    }
    wins
}

fn first_owned(owns: &Ownership) -> Option<u16> {
    owns.ranges().first().map(|range| range.first)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story, late};
    use crate::check::{Slo, Status};
    use crate::evidence::LogEvent;

    fn nothing_happens(_: &mut Story) {}

    fn a_failover(story: &mut Story) {
        story.failover(3_000, 0, 2_000);
        story.log(4_970, "A1", LogEvent::ElectionWon);
    }

    fn to_and_fro(story: &mut Story) {
        a_failover(story);
        story.hand_over("A1", "A");
        story.view(7_000, &["A", "B", "C"]);
    }

    /// The server's log was read too late for the second time.
    fn more_than_was_logged(story: &mut Story) {
        to_and_fro(story);
        story.hand_over("A", "A1");
        story.view(8_000, &["A1"]);
    }

    fn an_election_that_no_view_saw(story: &mut Story) {
        story.log(4_970, "A1", LogEvent::ElectionWon);
    }

    #[rstest]
    #[case::none(nothing_happens, 0, 0, "0", Status::Pass, "")]
    #[case::one(a_failover, 1, 1, "1", Status::Pass, "A1 at 4.970 s")]
    #[case::one_too_many(a_failover, 0, 0, "1", Status::Fail, "A1 at 4.970 s")]
    #[case::too_few(nothing_happens, 1, 5, "0", Status::Fail, "")]
    #[case::undone(to_and_fro, 2, 2, "2", Status::Pass, "A1 at 4.970 s, A at 7.000 s")]
    #[case::only_logged(an_election_that_no_view_saw, 0, 0, "1", Status::Fail, "A1 at 4.970 s")]
    #[case::not_all_logged(more_than_was_logged, 3, 3, "3", Status::Pass, "A1 at 5.000 s, A at 7.000 s, A1 at 8.000 s")]
    fn promotions_are_counted(
        #[case] happens: fn(&mut Story),
        #[case] min: u64,
        #[case] max: u64,
        #[case] measured: &str,
        #[case] status: Status,
        #[case] told: &str,
    ) {
        let mut story = Story::formed();
        happens(&mut story);
        story.end(9_000);
        let finding = story.judge(Slo::Promotions(Promotions { min, max }));
        let found = (finding.measured.as_str(), finding.status, finding.note.as_str());
        assert_eq!(found, (measured, status, told));
        assert_eq!(
            (finding.samples, finding.limit),
            (story.evidence.topology.len() as u64, finding::count_limit(min, max))
        );
    }

    /// A view of long ago, from the wrong side of a partition, makes nobody an owner again.
    #[test]
    fn an_old_view_promotes_nobody() {
        let mut story = Story::formed();
        let old = story.evidence.topology[0].clone();
        a_failover(&mut story);
        story.evidence.topology.push(crate::evidence::TopologyRecord { at: Instant::from_millis(6_000), ..old });
        story.end(9_000);
        assert_eq!(story.judge(Slo::Promotions(Promotions { min: 0, max: 9 })).measured, "1");
    }

    /// A1 is seen to own what A owns, by a configuration that is no newer.
    #[test]
    fn a_view_of_the_same_version_promotes_nobody() {
        let mut story = Story::formed();
        story.hand_over("A", "A1");
        story.view(5_000, &["A1"]);
        let view = story.evidence.topology.last_mut().unwrap().view.as_mut().unwrap();
        view.members.get_mut(&NodeName::new("A1")).unwrap().version = 1;
        story.end(9_000);
        assert_eq!(story.judge(Slo::Promotions(Promotions { min: 0, max: 9 })).measured, "0");
    }

    /// One replica took over on a busy machine, on which no server stood still for long.
    #[rstest]
    #[case::too_few(2, true)]
    #[case::enough(1, false)]
    fn a_busy_machine_explains_that_too_few_took_over(#[case] min: u64, #[case] explained: bool) {
        let mut story = Story::formed();
        a_failover(&mut story);
        story.end(9_000);
        story.machine(9_000, |_| late(20.0));
        let explanation = Promotions { min, max: 9 }.explained_by_machine(&story.case());
        assert_eq!(explanation.is_some(), explained, "{explanation:?}");
    }

    #[test]
    fn without_a_view_nothing_is_known() {
        let mut story = Story::new();
        story.event(LOAD_STARTS, EventKind::Formed);
        let (at, node) = (Instant::from_millis(LOAD_STARTS), NodeName::new("A"));
        story.evidence.topology.push(crate::evidence::TopologyRecord { at, node, view: None });
        story.end(9_000);
        let finding = story.judge(Slo::Promotions(Promotions { min: 0, max: 0 }));
        let found = (finding.status, finding.note.as_str());
        assert_eq!(found, (Status::Inconclusive, "no node told how it sees the cluster"));
    }
}
