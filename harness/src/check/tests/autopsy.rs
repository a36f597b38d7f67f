//! Why writes are gone.

use super::*;
use crate::check::autopsy::lines;
use crate::evidence::testing::resource_sample;
use crate::evidence::{DataEffect, Effect, Figure, ReplicationRecord};

/// A write of 1 ms to A's shard that A acknowledged at that time.
fn lost(story: &mut Story, ms: u64) -> Operation {
    let key = story.key_of("A");
    story.write(ms - 1, key, |_| {});
    story.evidence.history.iter().last().unwrap()
}

fn replaced(story: &mut Story) {
    story.failover(3_000, 0, 2_000);
}

fn cut_off(story: &mut Story) {
    story.isolate(3_000, 0, "cut", &["A"]);
    story.replace_isolated(3_000, 2_000, 1_500);
}

/// Killed, replaced and started again: it takes itself for a master until it has heard of its successor.
fn came_back(story: &mut Story) {
    replaced(story);
    story.act(6_000, 1, "Start", "A");
    story.view(6_100, &["A"]);
}

/// Replaced, and how far nodes were seen to be, each with the millisecond.
fn replaced_at(story: &mut Story, offsets: &[(u64, &str, i64)]) {
    replaced(story);
    let record = |&(ms, node, offset): &(u64, &str, i64)| {
        let at = Instant::from_millis(ms);
        ReplicationRecord { asked: at, at, before: None, node: node.into(), offset }
    };
    story.evidence.replication = offsets.iter().map(record).collect();
}

const ALWAYS: [(&str, &str); 2] = [("appendonly", "yes"), ("appendfsync", "always")];

/// Taken down, with what was done to it then, and started again; nobody took over.
fn restarted(story: &mut Story, config: &[(&str, &str)], faults: &[&str]) {
    let config = config.iter().map(|(directive, value)| ((*directive).to_owned(), (*value).to_owned()));
    story.evidence.plan.nodes[0].config.extend(config);
    for (fault, ms) in faults.iter().zip((3_000..).step_by(100)) {
        story.act(ms, 0, fault, "A");
    }
    let address = story.evidence.plan.nodes[0].address;
    story.event(4_000, EventKind::NodeStarted { node: "A".into(), pid: 9, address });
    story.act(4_000, 1, "Start", "A");
}

/// A step told it to follow another node, whose data it took.
fn replicated_another(story: &mut Story, ms: u64, node: &str) {
    story.event(
        ms,
        EventKind::ActedOnNode {
            step: Some(0),
            action: "Replicate".to_owned(),
            effect: Effect { data: DataEffect::Replaced, ..Effect::NONE },
            node: node.into(),
            began: Instant::from_millis(ms),
            proof: None,
        },
    );
}

fn evicted(story: &mut Story) {
    story.evidence.samples.push(resource_sample(2_500, Some("A".into()), &[(Figure::KeysEvicted, 3.0)]));
}

#[rstest]
#[case::before_the_kill(
    replaced,
    2_990,
    "1 lost write not on the replica that took over: the first, of app:",
    "10 ms before Kill began; A1 took over at 5.000 s without it"
)]
#[case::told_just_after_the_kill(
    replaced,
    3_001,
    "1 lost write not on the replica that took over",
    "1 ms after Kill began"
)]
#[case::at_the_kill(replaced, 3_000, "1 lost write not on the replica that took over", "0 ms after Kill began")]
#[case::by_one_that_came_back_just_then(
    came_back,
    6_000,
    "1 lost write acknowledged by a master that had been replaced",
    "A1 took over at 5.000 s"
)]
#[case::by_one_that_knew_just_then(came_back, 6_100, "1 lost write EXPLAINED BY NOTHING", "")]
#[case::by_one_that_did_not_know(
    came_back,
    6_050,
    "1 lost write acknowledged by a master that had been replaced",
    "A1 took over at 5.000 s"
)]
#[case::by_one_that_knew(came_back, 6_200, "1 lost write EXPLAINED BY NOTHING", "")]
#[case::the_replica_had_it(
    |story: &mut Story| replaced_at(story, &[(2_995, "A", 100), (2_998, "A1", 100)]),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::as_far_as_its_master_as_it_was_told(
    |story: &mut Story| replaced_at(story, &[(2_990, "A", 100), (2_998, "A1", 100)]),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::the_replica_had_it_as_it_took_over(
    |story: &mut Story| replaced_at(story, &[(2_995, "A", 100), (2_998, "A1", 95), (5_000, "A1", 100)]),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::only_as_far_as_its_master_before(
    |story: &mut Story| replaced_at(story, &[(2_980, "A", 90), (2_995, "A", 100), (2_998, "A1", 95)]),
    2_990,
    "1 lost write not on the replica that took over",
    "at replication offset 95, 5 bytes behind what A last said"
)]
#[case::before_the_cut(
    cut_off,
    2_990,
    "1 lost write not on the replica that took over",
    "10 ms before Partition began"
)]
#[case::at_the_cut(
    cut_off,
    3_000,
    "1 lost write acknowledged by a master that was cut off from the majority",
    "0 ms after Partition began"
)]
#[case::in_isolation(
    cut_off,
    3_400,
    "1 lost write acknowledged by a master that was cut off from the majority",
    "400 ms after Partition began"
)]
#[case::restarted(
    |story: &mut Story| restarted(story, &ALWAYS, &["Kill"]),
    2_990,
    "1 lost write gone when their server was started again",
    "10 ms before Kill began"
)]
#[case::told_just_after_its_server_had_ended(
    |story: &mut Story| restarted(story, &ALWAYS, &["Kill"]),
    3_001,
    "1 lost write gone when their server was started again",
    "1 ms after Kill began"
)]
#[case::told_as_its_server_was_started_again(
    |story: &mut Story| restarted(story, &ALWAYS, &["Kill"]),
    4_000,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::told_as_its_server_was_paused(
    |story: &mut Story| restarted(story, &ALWAYS, &["Pause"]),
    3_000,
    "1 lost write gone when their server was started again",
    "was acknowledged by A at 3.000 s; "
)]
#[case::killed_again_as_it_was_started(
    |story: &mut Story| { restarted(story, &ALWAYS, &["Kill"]); story.act(4_000, 2, "Kill", "A"); },
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::held_back(
    |story: &mut Story| restarted(story, &[("AppendOnly", "yes")], &["Kill"]),
    2_990,
    "1 lost write not written to the append-only file yet when their server was taken down",
    "10 ms before Kill began"
)]
#[case::only_snapshots(
    |story: &mut Story| restarted(story, &[], &["PowerOff"]),
    2_990,
    "1 lost write not in the RDB file that their server was started again from",
    "10 ms before PowerOff began"
)]
#[case::not_synchronised(
    |story: &mut Story| restarted(story, &ALWAYS, &["PowerOff"]),
    2_990,
    "1 lost write not synchronised (fsync) when the power of their server failed",
    "10 ms before PowerOff began"
)]
#[case::torn(
    |story: &mut Story| restarted(story, &ALWAYS, &["Kill", "TearFile"]),
    2_990,
    "1 lost write on a server of which a file was damaged",
    "10 ms before Kill began"
)]
#[case::wiped(
    |story: &mut Story| restarted(story, &ALWAYS, &["PowerOff", "Wipe"]),
    2_990,
    "1 lost write on a server whose data was wiped",
    "10 ms before PowerOff began"
)]
#[case::the_power_failed_before_it_was_written(
    |story: &mut Story| restarted(story, &ALWAYS, &["PowerOff"]),
    4_500,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::told_by_others_to_follow(
    |story: &mut Story| story.log(3_500, "A", LogEvent::Demoted { master: "A1".into() }),
    2_990,
    "1 lost write on a server that was told to follow one that had not got them",
    ""
)]
#[case::told_by_others_as_it_was_written(
    |story: &mut Story| story.log(2_987, "A", LogEvent::Demoted { master: "A1".into() }),
    2_990,
    "1 lost write on a server that was told to follow one that had not got them",
    ""
)]
#[case::told_by_others_before(
    |story: &mut Story| story.log(2_986, "A", LogEvent::Demoted { master: "A1".into() }),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::another_was_told_to_follow(
    |story: &mut Story| story.log(3_500, "B", LogEvent::Demoted { master: "A1".into() }),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::told_by_a_step_to_follow(
    |story: &mut Story| replicated_another(story, 2_989, "A"),
    2_990,
    "1 lost write on a server that was told to follow one that had not got them",
    ""
)]
#[case::told_by_a_step_before(
    |story: &mut Story| replicated_another(story, 2_988, "A"),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::another_was_told_by_a_step(
    |story: &mut Story| replicated_another(story, 3_500, "B"),
    2_990,
    "1 lost write EXPLAINED BY NOTHING",
    ""
)]
#[case::started_again_for_another_reason(
    |story: &mut Story| {
        let address = story.evidence.plan.nodes[0].address;
        story.event(4_000, EventKind::NodeStarted { node: "A".into(), pid: 9, address });
    },
    2_990,
    "1 lost write not in the RDB file that their server was started again from",
    ""
)]
#[case::another_was_wiped(
    |story: &mut Story| { restarted(story, &ALWAYS, &["Kill"]); story.act(3_500, 0, "Wipe", "B"); },
    2_990,
    "1 lost write gone when their server was started again",
    "10 ms before Kill began"
)]
#[case::wiped_as_it_was_started_again(
    |story: &mut Story| { restarted(story, &ALWAYS, &["Kill"]); story.act(4_000, 2, "Wipe", "A"); },
    2_990,
    "1 lost write on a server whose data was wiped",
    "10 ms before Kill began"
)]
#[case::wiped_after_it_was_started_again(
    |story: &mut Story| { restarted(story, &ALWAYS, &["Kill"]); story.act(4_001, 2, "Wipe", "A"); },
    2_990,
    "1 lost write gone when their server was started again",
    "10 ms before Kill began"
)]
#[case::evicted(evicted, 2_990, "1 lost write on a server that evicted keys", "")]
#[case::nothing_happened(|_: &mut Story| (), 2_990, "1 lost write EXPLAINED BY NOTHING THAT HAPPENED", "")]
fn a_loss_has_a_cause(#[case] happened: fn(&mut Story), #[case] ms: u64, #[case] cause: &str, #[case] when: &str) {
    let mut story = Story::formed();
    let write = lost(&mut story, ms);
    happened(&mut story);
    story.end(7_000);
    let lines = lines(&story.case(), &[write]);
    assert_eq!(lines.len(), 1);
    assert!(lines[0].starts_with(cause) && lines[0].contains(when), "{lines:?}");
}

/// A was killed and replaced, which explains no write that another node acknowledged, nor one of another shard.
#[rstest]
#[case::by_another_node(1, 0)]
#[case::of_another_shard(0, 1)]
fn a_fault_costs_what_its_node_had(#[case] node: u16, #[case] shard: u16) {
    let mut story = Story::formed();
    let write = Operation { node: Some(node), shard: Some(shard), ..lost(&mut story, 2_990) };
    replaced(&mut story);
    story.end(7_000);
    let lines = lines(&story.case(), &[write]);
    assert!(lines[0].starts_with("1 lost write EXPLAINED BY NOTHING"), "{lines:?}");
}

/// With a lag of 1 s a write is refused two seconds after the cut, with 10 s eleven seconds after it.
#[rstest]
#[case::bounded(true, "`cluster-node-timeout` (1000 ms) bounds how long that goes on; ")]
#[case::unbounded(false, "nothing bounds how long that goes on; ")]
fn a_remedy_says_how_much_it_would_have_kept(#[case] bounded: bool, #[case] bound: &str) {
    let mut story = Story::formed();
    if !bounded {
        story.evidence.plan.systems[0].directives.retain(|(name, _)| name != "cluster-node-timeout");
    }
    let writes = [3_400, 4_999, 5_000, 13_999, 14_000].map(|ms| lost(&mut story, ms));
    cut_off(&mut story);
    story.end(15_000);
    let lines = lines(&story.case(), &writes);
    let told = format!(
        "{bound}with `min-replicas-to-write 1` and `min-replicas-max-lag 1` 3 of these 5 would have been refused, \
         with the default lag of 10 s 1"
    );
    assert!(lines[0].ends_with(&told), "{lines:?}");
}

/// Each cause has a line of its own, with its number and its first write.
#[test]
fn causes_are_told_one_after_the_other() {
    let mut story = Story::formed();
    let writes = [4_800, 2_990, 4_400, 2_980].map(|ms| lost(&mut story, ms));
    cut_off(&mut story);
    story.end(7_000);
    let lines = lines(&story.case(), &writes);
    let begins = [
        "2 lost writes not on the replica that took over: the first, of app:3, was acknowledged by A at 2.980 s, 20 ms before",
        "2 lost writes acknowledged by a master that was cut off from the majority: the first, of app:3, was acknowledged by A at \
         4.400 s, 1.4 s after Partition began; A1 took over at 5.000 s without it; ",
    ];
    assert_eq!(lines.len(), 2);
    for (line, begin) in lines.iter().zip(begins) {
        assert!(line.starts_with(begin), "{line}");
    }
}

#[rstest]
#[case::it_was_behind(
    &[(2_980, "A", 100), (2_985, "A1", 90), (2_999, "A", 130), (5_500, "A1", 170)],
    "(at replication offset 90, 40 bytes behind what A last said; A was at 100 or later when it acknowledged the write)"
)]
#[case::seen_at_those_very_moments(
    &[(2_989, "A", 100), (3_000, "A", 130), (5_000, "A1", 90)],
    "(at replication offset 90, 40 bytes behind what A last said; A was at 100 or later when it acknowledged the write)"
)]
#[case::as_far_as_its_master_had_last_said(
    &[(2_980, "A", 100), (2_985, "A1", 100)],
    "(at replication offset 100; A was at 100 or later when it acknowledged the write)"
)]
fn offsets_stand_beside_the_promotion(#[case] offsets: &[(u64, &str, i64)], #[case] told: &str) {
    let mut story = Story::formed();
    let write = lost(&mut story, 2_990);
    replaced_at(&mut story, offsets);
    story.end(7_000);
    let lines = lines(&story.case(), &[write]);
    assert!(lines[0].contains(told), "{lines:?}");
}
