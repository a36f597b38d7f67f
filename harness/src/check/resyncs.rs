//! How often replicas had to be brought level with their master, and how.
//!
//! A replica that comes back asks to go on from where it was. Its master lets it if the backlog still holds what was written since
//! (a partial resynchronisation), and else sends everything anew (a full one), which costs both of them. (Redis `replication.c`:
//! `masterTryPartialResynchronization`; the replica logs which it was.)

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding};
use super::slo_kind::{NeededLoad, SloKind, WrongNumber};
use crate::evidence::{EventKind, LogEvent};
use crate::vocab::{Instant, NodeName};

/// how often replicas were brought level with their master since the formation, by their logs: `Partial` from its backlog, or `Full` with everything anew
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Resyncs {
    /// Which kind.
    pub kind: ResyncKind,
    /// How many there must be at least.
    #[serde(default)]
    pub min: u64,
    /// How many there may be.
    pub max: u64,
}

/// How a replica is brought level with its master.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResyncKind {
    /// It gets everything anew.
    Full,
    /// It goes on from where it was.
    Partial,
}

impl Resyncs {
    pub(super) const EXAMPLE: &str = "Resyncs(kind: Full, max: 0)";

    fn is_meant(self, says: &LogEvent) -> bool {
        match self.kind {
            ResyncKind::Full => *says == LogEvent::FullResync,
            ResyncKind::Partial => *says == LogEvent::PartialResync,
        }
    }

    /// When each began, and on which node.
    fn found<'a>(self, case: &Case<'a>, formed: Instant) -> Vec<(Instant, &'a NodeName)> {
        let logs = case.evidence.events.iter().filter_map(|event| match &event.kind {
            EventKind::Log(record) if record.logged >= formed && self.is_meant(&record.says) => {
                Some((record.logged, &record.node))
            }
            _ => None,
        });
        logs.collect()
    }
}

impl fmt::Display for Resyncs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            ResyncKind::Full => "full",
            ResyncKind::Partial => "partial",
        };
        write!(f, "{kind} resyncs {}", finding::count_limit(self.min, self.max))
    }
}

impl SloKind for Resyncs {
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::count_limit(self.min, self.max);
        let formed = case.evidence.events.iter().find(|event| matches!(event.kind, EventKind::Formed));
        let logged = case.evidence.events.iter().filter(|event| matches!(event.kind, EventKind::Log(_))).count();
        // Every replica logs how it came to follow its master: without such a line there was nobody to tell.
        let (Some(formed), 1..) = (formed, logged) else {
            return Finding::nothing(self, limit, "no server's log tells of a resynchronisation");
        };
        let found = self.found(case, formed.at);
        let told = found.iter().map(|(at, node)| format!("{node} at {at}"));
        Finding {
            status: finding::met((self.min..=self.max).contains(&(found.len() as u64))),
            measured: found.len().to_string(),
            samples: logged as u64,
            note: finding::note(told),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A machine that stands still for as long as replicas wait for their master makes them begin anew.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        case.machine.stalled(case.windows.whole, case.plan.node_timeout_ms())
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::None
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        WrongNumber::of_range(&self.min, &self.max)
    }

    fn variant(&self) -> u64 {
        self.kind as u64
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{Story, late};
    use crate::check::{Slo, Status};

    #[rstest]
    #[case::none(ResyncKind::Full, &[], 0, 0, "0", Status::Pass)]
    #[case::too_few(ResyncKind::Full, &[], 1, 1, "0", Status::Fail)]
    #[case::one(ResyncKind::Full, &[(5_000, LogEvent::FullResync)], 1, 1, "1", Status::Pass)]
    #[case::too_many(ResyncKind::Full, &[(5_000, LogEvent::FullResync)], 0, 0, "1", Status::Fail)]
    #[case::of_the_other_kind(ResyncKind::Partial, &[(5_000, LogEvent::FullResync)], 0, 0, "0", Status::Pass)]
    #[case::partial(ResyncKind::Partial, &[(5_000, LogEvent::PartialResync)], 1, 1, "1", Status::Pass)]
    #[case::as_it_was_formed(ResyncKind::Full, &[(0, LogEvent::FullResync)], 0, 0, "0", Status::Pass)]
    #[case::at_once_after_it(ResyncKind::Full, &[(1_000, LogEvent::FullResync)], 0, 0, "1", Status::Fail)]
    fn resyncs_are_counted(
        #[case] kind: ResyncKind,
        #[case] logs: &[(u64, LogEvent)],
        #[case] min: u64,
        #[case] max: u64,
        #[case] measured: &str,
        #[case] status: Status,
    ) {
        let mut story = Story::formed();
        story.log(0, "A1", LogEvent::SyncStarted);
        for (at, says) in logs {
            story.log(*at, "A1", says.clone());
        }
        story.end(9_000);
        let finding = story.judge(Slo::Resyncs(Resyncs { kind, min, max }));
        assert_eq!((finding.measured.as_str(), finding.status), (measured, status));
        assert_eq!((finding.samples, finding.limit), (1 + logs.len() as u64, finding::count_limit(min, max)));
        let told =
            logs.first().filter(|_| measured == "1").map(|(at, _)| format!("A1 at {}", Instant::from_millis(*at)));
        assert_eq!(finding.note, told.unwrap_or_default());
    }

    #[test]
    fn without_a_log_nothing_is_known() {
        let mut story = Story::formed();
        story.end(9_000);
        let finding = story.judge(Slo::Resyncs(Resyncs { kind: ResyncKind::Full, min: 0, max: 9 }));
        let note = "no server's log tells of a resynchronisation";
        assert_eq!((finding.status, finding.note.as_str()), (Status::Inconclusive, note));
        // Nor is it if the servers never agreed, whatever they logged.
        let mut story = Story::new();
        story.log(2_000, "A1", LogEvent::FullResync);
        let finding = story.judge(Slo::Resyncs(Resyncs { kind: ResyncKind::Full, min: 0, max: 9 }));
        assert_eq!((finding.status, finding.note.as_str()), (Status::Inconclusive, note));
    }

    /// A replica that hears nothing of its master for half a node timeout may begin anew.
    #[rstest]
    #[case::it_stood_still(500.0, true)]
    #[case::it_did_not(499.0, false)]
    fn a_machine_that_stands_still_explains_it(#[case] late_ms: f64, #[case] is_explained: bool) {
        let mut story = Story::formed();
        story.end(9_000);
        story.machine(9_000, |end| late(if end == 4_000 { late_ms } else { 0.0 }));
        let slo = Slo::Resyncs(Resyncs { kind: ResyncKind::Full, min: 0, max: 0 });
        assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), is_explained);
    }
}
