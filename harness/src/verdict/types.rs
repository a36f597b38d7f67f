//! What a verdict says. Written as `report.json`.

use serde::{Deserialize, Serialize};

use super::topology::TopologyComparison;
use crate::check::{Finding, RunOutcome};
use crate::evidence::{FailoverPhase, LoadTotals, Outcome};
use crate::vocab::{Instant, NodeName};

/// That what was missed was not the machine's doing.
pub(super) const MACHINE_KEPT_UP: &str = "the machine spoiled no timing";

/// What the run makes of its evidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The scenario's name.
    pub scenario: String,
    /// The run's outcome.
    pub outcome: RunOutcome,
    /// Why the outcome is what it is, in one sentence.
    pub because: String,
    /// What must be true for the rest to mean anything.
    pub assumptions: Vec<Assumption>,
    /// The checks that every run has (no server crashed, every `Until` was met), the scenario's SLOs and the topology's
    /// comparison, in this order.
    pub findings: Vec<Finding>,
    /// The topology's transitions compared with the recorded ones.
    pub topology: TopologyComparison,
    /// Every failover, phase by phase.
    pub failovers: Vec<FailoverReport>,
    /// What each load did.
    pub loads: Vec<LoadSummary>,
    /// What each server used; empty if nothing was sampled.
    #[serde(default)]
    pub servers: Vec<ServerSummary>,
    /// How far each replica was behind its masters; empty if nobody wrote, or no replica followed.
    #[serde(default)]
    pub replicas: Vec<ReplicaSummary>,
    /// The settings that bound the result, such as `cluster-node-timeout 1000` and `cluster-require-full-coverage yes`.
    pub settings: Vec<String>,
}

impl Verdict {
    /// Whether nothing but a machine that others kept busy stands between the run and an answer: another run may have one.
    pub fn is_spoiled_by_machine(&self) -> bool {
        let mut broken = self.assumptions.iter().filter(|assumption| !assumption.holds);
        self.outcome == RunOutcome::Inconclusive
            && broken.next().is_some_and(|assumption| assumption.assumed == MACHINE_KEPT_UP)
            && broken.next().is_none()
    }

    /// What the topology's comparison counts for; none if it was not made.
    pub fn topology_finding(&self) -> Option<&Finding> {
        let check = self.topology.check();
        self.findings.iter().find(|finding| finding.check == check)
    }
}

/// Something that must be true for a verdict to mean anything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumption {
    /// What was assumed, such as `the load kept its rate`.
    pub assumed: String,
    /// Whether it held.
    pub holds: bool,
    /// The figures.
    pub detail: String,
}

/// What was assumed, whether it held, and the figures.
pub(super) fn assume(assumed: impl Into<String>, holds: bool, detail: impl Into<String>) -> Assumption {
    Assumption { assumed: assumed.into(), holds, detail: detail.into() }
}

/// A failover, phase by phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FailoverReport {
    /// The master that was taken down.
    pub failed: NodeName,
    /// Who took over; none if nobody did.
    pub promoted: Option<NodeName>,
    /// What was done to the master, such as `Kill`.
    pub fault: String,
    /// When it was back (resumed, started or healed); none if it was not.
    #[serde(default)]
    pub returned: Option<Instant>,
    /// The phases in their order; those that were not seen too if somebody took over.
    pub phases: Vec<PhaseTime>,
}

impl FailoverReport {
    /// Whether something happened in which times are of interest.
    pub fn has_phases(&self) -> bool {
        self.phases.len() > 1
    }
}

/// When a phase of a failover was reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseTime {
    /// Which.
    pub phase: FailoverPhase,
    /// When; none if it was not seen.
    pub at: Option<Instant>,
    /// Where the time comes from, such as `A1's log`, `B's view`, `history`.
    pub source: String,
    /// The setting this phase is bound by, such as `1 to 1.5 x cluster-node-timeout 1000`.
    pub bound_by: String,
}

/// Operations of a load that have command, shard, part of the run and outcome in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OperationsSummary {
    /// What people call the command, such as `SET`.
    pub command: String,
    /// The master that owned the shard at the start; none if nobody did.
    pub shard: Option<NodeName>,
    /// How they ended.
    pub outcome: Outcome,
    /// How many they are, and how long they took.
    pub latency: LatencySummary,
}

/// What a load did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoadSummary {
    /// The load's name.
    pub load: String,
    /// From its start to its end, in seconds.
    pub seconds: f64,
    /// Operations that it did or was due to do: all that the checks count.
    #[serde(default)]
    pub demanded: u64,
    /// Operations by outcome, attempts by error.
    pub totals: LoadTotals,
    /// Operations that ended ok, a second.
    pub ok_per_second: f64,
    /// The same by command, shard, part of the run and outcome.
    #[serde(default)]
    pub operations: Vec<OperationsSummary>,
    /// From when the starts of a schedule were due to when they were begun, whatever kept them; none for a closed loop.
    #[serde(default)]
    pub starts_late: Option<LatencySummary>,
    /// Latencies of all operations, whatever became of them, from the intended start: one for each part of the run that has
    /// any, `whole` first.
    pub latency: Vec<LatencySummary>,
}

/// Latencies of one part of a run, in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LatencySummary {
    /// `whole`, `steady` or `fault`; `whole, from the first attempt` of those that were begun, where that differs by more than a
    /// tenth.
    pub part: String,
    /// How many operations.
    pub samples: u64,
    /// The mean.
    pub mean_ms: f64,
    /// The median.
    pub p50_ms: f64,
    /// The 95th percentile.
    pub p95_ms: f64,
    /// The 99th percentile.
    pub p99_ms: f64,
    /// The 99.9th percentile.
    pub p999_ms: f64,
    /// The maximum.
    pub max_ms: f64,
}

/// What a server used from the formation to the end of the timeline. A figure that its version does not tell is none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ServerSummary {
    /// The node.
    pub node: NodeName,
    /// The most that it had allocated, in bytes.
    pub peak_memory_bytes: Option<f64>,
    /// The most connections, with two of the harness's own.
    pub peak_clients: Option<f64>,
    /// The most commands between two samples, a second; without those that the harness asks.
    pub peak_commands_per_second: Option<f64>,
    /// The most processor time between two samples, in percent of one processor.
    pub peak_cpu_percent: Option<f64>,
    /// What it received in all, in bytes.
    pub network_in_bytes: Option<f64>,
    /// What it sent in all, in bytes; with its answers to the harness.
    pub network_out_bytes: Option<f64>,
    /// Keys that it removed because of `maxmemory`.
    pub keys_evicted: Option<f64>,
    /// Connections that it rejected because of `maxclients`.
    pub connections_rejected: Option<f64>,
}

/// How long a replica took, from the first load's start to the last load's end, until it had what its masters had: at most, for it is
/// known to within the time between two questions of the observer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaSummary {
    /// The node.
    pub node: NodeName,
    /// How many positions of its masters it had to reach.
    pub positions: u64,
    /// The median in milliseconds; none if it never reached so many.
    pub p50_ms: Option<f64>,
    /// The 99th percentile.
    pub p99_ms: Option<f64>,
    /// The longest.
    pub longest_ms: Option<f64>,
}
