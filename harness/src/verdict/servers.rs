//! What each server used.

use std::collections::BTreeMap;

use super::types::ServerSummary;
use crate::evidence::{EventKind, Evidence, Figure, RecordedNode, ResourceSample};

/// One summary for each node that was sampled while the scenario went on, in the order of the plan.
///
/// What comes before (servers that load and form a cluster) and after (the harness reads every key back) is not the scenario's.
pub(super) fn servers(evidence: &Evidence) -> Vec<ServerSummary> {
    let formed = evidence.events.iter().find(|event| matches!(event.kind, EventKind::Formed)).map(|event| event.at);
    let Some(formed) = formed else { return Vec::new() };
    let mut of_nodes = BTreeMap::<_, Vec<_>>::new();
    for sample in evidence.samples_before_final_read().into_iter().filter(|sample| sample.at >= formed) {
        of_nodes.entry(sample.node.as_ref()).or_default().push(sample);
    }
    let of_node = |node: &RecordedNode| of_nodes.get(&Some(&node.name)).map(|own| summary(node, own));
    evidence.plan.nodes.iter().filter_map(of_node).collect()
}

fn summary(node: &RecordedNode, samples: &[&ResourceSample]) -> ServerSummary {
    let pairs = || samples.windows(2).map(|pair| (pair[1], pair[0]));
    let peak = |figure| highest(samples.iter().filter_map(|sample| sample.figure(figure)));
    let growth = |counter| sum(pairs().filter_map(|(sample, before)| sample.growth(before, counter)));
    ServerSummary {
        node: node.name.clone(),
        peak_memory_bytes: peak(Figure::MemoryUsedBytes),
        peak_clients: peak(Figure::Clients),
        peak_commands_per_second: highest(
            pairs().filter_map(|(sample, before)| sample.per_second(before, Figure::Commands)),
        ),
        peak_cpu_percent: highest(pairs().filter_map(|(sample, before)| sample.cpu_percent(before))),
        network_in_bytes: growth(Figure::NetworkInBytes),
        network_out_bytes: growth(Figure::NetworkOutBytes),
        keys_evicted: growth(Figure::KeysEvicted),
        connections_rejected: growth(Figure::ConnectionsRejected),
    }
}

fn highest(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(f64::max)
}

fn sum(numbers: impl Iterator<Item = f64>) -> Option<f64> {
    numbers.reduce(|sum, number| sum + number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::Story;
    use crate::evidence::testing::{server_samples, with};
    use crate::vocab::Instant;

    /// A serves 500 commands a second and is killed at 4 s; a new process serves 200 a second from 6 s on.
    fn story() -> Story {
        let mut story = Story::formed();
        story.evidence.samples =
            [server_samples("A", 1.0, 0..4_000, 500.0), server_samples("A", 2.0, 6_000..9_000, 200.0)].concat();
        story
    }

    #[test]
    fn a_server_that_was_started_again_counts_anew() {
        let servers = servers(&story().evidence);
        assert_eq!(servers.len(), 1, "nobody else was sampled");
        assert_eq!(servers[0].peak_commands_per_second, Some(500.0));
        assert_eq!(servers[0].peak_cpu_percent, Some(10.0));
        // Two seconds after the formation, and two of the new process; nothing of what lies between.
        assert_eq!(servers[0].network_in_bytes, Some(2.0 * 50_000.0 + 2.0 * 20_000.0));
        assert_eq!((servers[0].peak_clients, servers[0].keys_evicted), (Some(5.0), None));
    }

    #[test]
    fn what_the_harness_reads_back_is_not_the_scenarios() {
        let mut story = story();
        story.event(4_000, EventKind::FinalReadStarted);
        let burst = with(server_samples("A", 1.0, 3_000..7_000, 90_000.0), Figure::KeysEvicted, 7.0);
        story.evidence.samples.extend(burst.into_iter().filter(|sample| sample.at > Instant::from_millis(3_000)));
        assert_eq!(servers(&story.evidence)[0].peak_commands_per_second, Some(500.0));
        assert_eq!(servers(&story.evidence)[0].keys_evicted, None);
    }

    #[test]
    fn without_samples_there_is_no_summary() {
        assert!(servers(&Story::formed().evidence).is_empty());
        let mut unformed = story();
        unformed.evidence.events.clear();
        assert!(servers(&unformed.evidence).is_empty());
    }
}
