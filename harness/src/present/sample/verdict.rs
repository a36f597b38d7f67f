//! A verdict with something of everything.

use std::collections::BTreeMap;

use super::name;
use crate::evidence::{ErrorKind, FailoverPhase, LoadTotals};
use crate::verdict::RunOutcome::{Fail, Pass};
use crate::verdict::{
    Assumption, FailoverReport, Finding, LatencySummary, LoadSummary, PhaseTime, ReplicaSummary, ServerSummary,
    TopologyComparison, TopologyState, Verdict,
};
use crate::vocab::Instant;

/// The verdict on [`master_kill`], with something broken of every kind.
pub(in crate::present) fn verdict() -> Verdict {
    Verdict {
        scenario: "failover/master_kill".to_owned(),
        outcome: Fail,
        because: "p99 fault <= 10ms was not met: 1,488 ms".to_owned(),
        assumptions: assumptions(),
        findings: findings(),
        topology: TopologyComparison::none(TopologyState::NotKept, "the scenario says snapshot: false"),
        failovers: vec![failover()],
        loads: vec![load()],
        servers: ["A", "A1", "B"].map(server).to_vec(),
        replicas: vec![replica("A1", 402, None), replica("B1", 1_204, Some(1_512.0))],
        settings: vec!["cluster-node-timeout 1000".to_owned(), "cluster-require-full-coverage yes".to_owned()],
    }
}

/// The same, with a topology that is not as recorded.
pub(in crate::present) fn differs() -> Verdict {
    let topology = TopologyComparison {
        state: TopologyState::Differs,
        snapshot: Some("snapshots/failover__master_kill.snap".to_owned()),
        line: Some(12),
        states: 4,
        diff: "  a\n- b\n+ c\n".to_owned(),
        note: "review it: `cargo insta review`".to_owned(),
    };
    let mut verdict = verdict();
    let found = Finding {
        check: topology.check(),
        status: Fail,
        limit: "as recorded".to_owned(),
        measured: topology.state.to_string(),
        samples: topology.states,
        line: None,
        note: topology.note.clone(),
    };
    verdict.findings.push(found);
    Verdict { topology, ..verdict }
}

fn assumptions() -> Vec<Assumption> {
    let assumption = |assumed: &str, holds, detail: &str| Assumption {
        assumed: assumed.to_owned(),
        holds,
        detail: detail.to_owned(),
    };
    vec![
        assumption("the baseline was healthy", true, "settled and everything served from 2.000 s to the first fault"),
        assumption("every step left its proof", true, "Kill A: wait status: signal 9; Start A: pid 31"),
        assumption(
            "the load kept its rate",
            false,
            "1,998.0 of 2,000 operations a second were begun within 10 ms of their time; the largest delay was 23 ms, \
             at 4.231 s, on worker 2",
        ),
        assumption("writes were in flight when A died", true, "3 writes to A were without a reply at 4.200 s"),
    ]
}

fn findings() -> Vec<Finding> {
    let finding = |check: &str, status, figures: [&str; 2], samples, line, note: &str| Finding {
        check: check.to_owned(),
        status,
        limit: figures[0].to_owned(),
        measured: figures[1].to_owned(),
        samples,
        line,
        note: note.to_owned(),
    };
    vec![
        finding("no server ended by itself", Pass, ["0", "0"], 6, None, ""),
        finding("every Until was met", Pass, ["2", "2"], 2, None, ""),
        finding("failover <= 3s", Pass, ["3s", "1,542 ms"], 1, Some(21), ""),
        finding("p99 steady <= 10ms", Pass, ["10ms", "0.64 ms"], 16_820, Some(22), ""),
        finding(
            "p99 fault <= 10ms",
            Fail,
            ["10ms", "1,488 ms"],
            3_178,
            Some(23),
            "operations on A's shard waited for the promotion; without them the p99 is 0.66 ms",
        ),
        finding("lost writes <= 0", Pass, ["0", "0"], 9_960, Some(24), ""),
    ]
}

fn failover() -> FailoverReport {
    let phase = |phase, at: Option<u64>, source: &str, bound_by: &str| PhaseTime {
        phase,
        at: at.map(Instant::from_millis),
        source: source.to_owned(),
        bound_by: bound_by.to_owned(),
    };
    FailoverReport {
        failed: name("A"),
        promoted: Some(name("A1")),
        fault: "Kill".to_owned(),
        returned: None,
        phases: vec![
            phase(FailoverPhase::Fault, Some(4_200), "harness", ""),
            phase(FailoverPhase::Pfail, Some(5_210), "C's log", "cluster-node-timeout 1000: 1.0 to 1.5 times"),
            phase(FailoverPhase::Fail, Some(5_251), "C's log", "gossip: a majority of masters must report it"),
            phase(FailoverPhase::ElectionDelayed, None, "A1's log", "500 ms and a random part of up to 500 ms"),
            phase(FailoverPhase::ElectionStarted, Some(5_690), "A1's log", "500 ms and a random part of up to 500 ms"),
            phase(FailoverPhase::Promoted, Some(5_694), "A1's log", "a round trip to the masters"),
            phase(FailoverPhase::FirstAcceptedWrite, Some(5_742), "history", "the client's retry_wait 10ms"),
            phase(FailoverPhase::AllAgree, Some(5_790), "all views", "gossip"),
        ],
    }
}

/// A server; B has something that is worth a remark.
pub(in crate::present) fn server(node: &str) -> ServerSummary {
    let of_b = |number: f64| Some(if node == "B" { number } else { 0.0 });
    ServerSummary {
        node: name(node),
        peak_memory_bytes: Some(2_412_544.0),
        peak_clients: Some(6.0),
        peak_commands_per_second: (node != "A1").then_some(1_334.6),
        peak_cpu_percent: Some(11.94),
        network_in_bytes: Some(861_200.0),
        network_out_bytes: Some(3_204_512.0),
        keys_evicted: of_b(1_240.0),
        connections_rejected: of_b(3.0),
    }
}

fn replica(node: &str, positions: u64, longest_ms: Option<f64>) -> ReplicaSummary {
    ReplicaSummary { node: name(node), positions, p50_ms: Some(9.1), p99_ms: Some(19.8), longest_ms }
}

fn load() -> LoadSummary {
    let part = |part: &str, samples, figures: [f64; 6]| LatencySummary {
        part: part.to_owned(),
        samples,
        mean_ms: figures[0],
        p50_ms: figures[1],
        p95_ms: figures[2],
        p99_ms: figures[3],
        p999_ms: figures[4],
        max_ms: figures[5],
    };
    LoadSummary {
        load: "app".to_owned(),
        seconds: 10.0,
        demanded: totals().demanded(),
        totals: totals(),
        ok_per_second: 1_999.8,
        operations: Vec::new(),
        starts_late: None,
        latency: vec![
            part("whole", 19_998, [39.1, 0.31, 0.52, 1_310.0, 1_533.0, 1_542.2]),
            part("whole, from the first attempt", 19_998, [39.0, 0.30, 0.51, 1_309.0, 1_533.0, 1_542.1]),
            part("steady", 16_820, [0.33, 0.31, 0.50, 0.64, 2.31, 2.48]),
            part("fault", 3_178, [246.0, 0.32, 1_401.0, 1_488.0, 1_540.0, 1_542.2]),
        ],
    }
}

pub(super) fn totals() -> LoadTotals {
    let errors =
        [(ErrorKind::Refused, 2_310), (ErrorKind::Reset, 3), (ErrorKind::ClusterDown, 812), (ErrorKind::Moved, 41)];
    LoadTotals { ok: 19_998, fail: 0, unknown: 2, attempt_errors: BTreeMap::from(errors), ..LoadTotals::default() }
}
