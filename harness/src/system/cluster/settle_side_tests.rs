//! Settling in partitions of every form.

use rstest::rstest;

use super::super::slot::share;
use super::tests::Cluster;
use super::*;
use crate::vocab::Ownership;

/// This many masters, each with a replica, all as it should be.
fn cluster(masters: usize) -> Cluster {
    let member = |index: usize, master: bool| Member {
        role: if master { Role::Master } else { Role::Replica },
        master: (!master).then(|| NodeName::master(index)),
        owns: if master { share(index, masters) } else { Ownership::default() },
        version: index as u64 + 1,
        health: Health::Ok,
        handshake: false,
        no_failover: false,
    };
    let names = (0..masters).flat_map(|index| {
        [(NodeName::master(index), index, true), (NodeName::replica(index, 1), index, false)].into_iter()
    });
    let members: BTreeMap<_, _> = names.map(|(name, index, master)| (name, member(index, master))).collect();
    let view = |node: &NodeName| NodeView {
        state: ClusterState::Ok,
        current_version: masters as u64,
        master_link_up: members[node].master.as_ref().map(|_| true),
        data_too_old: false,
        members: members.clone(),
    };
    Cluster {
        status: members.keys().map(|node| (node.clone(), NodeStatus::Running)).collect(),
        views: members.keys().map(|node| (node.clone(), Some(view(node)))).collect(),
        reach: Reach::default(),
    }
}

/// The words of a text.
fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

/// Each suspects all that it does not reach; a replica out of its master's reach is not linked.
fn all_suspect(cluster: &mut Cluster) {
    let nodes: Vec<_> = cluster.views.keys().cloned().collect();
    for viewer in &nodes {
        let reach = cluster.reach.clone();
        let view = cluster.views.get_mut(viewer).unwrap().as_mut().unwrap();
        for (node, member) in &mut view.members {
            if !reach.nodes_connected(viewer, node, ServerPort::Bus) {
                member.health = Health::Pfail;
            }
        }
        let master = view.members[viewer].master.clone();
        view.master_link_up = master.map(|master| reach.nodes_connected(viewer, &master, ServerPort::Bus));
    }
}

/// `viewers` hold `nodes` for failed.
fn hold_failed(cluster: &mut Cluster, viewers: &str, nodes: &str) {
    cluster.seen_as(&words(viewers), &words(nodes), Health::Fail);
}

/// `viewers` know that `replica` has taken over from `master` in the epoch.
fn took_over(cluster: &mut Cluster, viewers: &str, replica: &str, master: &str, epoch: u64) {
    for viewer in words(viewers) {
        let view = cluster.views.get_mut(&NodeName::from(viewer)).unwrap().as_mut().unwrap();
        view.current_version = epoch;
        let slots = std::mem::take(&mut view.members.get_mut(&NodeName::from(master)).unwrap().owns);
        let new = view.members.get_mut(&NodeName::from(replica)).unwrap();
        (new.role, new.master, new.owns, new.version) = (Role::Master, None, slots, epoch);
    }
    cluster.views.get_mut(&NodeName::from(replica)).unwrap().as_mut().unwrap().master_link_up = None;
}

fn refuse(cluster: &mut Cluster, nodes: &str) {
    cluster.state_of(&words(nodes), ClusterState::Fail);
}

/// The sides in words: `A A1 | B C`, those that refuse to serve in brackets.
fn sides(cluster: &Cluster) -> String {
    let sides = cluster.agreement().sides;
    let shown = sides.iter().map(|side| {
        let members: Vec<_> = side.members.iter().map(NodeName::as_str).collect();
        let members = members.join(" ");
        if side.topology.state == ClusterState::Ok { members } else { format!("({members})") }
    });
    shown.collect::<Vec<_>>().join(" | ")
}

/// Two of five masters are cut off, their replicas are on the other side.
fn two_of_five(cluster: &mut Cluster) {
    let rest = "C D E A1 B1 C1 D1 E1";
    cluster.cut(&["A", "B"], &words(rest));
    all_suspect(cluster);
    hold_failed(cluster, rest, "A B");
    took_over(cluster, rest, "A1", "A", 6);
    took_over(cluster, rest, "B1", "B", 7);
    refuse(cluster, "A B");
}

fn bridge_between_two_and_two(cluster: &mut Cluster) {
    cluster.cut(&["A", "B", "A1", "B1"], &["D", "E", "D1", "E1"]);
    all_suspect(cluster);
}

/// A is wiped and nobody takes over; then B and its replica are cut off: C and D are two of four.
fn half_of_four(cluster: &mut Cluster) {
    let rest = ["B", "C", "D", "A1", "B1", "C1", "D1"];
    cluster.stop("A");
    for viewer in rest {
        let members = &mut cluster.views.get_mut(&NodeName::from(viewer)).unwrap().as_mut().unwrap().members;
        let former = Member { health: Health::Fail, ..members.remove(&NodeName::from("A")).unwrap() };
        members.insert("?0123abcd".into(), former);
    }
    cluster.cut(&["B", "B1"], &["C", "D", "A1", "C1", "D1"]);
    all_suspect(cluster);
    cluster.state_of(&rest, ClusterState::Fail);
}

/// Each of five keeps its neighbours; the replicas see everybody.
fn ring(cluster: &mut Cluster) {
    for (one, others) in [("A", ["C", "D"]), ("B", ["D", "E"]), ("C", ["E", "E"])] {
        cluster.cut(&[one], &others);
    }
    all_suspect(cluster);
}

#[rstest]
#[case::two_of_five_masters(5, &two_of_five, "A1 B1 C C1 D D1 E E1 | (A B)")]
#[case::a_bridge_with_two_on_either_side(5, &bridge_between_two_and_two, "A A1 B B1 C C1 D D1 E E1")]
#[case::a_ring(5, &ring, "A A1 B B1 C C1 D D1 E E1")]
#[case::three_sides(
    3,
    &|c: &mut Cluster| {
        c.cut(&["A", "A1"], &["B", "B1", "C", "C1"]);
        c.cut(&["B", "B1"], &["C", "C1"]);
        all_suspect(c);
        refuse(c, "A A1 B B1 C C1");
    },
    "(A A1) | (B B1) | (C C1)"
)]
#[case::a_replica_alone(
    3,
    &|c: &mut Cluster| {
        c.cut(&["A1"], &["A", "B", "C", "B1", "C1"]);
        all_suspect(c);
        hold_failed(c, "A B C B1 C1", "A1");
        refuse(c, "A1");
    },
    "A B B1 C C1 | (A1)"
)]
#[case::a_master_with_its_replica(
    3,
    &|c: &mut Cluster| {
        c.cut(&["A", "A1"], &["B", "C", "B1", "C1"]);
        all_suspect(c);
        hold_failed(c, "B C B1 C1", "A A1");
        refuse(c, "A A1 B C B1 C1");
    },
    "(B B1 C C1) | (A A1)"
)]
#[case::without_full_coverage_the_rest_serves(
    3,
    &|c: &mut Cluster| {
        c.cut(&["A", "A1"], &["B", "C", "B1", "C1"]);
        all_suspect(c);
        hold_failed(c, "B C B1 C1", "A A1");
        refuse(c, "A A1");
    },
    "B B1 C C1 | (A A1)"
)]
#[case::a_replica_and_its_master_that_do_not_reach_each_other(
    3,
    &|c: &mut Cluster| { c.cut(&["A"], &["A1"]); all_suspect(c); },
    "A A1 B B1 C C1"
)]
#[case::a_failed_flag_from_before_outlasts_a_partition(
    // The replica and a voter are on different sides: nobody can take over, whoever holds A for failed.
    3,
    &|c: &mut Cluster| {
        c.cut(&["A"], &["B", "C", "A1", "B1", "C1"]);
        c.cut(&["A1"], &["B", "C", "B1", "C1"]);
        all_suspect(c);
        hold_failed(c, "B C B1 C1 A1", "A");
        hold_failed(c, "B C B1 C1", "A1");
        refuse(c, "A A1 B C B1 C1");
    },
    "(B B1 C C1) | (A) | (A1)"
)]
#[case::a_wiped_owner_counts_among_those_of_whom_a_majority_is_needed(4, &half_of_four, "(A1 C C1 D D1) | (B B1)")]
fn a_partition_settles(#[case] masters: usize, #[case] change: &dyn Fn(&mut Cluster), #[case] expected: &str) {
    let mut cluster = cluster(masters);
    change(&mut cluster);
    assert_eq!(cluster.reason(), "settled");
    assert_eq!(sides(&cluster), expected);
}

/// A sees only the bridge C, and three masters miss it: it is failed over, and learns that from C.
#[test]
fn a_bridge_tells_the_isolated_master_that_it_was_replaced() {
    let mut cluster = cluster(5);
    let rest = "B D E A1 B1 D1 E1 C1";
    cluster.cut(&["A"], &words(rest));
    all_suspect(&mut cluster);
    hold_failed(&mut cluster, rest, "A");
    took_over(&mut cluster, &format!("{rest} C A"), "A1", "A", 6);
    for viewer in ["A", "C"] {
        cluster.see(viewer, "A", |member| (member.role, member.master) = (Role::Replica, Some("A1".into())));
    }
    cluster.views.get_mut(&NodeName::from("A")).unwrap().as_mut().unwrap().master_link_up = Some(false);
    refuse(&mut cluster, "A");
    assert_eq!(cluster.reason(), "settled");
    assert_eq!(sides(&cluster), "A1 B B1 C1 D D1 E E1 | C | (A)");
    // Before C has heard from A, it passes on what the others told it.
    cluster.see("C", "A", |member| member.health = Health::Fail);
    assert_eq!(cluster.reason(), "C holds A for failed");
}

#[rstest]
#[case::a_majority_that_hears_each_other_will_flag(
    &|c: &mut Cluster| { two_of_five(c); c.see("E1", "B", |b| b.health = Health::Pfail); },
    "E1 suspects B (PFAIL)"
)]
#[case::one_of_two_is_replaced(
    &|c: &mut Cluster| {
        let rest = "C D E A1 B1 C1 D1 E1";
        c.cut(&["A", "B"], &words(rest));
        all_suspect(c);
        hold_failed(c, rest, "A B");
        took_over(c, rest, "A1", "A", 6);
        refuse(c, &format!("A B {rest}"));
    },
    "B failed and B1 has not taken over yet"
)]
#[case::one_way(
    // Both directions carry the connections of either: what only one hears from the other is nothing.
    &|c: &mut Cluster| { c.cut_one_way("A", "B"); c.see("B", "A", |a| a.health = Health::Pfail); },
    "A has not noticed that B is out of reach"
)]
#[case::one_way_noticed(&|c: &mut Cluster| { c.cut_one_way("A", "B"); all_suspect(c); }, "settled")]
#[case::neighbours_of_a_bridge_disagree(
    &|c: &mut Cluster| { bridge_between_two_and_two(c); c.see("C", "D", |d| d.version = 9); },
    "C and C1 disagree: D is master of 9830-13106 (epoch 9) and master of 9830-13106 (epoch 4)"
)]
#[case::a_short_cut_that_was_healed(
    &|c: &mut Cluster| { ring(c); c.reach = Reach::default(); },
    "A suspects C (PFAIL)"
)]
fn a_partition_is_settled_or_not(#[case] change: &dyn Fn(&mut Cluster), #[case] reason: &str) {
    let mut cluster = cluster(5);
    change(&mut cluster);
    assert_eq!(cluster.reason(), reason);
}
