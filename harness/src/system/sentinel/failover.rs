//! What bounds the phases of a failover.

use std::collections::BTreeMap;

use super::Sentinel;
use crate::evidence::FailoverPhase;

/// What bounds each phase, in the words of the settings. (Redis `sentinel.c`: a sentinel works off its timers ten times a second and
/// asks the others each second what they think; INFO tells it of the promotion, which it asks each second while a failover lasts.)
pub(super) fn failover_bounds(sentinel: Sentinel) -> BTreeMap<FailoverPhase, String> {
    let majority = sentinel.sentinels / 2 + 1;
    let retry_s = sentinel.failover_timeout.0.as_secs_f64() * 2.0;
    [
        (FailoverPhase::SubjectivelyDown, format!("down-after-milliseconds {}", sentinel.down_after.0.as_millis())),
        (FailoverPhase::ObjectivelyDown, format!("quorum {}, others are asked each second", sentinel.quorum)),
        (FailoverPhase::FailoverTried, "at once".to_owned()),
        (
            FailoverPhase::LeaderElected,
            format!("votes of {majority} sentinels (else +{retry_s} to +{} s)", retry_s + 1.0),
        ),
        (FailoverPhase::ReplicaSelected, format!("priority, offset, run id (none fits: +{retry_s} s)")),
        (FailoverPhase::Promoted, "REPLICAOF NO ONE, within failover-timeout".to_owned()),
        (FailoverPhase::MasterSwitched, "INFO each second".to_owned()),
        (FailoverPhase::AllAgree, "hello messages each 2 s, the old replicas' resync".to_owned()),
    ]
    .into()
}
