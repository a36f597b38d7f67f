//! Two systems in one run: each is judged by its own nodes.

use rstest::rstest;

use crate::check::testing::{LOAD_STARTS, Story};
use crate::evidence::{RecordedNode, RecordedSystem};
use crate::vocab::Role;

/// The cluster of a story, and beside it a pair `D`, `D1` with the sentinels `S1` to `S3`, of which nobody told anything.
fn beside() -> Story {
    let mut story = Story::formed();
    let plan = &mut story.evidence.plan;
    plan.systems.push(RecordedSystem {
        name: "sentinel".to_owned(),
        noun: "sentinel group".to_owned(),
        ..plan.systems[0].clone()
    });
    let node = |name: &str, role, owns: &str| RecordedNode {
        name: name.into(),
        host: name.into(),
        system: 1,
        role,
        master: (role == Role::Replica).then(|| "D".into()),
        owns: owns.parse().unwrap(),
        version: 1,
        ..plan.nodes[0].clone()
    };
    let sentinels = ["S1", "S2", "S3"].map(|name| node(name, Role::Sentinel, "none"));
    let pair = [node("D", Role::Master, "16384"), node("D1", Role::Replica, "none")];
    plan.nodes.extend(pair.into_iter().chain(sentinels));
    story
}

fn takedowns(story: &Story) -> Vec<String> {
    let case = story.case();
    let in_words = |names: &mut dyn Iterator<Item = String>| names.collect::<Vec<_>>().join(" ");
    let takedowns = case.takedowns.iter().map(|takedown| {
        let majority = in_words(&mut takedown.majority.iter().map(ToString::to_string));
        format!("{} of {:?}: {majority}", takedown.failed, takedown.shards)
    });
    takedowns.collect()
}

/// Whoever is cut off, the majority is that of its own system: of a cluster's masters, or of the sentinels.
#[rstest]
#[case::a_master(&["A"], &["A of [0]: A1 B B1 C C1"])]
#[case::the_pairs_master(&["D", "S1"], &["D of [3]: D1 S2 S3"])]
#[case::one_of_each(&["A", "D"], &["A of [0]: A1 B B1 C C1", "D of [3]: D1 S1 S2 S3"])]
#[case::a_sentinel(&["S1"], &[])]
#[case::all_of_the_pair(&["D", "D1", "S1", "S2", "S3"], &[])]
fn a_majority_is_that_of_a_system(#[case] isolated: &[&str], #[case] expected: &[&str]) {
    let mut story = beside();
    story.isolate(3_000, 0, "partition-1", isolated);
    story.end(9_000);
    assert_eq!(takedowns(&story), expected);
}

/// A sentinel beside the master is cut off with it.
#[test]
fn a_node_is_cut_off_with_its_host() {
    let mut story = beside();
    let sentinel = story.evidence.plan.nodes.iter_mut().find(|node| node.name.as_str() == "S1");
    sentinel.unwrap().host = "D".into();
    story.isolate(3_000, 0, "partition-1", &["D"]);
    story.end(9_000);
    assert_eq!(takedowns(&story), ["D of [3]: D1 S2 S3"]);
}

#[test]
fn a_fault_takes_down_what_its_system_has() {
    let mut story = beside();
    story.act(3_000, 0, "Kill", "D");
    story.end(9_000);
    assert_eq!(takedowns(&story), ["D of [3]: D D1 S1 S2 S3"]);
    // What the pair's nodes say counts for the pair alone.
    assert!(story.case().healthy.at(crate::vocab::Instant::from_millis(LOAD_STARTS)));
}
