use std::collections::BTreeSet;

use rand::SeedableRng;
use rstest::rstest;

use super::*;
use crate::evidence::{ClusterState, Side, Topology};

fn topology() -> Topology {
    let place = |role, master: Option<&str>, slots: &str, failed| Place {
        role,
        master: master.map(NodeName::from),
        owns: slots.parse().unwrap(),
        title: String::new(),
        failed,
    };
    let nodes = [
        ("A", place(Role::Master, None, "none", true)),
        ("A1", place(Role::Master, None, "0-5460", false)),
        ("B", place(Role::Master, None, "5461-10922", false)),
        ("B1", place(Role::Replica, Some("B"), "none", false)),
        ("C", place(Role::Master, None, "10923-16383", false)),
        ("C1", place(Role::Replica, Some("C"), "none", false)),
    ];
    Topology {
        state: ClusterState::Ok,
        nodes: nodes.into_iter().map(|(node, place)| (NodeName::from(node), place)).collect(),
        outage: None,
    }
}

#[rstest]
#[case("MasterOf(slot: 0)", "A1")]
#[case("ReplicasOf(slot: 6_000)", "B1")]
#[case("ReplicasOf(slot: 0)", "")]
#[case("Masters", "A1 B")]
#[case("Replicas", "B1 C1")]
#[case("MajorityOfMasters", "A1 B")]
#[case("MinorityOfMasters", "A1")]
#[case("Running", "A1 B B1 C1")]
#[case("Down", "A")]
#[case("Paused", "C")]
fn selectors_choose(#[case] selector: &str, #[case] expected: &str) {
    let extensions = ron::extensions::Extensions::UNWRAP_VARIANT_NEWTYPES;
    let selector: Selector = ron::Options::default().with_default_extension(extensions).from_str(selector).unwrap();
    let status = topology().nodes.into_keys().map(|node| {
        let status = match node.as_str() {
            "A" => NodeStatus::Down,
            "C" => NodeStatus::Paused,
            _ => NodeStatus::Running,
        };
        (node, status)
    });
    let side = Side { system: 0, members: BTreeSet::new(), topology: topology() };
    let (agreement, status) = (Agreement::new(vec![side]), status.collect());
    let among = Candidates { agreement: Some(&agreement), status: &status };
    let chosen = selector.kind().choose(among, &mut ChaCha8Rng::seed_from_u64(1));
    let names: Vec<_> = chosen.iter().map(NodeName::as_str).collect();
    assert_eq!(names.join(" "), expected);
}
