//! What bounds the phases of a failover.

use std::collections::BTreeMap;

use crate::evidence::FailoverPhase;
use crate::vocab::{Product, ServerVersion};

/// The bounds of a failover in which a server of this version takes over, in the words of the settings.
///
/// Redis 7.0 `cluster.c`: `clusterCron`, `markNodeAsFailingIfNeeded`, `clusterHandleSlaveFailover`.
pub(crate) fn failover_bounds(node_timeout_ms: u64, version: ServerVersion) -> BTreeMap<FailoverPhase, String> {
    // Recorded of Valkey 9.1: `This is the best ranked replica and can initiate the election immediately.`
    let has_no_delay = version.product == Product::Valkey && version.major == 9;
    let delay = if has_no_delay { "0 ms for the best replica" } else { "500 + 0..500 + rank x 1000 ms" };
    let next_election_ms = node_timeout_ms.saturating_mul(4).max(4_000);
    [
        (FailoverPhase::Pfail, format!("1 to 1.5 x cluster-node-timeout {node_timeout_ms}")),
        (FailoverPhase::Fail, "gossip: a majority must report it".to_owned()),
        (FailoverPhase::ElectionDelayed, "the replica's next turn, <= 100 ms".to_owned()),
        (FailoverPhase::ElectionStarted, delay.to_owned()),
        (FailoverPhase::Promoted, format!("votes of a majority (else +{next_election_ms} ms)")),
        (FailoverPhase::AllAgree, "the new owner's broadcast".to_owned()),
    ]
    .into()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::redis(Product::Redis, 7, "500 + 0..500 + rank x 1000 ms")]
    #[case::valkey(Product::Valkey, 8, "500 + 0..500 + rank x 1000 ms")]
    #[case::valkey_without_delay(Product::Valkey, 9, "0 ms for the best replica")]
    fn the_version_decides_the_delay(#[case] product: Product, #[case] major: u16, #[case] delay: &str) {
        let bounds = failover_bounds(1_500, ServerVersion { product, major, minor: 0, patch: 0 });
        assert_eq!(bounds[&FailoverPhase::ElectionStarted], delay);
        assert_eq!(bounds[&FailoverPhase::Pfail], "1 to 1.5 x cluster-node-timeout 1500");
        assert_eq!(bounds[&FailoverPhase::Promoted], "votes of a majority (else +6000 ms)");
    }
}
