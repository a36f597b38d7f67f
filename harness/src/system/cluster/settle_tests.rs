use rstest::rstest;

use super::*;
use crate::vocab::{CutBy, Instant, Link, Ownership, Position, ServerPort};

use crate::evidence::{LinkChange, NetworkChange};

/// A shard of one master and one replica beside two masters without replicas, all as it should be.
pub(super) struct Cluster {
    pub(super) status: BTreeMap<NodeName, NodeStatus>,
    pub(super) views: BTreeMap<NodeName, Option<NodeView>>,
    pub(super) reach: Reach,
}

const SHARES: [(&str, &str); 3] = [("A", "0-5460"), ("B", "5461-10922"), ("C", "10923-16383")];

impl Cluster {
    fn healthy() -> Self {
        let master = |slots: &str| Member {
            role: Role::Master,
            master: None,
            owns: slots.parse().unwrap(),
            version: 1,
            health: Health::Ok,
            handshake: false,
            no_failover: false,
        };
        let mut members: BTreeMap<NodeName, Member> =
            SHARES.iter().map(|(node, slots)| (NodeName::from(*node), master(slots))).collect();
        let replica = Member { role: Role::Replica, master: Some("A".into()), ..master("none") };
        members.insert("A1".into(), replica);
        let view = |node: &NodeName| NodeView {
            state: ClusterState::Ok,
            current_version: 3,
            master_link_up: (node.as_str() == "A1").then_some(true),
            data_too_old: false,
            members: members.clone(),
        };
        Self {
            status: members.keys().map(|node| (node.clone(), NodeStatus::Running)).collect(),
            views: members.keys().map(|node| (node.clone(), Some(view(node)))).collect(),
            reach: Reach::default(),
        }
    }

    /// Changes how `viewer` sees `node`; `*` is every viewer.
    pub(super) fn see(&mut self, viewer: &str, node: &str, change: impl Fn(&mut Member)) {
        for (_, view) in self.views.iter_mut().filter(|(name, _)| viewer == "*" || name.as_str() == viewer) {
            change(view.as_mut().unwrap().members.get_mut(&NodeName::from(node)).unwrap());
        }
    }

    pub(super) fn stop(&mut self, node: &str) {
        self.status.insert(node.into(), NodeStatus::Down);
        self.views.insert(node.into(), None);
        self.views.retain(|_, view| view.is_some());
    }

    pub(super) fn fail(&mut self, node: &str) {
        self.stop(node);
        self.see("*", node, |member| member.health = Health::Fail);
    }

    pub(super) fn state(&mut self, state: ClusterState) {
        self.views.values_mut().flatten().for_each(|view| view.state = state);
    }

    /// Cuts each of the hosts off from each of the others, both ways.
    pub(super) fn cut(&mut self, ones: &[&str], others: &[&str]) {
        self.apply_cut(format!("{ones:?}"), LinkChange::Cut(CutBy::Drop), between(ones, others));
    }

    /// Cuts each of the hosts off from each of the others, both ways, for this port only.
    pub(super) fn cut_port(&mut self, ones: &[&str], others: &[&str], port: ServerPort) {
        self.apply_cut(format!("{ones:?}"), LinkChange::CutPort(port), between(ones, others));
    }

    /// Sets whether `A1` is linked to its master.
    fn link(&mut self, up: bool) {
        self.views.get_mut(&NodeName::from("A1")).unwrap().as_mut().unwrap().master_link_up = Some(up);
    }

    /// Cuts what one host sends to another.
    pub(super) fn cut_one_way(&mut self, from: &str, to: &str) {
        self.apply_cut(format!("{from} -> {to}"), LinkChange::Cut(CutBy::Drop), vec![Link::new(from, to)]);
    }

    fn apply_cut(&mut self, name: String, change: LinkChange, links: Vec<Link>) {
        let began = Instant::default();
        let text = crate::evidence::LinksText::default();
        self.reach.apply(&NetworkChange {
            step: None,
            name,
            text,
            change,
            links,
            began,
            done: began,
            proof: None,
            doubt: None,
        });
    }

    /// `viewers` see each of `nodes` as `health`.
    pub(super) fn seen_as(&mut self, viewers: &[&str], nodes: &[&str], health: Health) {
        for (viewer, node) in viewers.iter().flat_map(|viewer| nodes.iter().map(move |node| (viewer, node))) {
            self.see(viewer, node, |member| member.health = health);
        }
    }

    pub(super) fn state_of(&mut self, nodes: &[&str], state: ClusterState) {
        for node in nodes {
            self.views.get_mut(&NodeName::from(*node)).unwrap().as_mut().unwrap().state = state;
        }
    }

    pub(super) fn agreement(&self) -> Agreement {
        match settle(&self.status, &self.reach, &self.views) {
            Settlement::Settled(agreement) => agreement,
            Settlement::Unsettled(reason) => panic!("{reason}"),
        }
    }

    pub(super) fn reason(&self) -> String {
        match settle(&self.status, &self.reach, &self.views) {
            Settlement::Settled(_) => "settled".to_owned(),
            Settlement::Unsettled(reason) => reason,
        }
    }
}

/// The links of each of the hosts with each of the others, both ways.
fn between(ones: &[&str], others: &[&str]) -> Vec<Link> {
    let pairs = ones.iter().flat_map(|one| others.iter().map(move |other| Link::new(*one, *other)));
    pairs.flat_map(|link| [link.reversed(), link]).collect()
}

fn suspect(cluster: &mut Cluster, node: &str) {
    cluster.stop(node);
    cluster.see("*", node, |member| member.health = Health::Pfail);
}

fn promote_a1(cluster: &mut Cluster) {
    cluster.fail("A");
    cluster.see("*", "A", |member| member.owns = Ownership::default());
    cluster.see("*", "A1", |member| {
        member.role = Role::Master;
        member.master = None;
        member.owns = "0-5460".parse().unwrap();
    });
    cluster.views.get_mut(&NodeName::from("A1")).unwrap().as_mut().unwrap().master_link_up = None;
}

#[rstest]
#[case::healthy(&|_: &mut Cluster| (), "settled")]
#[case::promoted(&promote_a1, "settled")]
#[case::nobody_noticed_yet(&|c: &mut Cluster| c.stop("A"), "A1 has not noticed that A is gone")]
#[case::suspected(
    &|c: &mut Cluster| { c.stop("A"); c.see("*", "A", |a| a.health = Health::Pfail); },
    "A1 suspects A (PFAIL)"
)]
#[case::about_to_take_over(
    &|c: &mut Cluster| { c.fail("A"); c.state(ClusterState::Fail); },
    "A failed and A1 has not taken over yet"
)]
#[case::nobody_can_take_over(
    &|c: &mut Cluster| { c.fail("B"); c.state(ClusterState::Fail); },
    "settled"
)]
#[case::no_majority_is_left_to_say_fail(
    &|c: &mut Cluster| { suspect(c, "A"); suspect(c, "B"); c.state(ClusterState::Fail); },
    "settled"
)]
#[case::no_majority_is_left_and_one_does_not_know_yet(
    &|c: &mut Cluster| { suspect(c, "A"); suspect(c, "B"); },
    "A1 reaches no majority of the masters but its cluster_state is still ok"
)]
#[case::a_majority_is_left_to_say_fail(
    &|c: &mut Cluster| { suspect(c, "A"); c.state(ClusterState::Fail); },
    "A1 suspects A (PFAIL)"
)]
#[case::state_lags(
    &|c: &mut Cluster| { promote_a1(c); c.state(ClusterState::Fail); },
    "A1 knows a live master for every slot but its cluster_state is still fail"
)]
#[case::one_disagrees(
    &|c: &mut Cluster| c.see("B", "A", |a| a.version = 9),
    "A and B disagree: A is master of 0-5460 (epoch 1) and master of 0-5460 (epoch 9)"
)]
#[case::falsely_failed(&|c: &mut Cluster| c.see("C", "A", |a| a.health = Health::Fail), "C holds A for failed")]
#[case::handshake(&|c: &mut Cluster| c.see("C", "A1", |a| a.handshake = true), "C is in handshake with A1")]
#[case::silent(&|c: &mut Cluster| { c.views.insert("C".into(), None); }, "C does not answer")]
#[case::unlinked(
    &|c: &mut Cluster| c.link(false),
    "A1 is not linked to its master"
)]
#[case::wiped_and_unknown(
    &|c: &mut Cluster| for view in c.views.values_mut().flatten() { view.members.remove(&NodeName::from("A1")); },
    "A does not know A1"
)]
#[case::forgotten_while_down(
    &|c: &mut Cluster| {
        c.stop("A1");
        for view in c.views.values_mut().flatten() { view.members.remove(&NodeName::from("A1")); }
    },
    "settled"
)]
#[case::former_identity(
    &|c: &mut Cluster| for view in c.views.values_mut().flatten() {
        let former = view.members.get(&NodeName::from("A1")).unwrap().clone();
        view.members.insert("?0123abcd".into(), former);
    },
    "settled"
)]
fn settling(#[case] change: &dyn Fn(&mut Cluster), #[case] reason: &str) {
    let mut cluster = Cluster::healthy();
    change(&mut cluster);
    assert_eq!(cluster.reason(), reason);
}

#[test]
fn nothing_runs() {
    let mut cluster = Cluster::healthy();
    for node in ["A", "B", "C", "A1"] {
        cluster.stop(node);
    }
    assert_eq!(cluster.reason(), "no node runs");
}

const REST: [&str; 3] = ["A1", "B", "C"];

/// A is alone; the others have promoted A1.
fn isolated_and_replaced(cluster: &mut Cluster) {
    cluster.cut(&["A"], &REST);
    replaced(cluster);
}

/// A and the others no longer hear of each other, and those have promoted A1.
fn replaced(cluster: &mut Cluster) {
    let rest = REST;
    cluster.seen_as(&rest, &["A"], Health::Fail);
    for viewer in rest {
        cluster.see(viewer, "A", |member| member.owns = Ownership::default());
        cluster.see(viewer, "A1", |member| {
            (member.role, member.master, member.version) = (Role::Master, None, 4);
            member.owns = "0-5460".parse().unwrap();
        });
        cluster.views.get_mut(&NodeName::from(viewer)).unwrap().as_mut().unwrap().current_version = 4;
    }
    cluster.views.get_mut(&NodeName::from("A1")).unwrap().as_mut().unwrap().master_link_up = None;
    cluster.seen_as(&["A"], &rest, Health::Pfail);
    cluster.state_of(&["A"], ClusterState::Fail);
}

#[test]
fn each_side_settles_by_itself() {
    let mut cluster = Cluster::healthy();
    isolated_and_replaced(&mut cluster);
    let agreement = cluster.agreement();
    let sides: Vec<Vec<_>> =
        agreement.sides.iter().map(|side| side.members.iter().map(NodeName::as_str).collect()).collect();
    assert_eq!(sides, [vec!["A1", "B", "C"], vec!["A"]]);
    let place_of = |topology: &Topology, node: &str| topology.nodes[&NodeName::from(node)].to_string();
    assert_eq!(place_of(agreement.mains().next().unwrap(), "A"), "master without slots, failed");
    assert_eq!(place_of(agreement.mains().next().unwrap(), "A1"), "master of 0-5460");
    assert_eq!(place_of(agreement.of(&"A".into()), "A"), "master of 0-5460");
    assert_eq!(place_of(agreement.of(&"A".into()), "B"), "master of 5461-10922, failed");
    assert_eq!(agreement.of(&"A".into()).state, ClusterState::Fail);
}

#[rstest]
#[case::the_minority_has_not_noticed(
    &|c: &mut Cluster| { isolated_and_replaced(c); c.see("A", "C", |m| m.health = Health::Ok); },
    "A has not noticed that C is out of reach"
)]
#[case::the_majority_only_suspects(
    &|c: &mut Cluster| { isolated_and_replaced(c); c.see("B", "A", |m| m.health = Health::Pfail); },
    "B suspects A (PFAIL)"
)]
#[case::the_minority_still_serves(
    &|c: &mut Cluster| { isolated_and_replaced(c); c.state_of(&["A"], ClusterState::Ok); },
    "A reaches no majority of the masters but its cluster_state is still ok"
)]
#[case::a_healed_node_is_still_held_for_failed(
    &|c: &mut Cluster| { isolated_and_replaced(c); c.reach = Reach::default(); },
    "A suspects A1 (PFAIL)"
)]
#[case::two_masters_that_do_not_see_each_other(
    &|c: &mut Cluster| { c.cut(&["B"], &["C"]); c.seen_as(&["B"], &["C"], Health::Pfail); c.seen_as(&["C"], &["B"], Health::Pfail); },
    "settled"
)]
#[case::a_replica_cut_off_from_its_master(
    &|c: &mut Cluster| {
        c.cut(&["A"], &["A1"]);
        c.seen_as(&["A"], &["A1"], Health::Pfail);
        c.seen_as(&["A1"], &["A"], Health::Pfail);
        c.link(false);
    },
    "settled"
)]
#[case::a_replica_that_must_not_stand(
    &|c: &mut Cluster| { c.fail("A"); c.state(ClusterState::Fail); c.see("*", "A1", |m| m.no_failover = true); },
    "settled"
)]
#[case::a_replica_whose_data_is_too_old(
    &|c: &mut Cluster| {
        c.fail("A");
        c.state(ClusterState::Fail);
        c.views.get_mut(&NodeName::from("A1")).unwrap().as_mut().unwrap().data_too_old = true;
    },
    "settled"
)]
fn settling_in_a_partition(#[case] change: &dyn Fn(&mut Cluster), #[case] reason: &str) {
    let mut cluster = Cluster::healthy();
    change(&mut cluster);
    assert_eq!(cluster.reason(), reason);
}

/// Three masters that share the slots; these are failed.
fn three_masters(state: ClusterState, failed: &[&str]) -> Topology {
    let member = |(name, slots): (&str, &str)| {
        let member = Member {
            role: Role::Master,
            master: None,
            owns: slots.parse().unwrap(),
            version: 1,
            health: if failed.contains(&name) { Health::Fail } else { Health::Ok },
            handshake: false,
            no_failover: false,
        };
        (name.into(), place(&member))
    };
    topology(state, SHARES.into_iter().map(member).collect())
}

#[rstest]
#[case::well(ClusterState::Ok, &[], None, [true, true])]
#[case::a_shard(ClusterState::Ok, &["A"], Some("nobody serves A's slots"), [false, true])]
#[case::two(ClusterState::Ok, &["A", "B"], Some("nobody serves A's and B's slots"), [false, true])]
#[case::all_refuse(ClusterState::Fail, &["A"], Some("the cluster is down: nobody serves A's slots"), [false, false])]
#[case::no_majority(
    ClusterState::Fail,
    &["A", "B"],
    Some("the cluster is down: no majority of its masters runs"),
    [false, false]
)]
fn who_is_not_served_is_known(
    #[case] state: ClusterState,
    #[case] failed: &[&str],
    #[case] outage: Option<&str>,
    #[case] first_and_last: [bool; 2],
) {
    let topology = three_masters(state, failed);
    assert_eq!(topology.outage.as_deref(), outage);
    assert_eq!([0, SLOT_COUNT - 1].map(|slot| topology.serves(Position(slot))), first_and_last);
}

#[test]
fn slots_without_an_owner_are_served_by_nobody() {
    let mut nodes = three_masters(ClusterState::Ok, &[]).nodes;
    nodes.remove(&NodeName::from("C"));
    assert_eq!(topology(ClusterState::Ok, nodes).outage.as_deref(), Some("nobody owns some of the slots"));
}

/// The bus between A and its replica is cut, and both have noticed.
fn replica_out_of_hearing(cluster: &mut Cluster) {
    cluster.cut_port(&["A"], &["A1"], ServerPort::Bus);
    cluster.seen_as(&["A"], &["A1"], Health::Pfail);
    cluster.seen_as(&["A1"], &["A"], Health::Pfail);
}

#[rstest]
#[case::the_bus_of_a_master(
    &|c: &mut Cluster| { c.cut_port(&["A"], &REST, ServerPort::Bus); replaced(c); },
    "settled"
)]
#[case::the_bus_of_a_master_and_nobody_noticed(
    &|c: &mut Cluster| c.cut_port(&["A"], &REST, ServerPort::Bus),
    "A has not noticed that A1 is out of reach"
)]
#[case::the_bus_of_a_master_that_still_serves(
    &|c: &mut Cluster| {
        c.cut_port(&["A"], &REST, ServerPort::Bus);
        replaced(c);
        c.state_of(&["A"], ClusterState::Ok);
    },
    "A reaches no majority of the masters but its cluster_state is still ok"
)]
#[case::the_bus_of_a_replica_that_follows_its_master(&replica_out_of_hearing, "settled")]
#[case::the_bus_of_a_replica_that_could_follow_its_master(
    &|c: &mut Cluster| { replica_out_of_hearing(c); c.link(false); },
    "A1 is not linked to its master"
)]
#[case::the_client_port_of_a_master(&|c: &mut Cluster| { c.cut_port(&["A"], &REST, ServerPort::Clients); c.link(false); }, "settled")]
#[case::the_client_port_of_a_master_whose_replica_has_not_noticed(
    &|c: &mut Cluster| c.cut_port(&["A"], &REST, ServerPort::Clients),
    "settled"
)]
#[case::the_client_port_of_a_master_that_is_suspected(
    &|c: &mut Cluster| {
        c.cut_port(&["A"], &REST, ServerPort::Clients);
        c.seen_as(&["B"], &["A"], Health::Pfail);
    },
    "B suspects A (PFAIL)"
)]
fn settling_with_a_port_cut(#[case] change: &dyn Fn(&mut Cluster), #[case] reason: &str) {
    let mut cluster = Cluster::healthy();
    change(&mut cluster);
    assert_eq!(cluster.reason(), reason);
}

#[rstest]
#[case::the_bus(&|c: &mut Cluster| { c.cut_port(&["A"], &REST, ServerPort::Bus); replaced(c); }, "A1 B C | A")]
#[case::the_client_port(&|c: &mut Cluster| c.cut_port(&["A"], &REST, ServerPort::Clients), "A A1 B C")]
fn only_the_bus_makes_sides(#[case] change: &dyn Fn(&mut Cluster), #[case] expected: &str) {
    let mut cluster = Cluster::healthy();
    change(&mut cluster);
    let members = |side: &Side| side.members.iter().map(NodeName::as_str).collect::<Vec<_>>().join(" ");
    let sides: Vec<_> = cluster.agreement().sides.iter().map(members).collect();
    assert_eq!(sides.join(" | "), expected);
}
