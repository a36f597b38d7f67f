//! How long a master that was cut off from the majority went on acknowledging writes.
//!
//! What it acknowledges then to clients on its side is lost when the other side promotes a replica. (Redis documentation, "Redis
//! Cluster specification": the node timeout bounds it.) The SLO is met only if such a client went on asking after the last such
//! write and was not served: else nobody knows how long the master would have gone on.

use std::fmt;

use documented::Documented;
use serde::{Deserialize, Serialize};

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::slo_kind::{FaultScope, IDLE_MACHINE_BELOW, NeededFault, NeededLoad, SloKind, WrongNumber};
use super::takedown::{Takedown, TakedownCause};
use super::window::Window;
use crate::evidence::{ClusterState, Operation, Outcome, TopologyRecord};
use crate::vocab::{Duration, SystemAbility};

/// from a cut to the last write that a master without a majority acknowledged; it takes a client on its side that goes on asking until it is refused
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct MinorityWrites {
    /// How long it may take.
    pub max: Duration,
}

impl MinorityWrites {
    pub(super) const EXAMPLE: &str = r#"MinorityWrites(max: "3s")"#;
}

impl fmt::Display for MinorityWrites {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "minority writes <= {}", self.max)
    }
}

/// What one master acknowledged while it was cut off.
struct CutOff<'a> {
    takedown: &'a Takedown,
    writes: u64,
    /// How long after the cut the last of them was acknowledged.
    nanos: u64,
    /// Whether a client on its side asked again after that and was not served at once.
    refused: bool,
}

impl CutOff<'_> {
    fn status(&self, max: u64) -> Status {
        match () {
            () if self.nanos > max => Status::Fail,
            () if self.writes == 0 || !self.refused => Status::Inconclusive,
            () => Status::Pass,
        }
    }

    fn note(&self) -> String {
        let (took, name) = (finding::time(self.nanos), &self.takedown.failed);
        match (self.writes, self.refused) {
            // Whether it would have taken a write nobody knows: no client asked it.
            (0, false) => format!("no write reached {name} after the cut: put a client on its side"),
            (0, true) => format!("{name} acknowledged no write after the cut"),
            (writes, true) => {
                format!("{name} acknowledged {} up to {took} after the cut", finding::count(writes, "write"))
            }
            (writes, false) => format!(
                "{name} acknowledged {} up to {took} after the cut, and was asked for no more before the links were healed \
                 or the load ended",
                finding::count(writes, "write")
            ),
        }
    }
}

impl SloKind for MinorityWrites {
    fn needed_ability(&self) -> Option<SystemAbility> {
        Some(SystemAbility::Elections)
    }

    /// Every master that was cut off; the worst of them counts.
    fn judge(&self, case: &Case<'_>) -> Finding {
        let limit = finding::time(self.max.as_nanos());
        let windows: Vec<_> = cut_off(case).collect();
        let Some(worst) = windows.iter().max_by_key(|window| window.nanos) else {
            return Finding::nothing(self, limit, "no master was cut off from the majority");
        };
        let statuses: Vec<_> = windows.iter().map(|window| window.status(self.max.as_nanos())).collect();
        let has = |status| statuses.contains(&status);
        let writes = windows.iter().map(|window| window.writes).sum();
        Finding {
            status: match () {
                () if has(Status::Fail) => Status::Fail,
                () if has(Status::Inconclusive) => Status::Inconclusive,
                () => Status::Pass,
            },
            measured: if writes == 0 { "-".to_owned() } else { finding::time(worst.nanos) },
            samples: writes,
            note: finding::note(windows.iter().map(CutOff::note)),
            ..Finding::nothing(self, limit, "")
        }
    }

    /// A miss is explained if for every master that took too long the machine may have taken as much, while it lasted.
    fn explained_by_machine(&self, case: &Case<'_>) -> Option<String> {
        let late = cut_off(case).filter_map(|window| {
            let excess = window.nanos.checked_sub(self.max.as_nanos()).filter(|excess| *excess > 0)?;
            let start = window.takedown.began;
            Some((Window { start, end: start.plus_nanos(window.nanos) }, excess))
        });
        finding::all_explained(late.map(|(stretch, excess)| case.machine.explain(stretch, excess)))
    }

    fn is_timed(&self) -> bool {
        true
    }

    fn needs_idle_machine(&self) -> bool {
        self.max < IDLE_MACHINE_BELOW
    }

    fn needed_load(&self) -> NeededLoad {
        NeededLoad::Writing
    }

    fn wrong_numbers(&self) -> Vec<WrongNumber> {
        let help = "it takes a `cluster-node-timeout` and more: write such as `max: \"2s\"`";
        let wrong = || WrongNumber::new("max", "no master notices at once that it is cut off", help);
        (self.max == Duration::default()).then(wrong).into_iter().collect()
    }

    fn needed_fault(&self) -> Option<NeededFault> {
        Some(NeededFault {
            does: FaultScope::CutsLinks,
            name: "partition",
            help: "cut a master off: `Partition(links: Isolate(node: \"A\", with: [\"app\"]))`",
        })
    }
}

fn cut_off<'t>(case: &'t Case<'_>) -> impl Iterator<Item = CutOff<'t>> {
    let cut = case.takedowns.iter().filter(|takedown| takedown.cause == TakedownCause::Partition);
    cut.map(|takedown| {
        let ends: Vec<_> = case.acknowledged_after(takedown).map(|write| write.ended).collect();
        let last = ends.iter().max().copied().unwrap_or(takedown.began);
        // A client that waits while the links are healed and is then served at the first attempt was not refused; neither was
        // an operation that nobody was asked to do.
        let refused = |write: &Operation| {
            write.ended > last && write.attempts > 0 && (write.outcome != Outcome::Ok || write.attempts > 1)
        };
        CutOff {
            takedown,
            writes: ends.len() as u64,
            nanos: last.nanos_since(takedown.began),
            refused: says_so(case, takedown) || case.writes_on_the_side_of(takedown).any(|write| refused(&write)),
        }
    })
}

/// Whether the master itself said, while it was cut off, that it refuses to serve (`cluster_state:fail`): then it acknowledges
/// nothing, even if no client asks it.
fn says_so(case: &Case<'_>, takedown: &Takedown) -> bool {
    let refuses = |record: &&TopologyRecord| {
        let state = record.view.as_ref().map(|view| view.state);
        record.node == takedown.failed && state == Some(ClusterState::Fail)
    };
    let during = takedown.began..takedown.end();
    case.evidence.topology.iter().filter(refuses).any(|record| during.contains(&record.at))
}
