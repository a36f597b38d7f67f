//! Partitions, shapes and healing: what a careful author writes, and the slips of one who is not.

use std::path::Path;

use rstest::rstest;

use super::*;

/// A scenario of a topology with clients on a host of their own, on a shared one and on a node's.
fn planned(masters: u16, replicas: u16, timeline: &str, slos: &str) -> Result<Plan, Problems> {
    let text = format!(
        r#"(about: "", topology: Cluster(masters: {masters}, replicas: {replicas}),
            load: [
                (name: "app", mix: [Set(value: "16B")], keys: Uniform(9)),
                (name: "web", from: "front", mix: [Set(value: "16B")], keys: Uniform(9)),
                (name: "api", from: "front", mix: [Get()], keys: Uniform(9)),
                (name: "near", from: "A", mix: [Get()], keys: Uniform(9)),
            ],
            timeline: [{timeline}], slos: [{slos}])"#
    );
    plan(Path::new("scenarios/x/y.ron"), &text)
}

fn messages(plan: Result<Plan, Problems>) -> Vec<String> {
    let list = plan.err().map(|problems| problems.list().to_vec()).unwrap_or_default();
    list.into_iter().map(|problem| problem.message).collect()
}

#[rstest]
#[case::split(r#"Split(sides: {"west": ["A", "A1", "app"], "east": ["B", "C", "B1", "C1"]})"#)]
#[case::three_sides(r#"Split(sides: {"a": ["A", "A1"], "b": ["B", "B1"], "c": ["C", "C1", "front"]})"#)]
#[case::isolate(r#"Isolate(node: "A", with: ["A1", "app", "front"])"#)]
#[case::isolate_alone(r#"Isolate(node: "A")"#)]
#[case::isolate_some(r#"Isolate(select: MinorityOfMasters, with: ["app"])"#)]
#[case::isolate_a_majority("Isolate(select: MajorityOfMasters)")]
#[case::isolate_replicas("Isolate(select: ReplicasOf(slot: 0))")]
#[case::halves("Halves()")]
#[case::halves_with_clients(r#"Halves(first: ["app"], second: ["front"])"#)]
#[case::bridge(r#"Bridge(node: "B", sides: {"a": ["A", "A1", "C"], "b": ["B1", "C1"]})"#)]
#[case::ring("Ring")]
#[case::one_way(r#"OneWay(from: ["A", "app"], to: ["B", "C"])"#)]
#[case::of(r#"Of(["front", "A1"])"#)]
#[case::all("All")]
fn every_kind_of_links_is_accepted(#[case] links: &str) {
    let timeline = format!(
        r#"Partition(links: {links}), Heal(), Partition(links: {links}, by: Reject, name: "cut"), Heal(name: "cut"),
           Shape(links: {links}, name: "slow", delay: "10ms", jitter: "10ms", loss: 1, rate: "1Mbit"),
           Shape(links: {links}, duplicate: 1, reorder: 100, corrupt: 0.5),
           CutPort(links: {links}, port: Bus), CutPort(links: {links}, port: Clients, name: "clients"), Heal(name: "clients")"#
    );
    let plan = planned(3, 1, &timeline, "").unwrap_or_else(|problems| panic!("{problems}"));
    let explained = explain(&plan);
    assert!(explained.contains("as `cut`: ") && explained.contains("ends `partition-1`"), "{explained}");
}

#[rstest]
#[case::killed_inside(
    r#"Partition(links: Isolate(node: "A", with: ["A1", "app"])), Kill(node: "A"), Until(condition: Refuses("A1"), within: "9s"),
       Heal(), Until(condition: Promoted("A1"), within: "9s"), Start(node: "A")"#
)]
#[case::healed_while_paused(
    r#"Partition(links: Isolate(node: "A")), Pause(node: "A"), Heal(), Until(condition: Failed("A"), within: "9s"),
       Until(condition: Promoted("A1"), within: "9s"), Resume(node: "A"),
       Until(condition: Replicates(node: "A", of: "A1"), within: "9s")"#
)]
#[case::flapping(
    r#"Partition(links: Isolate(node: "A")), Run(for: "1s"), Heal(), Run(for: "1s"),
       Partition(links: Isolate(node: "A")), Run(for: "1s"), Heal(), Until(condition: Healthy, within: "9s")"#
)]
#[case::overlapping(
    r#"Partition(links: Isolate(node: "A"), name: "first"), Partition(links: Of(["A", "B"]), name: "second"),
       Shape(links: All, delay: "5ms"), Heal(name: "first"), Heal(name: "shape-1"),
       Partition(links: Ring, name: "first"), Heal(name: "second"), Heal()"#
)]
#[case::a_name_again(
    r#"Partition(links: Ring, name: "x"), Heal(), Shape(links: All, loss: 5, name: "x"), Heal(name: "x")"#
)]
#[case::without_a_word_of_healing(r#"Partition(links: All), Until(condition: Down, within: "9s")"#)]
#[case::cut_off_by_one(
    r#"Partition(links: OneWay(from: ["A"], to: ["B", "C"])), Until(condition: Failed("A"), within: "9s"),
       Until(condition: Settled, within: "9s"), Until(condition: Promoted("A1"), within: "9s")"#
)]
#[case::who_is_down_is_cut_off(
    r#"Kill(node: "B"), Partition(links: Isolate(select: Down)), Start(node: "B"), Until(condition: Refuses("B"), within: "9s"), Heal()"#
)]
#[case::shaped_into_failing(
    r#"Shape(links: Of(["A"]), loss: 60), Until(condition: Failed("A"), within: "9s"), Until(condition: Promoted("A1"), within: "9s")"#
)]
fn sound_network_timelines_are_accepted(#[case] timeline: &str) {
    if let Err(problems) =
        planned(3, 1, timeline, r#"LostWrites(min: 1, max: 9), Latency(quantile: 99, max: "1s", during: Fault)"#)
    {
        panic!("{problems}");
    }
}

#[rstest]
#[case::two_masters(2, 1, r#"Partition(links: Isolate(node: "A")), Until(condition: Failed("A"), within: "9s"), Until(condition: Down, within: "9s")"#)]
#[case::a_suspicion_is_the_last_word(2, 1, r#"Kill(node: "A"), Until(condition: Failed("A"), within: "9s")"#)]
#[case::no_replicas(3, 0, r#"Partition(links: Isolate(node: "A")), Until(condition: Failed("A"), within: "9s"), Heal(), Until(condition: Healthy, within: "9s")"#)]
#[case::a_replica_moves_to_an_orphan(
    3,
    2,
    r#"Kill(node: "B1"), Kill(node: "B2"), Run(for: "9s"), Kill(node: "B"), Until(condition: Promoted("A2"), within: "9s"),
       Until(condition: Healthy, within: "9s")"#
)]
fn what_can_hold_is_accepted(#[case] masters: u16, #[case] replicas: u16, #[case] timeline: &str) {
    if let Err(problems) = planned(masters, replicas, timeline, "") {
        panic!("{problems}");
    }
}

/// A slip must not make anything else look wrong.
#[rstest]
#[case::misspelt_host(r#"Partition(links: Split(sides: {"a": ["A", "A9", "app"], "b": ["B", "B1", "C", "C1"]}))"#)]
#[case::a_list_of_sides(r#"Partition(links: Split(sides: [["A"], ["B"]]))"#)]
#[case::the_same_side_twice(r#"Partition(links: Split(sides: {"a": ["A"], "a": ["B"]}))"#)]
#[case::an_unknown_kind(r#"Partition(links: Isolated(node: "A"))"#)]
#[case::a_rate_without_a_unit("Shape(links: All, rate: 10)")]
#[case::some_rate_without_a_unit("Shape(links: All, rate: Some(10))")]
#[case::a_delay_without_a_unit(r#"Shape(links: All, delay: 5, jitter: "9s")"#)]
#[case::a_share_with_its_sign(r#"Shape(links: All, loss: "5%")"#)]
#[case::a_word_that_is_no_field(r#"Shape(links: All, latency: "5ms")"#)]
#[case::no_links("Partition(by: Reject)")]
#[case::unclosed(r#"Partition(links: Split(sides: {"a": ["A"], "b": ["B", "C"])"#)]
#[case::a_bare_step("Heal")]
fn a_slip_in_a_network_step_is_reported_once(#[case] step: &str) {
    let timeline = format!(r#"{step}, Heal(), Partition(links: Ring), Heal(name: "partition-2")"#);
    let messages = messages(planned(3, 1, &timeline, r#"Failover(max: "3s")"#));
    assert_eq!(messages.len(), 1, "{messages:?}");
}

#[rstest]
#[case::no_writer_inside(r#"Partition(links: Isolate(node: "B", with: ["B1"]))"#, &[])]
#[case::a_writer_inside(r#"Partition(links: Isolate(node: "B", with: ["front"]))"#, &[])]
#[case::only_readers_inside(
    r#"Partition(links: Isolate(node: "A"))"#, &["this cannot be judged: no write reaches `A` after the cut"]
)]
#[case::others_are_few_too(r#"Kill(node: "C"), Partition(links: Isolate(node: "B"))"#, &[])]
#[case::chosen("Partition(links: Isolate(select: RandomMaster))", &[])]
#[case::shaped_only("Shape(links: All, loss: 5)", &["the timeline has no partition that this could be about"])]
#[case::its_bus_is_closed_and_all_clients_reach_it(r#"CutPort(links: Isolate(node: "A"), port: Bus)"#, &[])]
#[case::its_client_port_is_closed(
    r#"CutPort(links: Isolate(node: "A"), port: Clients)"#, &["the timeline has no partition that this could be about"]
)]
fn writes_of_a_minority_need_a_writer(#[case] timeline: &str, #[case] expected: &[&str]) {
    assert_eq!(messages(planned(3, 1, timeline, r#"MinorityWrites(max: "2s")"#)), expected);
}

#[rstest]
#[case::a_shape("Shape(links: All, loss: 5)", &["the timeline has no fault that this could be about"])]
#[case::a_client_port("CutPort(links: All, port: Clients)", &["the timeline has no fault that this could be about"])]
#[case::a_bus("CutPort(links: All, port: Bus)", &[])]
fn only_a_master_without_the_others_is_replaced(#[case] timeline: &str, #[case] expected: &[&str]) {
    assert_eq!(messages(planned(3, 1, timeline, r#"Failover(max: "3s")"#)), expected);
}

#[rstest]
#[case::nothing("Run(for: \"1s\")", 0, "")]
#[case::counted("Partition(links: All)", 0, "partition-1")]
#[case::written(r#"Partition(links: All, name: "west")"#, 0, "west")]
#[case::named_ones_count(
    r#"Partition(links: All, name: "west"), Run(for: "1s"), Partition(links: All)"#,
    2,
    "partition-2"
)]
#[case::each_kind_by_itself(
    "Partition(links: All), Shape(links: All, loss: 5), Heal(), Shape(links: All, loss: 5)",
    3,
    "shape-2"
)]
#[case::a_port("Partition(links: All), CutPort(links: All, port: Bus)", 1, "port-1")]
#[case::healing_has_none(r#"Partition(links: All, name: "west"), Heal(name: "west")"#, 1, "")]
fn a_disturbance_has_a_name(#[case] timeline: &str, #[case] step: usize, #[case] name: &str) {
    let plan = planned(3, 1, timeline, "").unwrap();
    assert_eq!(plan.steps[step].disturbance.as_deref().unwrap_or_default(), name);
}

/// A name that a later step would get by counting is still taken.
#[test]
fn a_counted_name_can_be_taken() {
    let timeline = r#"Partition(links: Ring, name: "partition-2"), Partition(links: All)"#;
    assert_eq!(messages(planned(3, 1, timeline, "")), ["`partition-2` is still in force"]);
}
