//! How long a master that was cut off from the majority went on acknowledging writes.

use std::fmt;

use serde::Deserialize;

use super::case::Case;
use super::finding::{self, Finding, Status};
use super::takedown::{Blow, Takedown};
use super::window::Window;
use crate::evidence::{Operation, Outcome};
use crate::vocab::{Duration, Instant};

/// The time from the cut to the last write that a master without a majority acknowledged. What it acknowledges then is lost
/// when the other side promotes a replica. (Redis documentation, "Redis Cluster specification": the node timeout bounds it.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinorityWrites {
    /// How long it may take.
    pub max: Duration,
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
}

impl MinorityWrites {
    /// Every master that was cut off; the worst of them counts.
    pub(crate) fn judge(self, case: &Case<'_>) -> Finding {
        let limit = finding::time(self.max.as_nanos());
        let cut = case.takedowns.iter().filter(|takedown| takedown.fault == Blow::Partition);
        let windows: Vec<_> = cut.map(|takedown| window(case, takedown)).collect();
        let writes = windows.iter().map(|window| window.writes).sum();
        let Some(worst) = windows.iter().max_by_key(|window| window.nanos) else {
            return Finding::nothing(&self, limit, "no master was cut off from the majority");
        };
        // Whether it would have taken a write nobody knows: no client asked it.
        if windows.iter().any(|window| window.writes == 0) {
            let idle = windows.iter().find(|window| window.writes == 0).map(|window| window.takedown);
            let name = idle.map(|takedown| takedown.failed.to_string()).unwrap_or_default();
            let doubt = format!("no write reached {name} after the cut: put a client on its side");
            return Finding::nothing(&self, limit, doubt);
        }
        let note = windows.iter().map(|window| {
            let (took, name) = (finding::time(window.nanos), &window.takedown.failed);
            format!("{name} acknowledged {} up to {took} after the cut", finding::count(window.writes, "write"))
        });
        Finding {
            status: if worst.nanos <= self.max.as_nanos() { Status::Pass } else { Status::Fail },
            measured: finding::time(worst.nanos),
            samples: writes,
            note: finding::note(note),
            ..Finding::nothing(&self, limit, "")
        }
    }

    /// A miss is excused if for every master that took too long the machine lost as much, in the seconds that it lasted.
    pub(crate) fn excuse(self, case: &Case<'_>) -> Option<String> {
        let cut = case.takedowns.iter().filter(|takedown| takedown.fault == Blow::Partition);
        let late = cut.map(|takedown| window(case, takedown)).filter_map(|window| {
            let excess = window.nanos.checked_sub(self.max.as_nanos()).filter(|excess| *excess > 0)?;
            let start = window.takedown.began;
            Some((Window { start, end: start.plus_nanos(window.nanos) }, excess))
        });
        let excuses: Option<Vec<_>> = late.map(|(stretch, excess)| case.lags.explain(stretch, excess)).collect();
        excuses.map(finding::note).filter(|note| !note.is_empty())
    }
}

fn window<'a>(case: &Case<'_>, takedown: &'a Takedown) -> CutOff<'a> {
    let healed = takedown.returned.unwrap_or(Instant(u64::MAX)).min(takedown.until);
    let acknowledged = |write: &&Operation| {
        write.kind.writes()
            && write.outcome == Outcome::Ok
            && (takedown.began..healed).contains(&write.ended)
            && case.node_name(write.node) == Some(&takedown.failed)
    };
    let ends: Vec<_> = case.client_operations().filter(acknowledged).map(|write| write.ended).collect();
    let last = ends.iter().max().map_or(0, |last| last.nanos_since(takedown.began));
    CutOff { takedown, writes: ends.len() as u64, nanos: last }
}
