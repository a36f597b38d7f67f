//! What a scenario learns of an SLO before a run: its words, what it needs, and which numbers make no sense.

use super::*;
use crate::check::slo_kind::{FaultScope, NeededLoad as Load};

fn slo(text: &str) -> Slo {
    use ron::extensions::Extensions;
    let extensions = Extensions::UNWRAP_VARIANT_NEWTYPES | Extensions::IMPLICIT_SOME;
    ron::Options::default().with_default_extension(extensions).from_str(text).unwrap()
}

/// Its words, the load without which it cannot be judged, and what is wrong with its numbers.
#[rstest]
#[case("Acquisitions(min: 100, during: Fault)", "locks taken fault >= 100", Load::Locking, &[])]
#[case(r#"Acquisitions(max: 0, load: "app")"#, "locks taken whole of app <= 0", Load::Locking, &[])]
#[case("Acquisitions()", "locks taken whole >= 0", Load::Locking, &["min: this is met whatever happens"])]
#[case("Acquisitions(min: 3, max: 2)", "locks taken whole 3 to 2", Load::Locking, &["min: at least 3 and at most 2 contradict each other"])]
#[case(r#"Capacity(quantile: 99, max: "10ms", min: 1)"#, "capacity at p99 <= 10ms >= 1/s", Load::InStages, &[])]
#[case(
    r#"Capacity(quantile: 1, max: "0s", min: 0, load: "app")"#,
    "capacity of app at p1 <= 0s >= 0/s",
    Load::InStages,
    &["max: no operation takes no time at all", "quantile: a quantile is a percentage above 1", "min: every server carries that much"]
)]
#[case(r#"DeliveryDelay(quantile: 99, max: "10ms", during: Steady)"#, "p99 delivery steady <= 10ms", Load::Subscribers, &[])]
#[case(
    r#"DeliveryDelay(quantile: 0, max: "0s")"#,
    "p0 delivery whole <= 0s",
    Load::Subscribers,
    &["max: no message takes no time at all", "quantile: a quantile lies above 0"]
)]
#[case(
    r#"Failover(max: "0s", min: "1s")"#,
    "failover 1s to 0s",
    Load::Writing,
    &["max: no failover takes no time at all", "min: at least 1s and at most 0s contradict each other"]
)]
#[case(r#"Latency(quantile: 99.9, max: "10ms")"#, "p99.9 whole <= 10ms", Load::Any, &[])]
#[case(
    r#"Latency(quantile: 0.999, max: "0s", during: Fault, load: "app")"#,
    "p0.999 fault of app <= 0s",
    Load::Any,
    &["max: no operation takes no time at all", "quantile: a quantile is a percentage: `0.999` would be 0.999 %"]
)]
#[case(r#"LostElements(max: 2, load: "app")"#, "lost elements of app <= 2", Load::ReadingElements, &[])]
#[case("LostElements(max: 1, min: 2)", "lost elements 2 to 1", Load::ReadingElements, &["min: at least 2 and at most 1 contradict each other"])]
#[case(r#"StaleElements(max: 2, older_than: "500ms", load: "app")"#, "stale elements of app by 500ms <= 2", Load::ReadingElements, &[])]
#[case("StaleElements(max: 1, min: 2)", "stale elements 2 to 1", Load::ReadingElements, &["min: at least 2 and at most 1 contradict each other"])]
#[case("LostMessages(max: 2, while_subscribed: 2)", "lost messages <= 2, while subscribed <= 2", Load::Subscribers, &[])]
#[case("LostMessages(max: 2, min: 2)", "lost messages 2 to 2", Load::Subscribers, &[])]
#[case(
    "LostMessages(max: 1, min: 2, while_subscribed: 2)",
    "lost messages 2 to 1, while subscribed <= 2",
    Load::Subscribers,
    &["min: at least 2 and at most 1 contradict each other", "while_subscribed: 2 of at most 1 that may be lost in all"]
)]
#[case("MutualExclusion(max: 0)", "locks with two holders <= 0", Load::Locking, &[])]
#[case("MutualExclusion(min: 2, max: 1)", "locks with two holders 2 to 1", Load::Locking, &["min: at least 2 and at most 1 contradict each other"])]
#[case("Promotions(min: 1, max: 1)", "promotions 1", Load::None, &[])]
#[case(
    r#"ReplicationLag(quantile: 99, max: "19ms")"#,
    "p99 replication lag whole <= 19ms",
    Load::Writing,
    &["max: offsets are asked for every 10 ms: a shorter lag cannot be told"]
)]
#[case(r#"ReplicationLag(quantile: 99, max: "20ms")"#, "p99 replication lag whole <= 20ms", Load::Writing, &[])]
#[case("Promotions(min: 2, max: 1)", "promotions 2 to 1", Load::None, &["min: at least 2 and at most 1 contradict each other"])]
#[case("Resyncs(kind: Full, min: 2, max: 1)", "full resyncs 2 to 1", Load::None, &["min: at least 2 and at most 1 contradict each other"])]
#[case("Resyncs(kind: Full, max: 0)", "full resyncs <= 0", Load::None, &[])]
#[case("Resyncs(kind: Partial, min: 1, max: 2)", "partial resyncs 1 to 2", Load::None, &[])]
#[case(r#"SplitBrain(max: "1s", min: "1s")"#, "split brain 1s to 1s", Load::Writing, &[])]
#[case(r#"SplitBrain(max: "0s", min: "1s")"#, "split brain 1s to 0s", Load::Writing, &["min: at least 1s and at most 0s contradict each other"])]
#[case(r#"Throughput(min: 1_000, load: "app")"#, "throughput whole of app >= 1000/s", Load::Any, &[])]
#[case("Throughput(min: 0)", "throughput whole >= 0/s", Load::Any, &[])]
#[case("Throughput(min: -1)", "throughput whole >= -1/s", Load::Any, &["min: `-1` is not a rate"])]
#[case("Throughput(min: inf)", "throughput whole >= inf/s", Load::Any, &["min: `inf` is not a rate"])]
#[case("TornReads(max: 0)", "torn reads <= 0", Load::WritingGroups, &[])]
#[case(r#"TotalHolds(load: "app")"#, "reads of another total of app <= 0", Load::Transferring, &[])]
#[case(r#"Unavailability(max: "3s", load: "app")"#, "unavailability of app <= 3s", Load::Any, &[])]
fn an_slo_tells_what_it_asks(#[case] text: &str, #[case] words: &str, #[case] needed: Load, #[case] wrong: &[&str]) {
    let slo = slo(text);
    let kind = slo.kind();
    let found: Vec<_> =
        kind.wrong_numbers().iter().map(|wrong| format!("{}: {}", wrong.field, wrong.message)).collect();
    assert_eq!((kind.to_string().as_str(), kind.needed_load()), (words, needed));
    assert_eq!(found, wrong);
    assert_eq!(kind.load(), text.contains("load").then_some("app"));
}

/// What a person could have meant is said.
#[test]
fn a_share_is_no_quantile() {
    let help = |text| slo(text).kind().wrong_numbers().pop().and_then(|wrong| wrong.help);
    assert_eq!(help(r#"Latency(quantile: 0.999, max: "1s")"#).as_deref(), Some("did you mean `99.9`?"));
    assert_eq!(
        help(r#"DeliveryDelay(quantile: 0, max: "1s")"#).as_deref(),
        Some("write a percentage such as 50, 99 or 99.9; 100 is the slowest delivery")
    );
    assert!(help(r#"Latency(quantile: 1, max: "1s")"#).is_some());
}

/// Two SLOs about the same part that differ in that are not the same one twice.
#[rstest]
#[case(r#"Capacity(quantile: 99, max: "1s", min: 9)"#, r#"Capacity(quantile: 50, max: "1s", min: 9)"#)]
#[case(r#"DeliveryDelay(quantile: 99, max: "1s")"#, r#"DeliveryDelay(quantile: 50, max: "1s")"#)]
#[case(r#"Latency(quantile: 99, max: "1s")"#, r#"Latency(quantile: 50, max: "1s")"#)]
#[case(r#"ReplicationLag(quantile: 99, max: "1s")"#, r#"ReplicationLag(quantile: 50, max: "1s")"#)]
#[case("StaleElements(max: 0)", r#"StaleElements(max: 0, older_than: "1s")"#)]
#[case("Resyncs(kind: Full, max: 0)", "Resyncs(kind: Partial, max: 0)")]
fn variants_of_a_kind_are_told_apart(#[case] one: &str, #[case] other: &str) {
    assert_ne!(slo(one).kind().variant(), slo(other).kind().variant());
    assert_eq!(slo(one).kind().variant(), slo(one).kind().variant());
}

/// A load must ask for as much as an SLO claims.
#[rstest]
#[case("Throughput(min: 500)", Some(ClaimedRate::Together(500.0)))]
#[case("Throughput(min: inf)", None)]
#[case(r#"Capacity(quantile: 99, max: "10ms", min: 2_000)"#, Some(ClaimedRate::OfStages(2_000)))]
#[case("LostElements(max: 0)", None)]
fn a_rate_is_claimed(#[case] text: &str, #[case] expected: Option<ClaimedRate>) {
    assert_eq!(slo(text).kind().claimed_rate(), expected);
}

/// The fault that a timeline must have, and whether a replica must be able to take over.
#[rstest]
#[case(r#"Failover(max: "3s")"#, Some(FaultScope::TakesNodesAway), true)]
#[case("Promotions(min: 1, max: 1)", None, true)]
#[case("Promotions(max: 1)", None, false)]
#[case("Throughput(min: 1, during: Fault)", Some(FaultScope::Any), false)]
#[case("Throughput(min: 1, during: Steady)", None, false)]
fn some_slos_need_a_fault(#[case] text: &str, #[case] fault: Option<FaultScope>, #[case] failover: bool) {
    let slo = slo(text);
    let needed = slo.kind().needed_fault();
    assert_eq!((needed.map(|fault| fault.does), slo.kind().needs_failover()), (fault, failover));
}

/// What it alone needs to be true once a fault has happened.
#[rstest]
#[case(r#"LossWindow(max: "1s")"#, Some("for the loss window only: writes were at risk when a fault began"))]
#[case("LostWrites(max: 0)", Some("for lost writes only: writes were at risk when a fault began"))]
#[case("LostElements(max: 0)", None)]
fn some_slos_assume_what_others_do_not(#[case] text: &str, #[case] assumption: Option<&str>) {
    assert_eq!(slo(text).kind().own_assumption(), assumption);
}

/// What is about keys asks of all of them before it is judged, so that each key is looked at once for all SLOs.
#[rstest]
#[case(r#"LossWindow(max: "1s")"#, true)]
#[case("LostWrites(max: 0)", true)]
#[case("LostElements(max: 0)", true)]
#[case("StaleElements(max: 0)", true)]
#[case("Promotions(max: 1)", false)]
fn some_slos_ask_of_every_key(#[case] text: &str, #[case] asks: bool) {
    let story = Story::formed();
    assert_eq!(slo(text).kind().of_keys(&story.case()).is_some(), asks);
}

/// What is lost, torn, held twice or left out was so, whatever the machine took.
#[rstest]
#[case("LostElements(max: 0)")]
#[case("StaleElements(max: 0)")]
#[case("MutualExclusion(max: 0)")]
#[case("TornReads(max: 0)")]
#[case("TotalHolds()")]
#[case("UnscannedKeys(max: 0)")]
fn no_machine_explains_what_it_cannot_cause(#[case] text: &str) {
    let mut story = failover_story();
    story.machine(7_000, |_| crate::check::testing::late(1_000.0));
    assert_eq!(slo(text).kind().explained_by_machine(&story.case()), None);
}
