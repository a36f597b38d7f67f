use rand::SeedableRng;
use rstest::rstest;

use super::*;
use crate::vocab::{Isolated, Sides};

fn names(words: &str) -> Vec<HostName> {
    words.split_whitespace().map(HostName::from).collect()
}

fn sides(words: &str) -> Sides {
    words.split('|').enumerate().map(|(index, side)| (format!("side {index}"), names(side))).collect()
}

fn means(links: &Links, chosen: &str) -> Meant {
    let nodes: Vec<NodeName> = ["A", "B", "C", "A1", "B1", "C1"].map(NodeName::from).to_vec();
    let clients = names("inside outside");
    let chosen: Vec<_> = chosen.split_whitespace().map(NodeName::from).collect();
    let hosts = Hosts { nodes: &nodes, clients: &clients };
    meant(links, hosts, &chosen, &mut ChaCha8Rng::seed_from_u64(7))
}

/// Whom a host still hears, of whom it is heard too.
fn sees(meant: &Meant, host: &str) -> String {
    let all = names("A B C A1 B1 C1 inside outside");
    let cut = |from: &HostName, to: &HostName| meant.links.contains(&Link::new(from.clone(), to.clone()));
    let host = HostName::from(host);
    let seen = all.iter().filter(|other| **other != host && !cut(&host, other) && !cut(other, &host));
    HostName::list(&seen.cloned().collect::<Vec<_>>())
}

#[rstest]
#[case::split(&Links::Split { sides: sides("A inside|B C A1 B1 C1") }, "", "A", "inside outside")]
#[case::an_unnamed_client_sees_all(
    &Links::Split { sides: sides("A inside|B C A1 B1 C1") }, "", "outside", "A B C A1 B1 C1 inside"
)]
#[case::three_sides(&Links::Split { sides: sides("A A1|B B1|C C1") }, "", "A", "A1 inside outside")]
#[case::isolate(&Links::Isolate(Isolated::default()), "A", "A", "")]
#[case::isolated_together(&Links::Isolate(Isolated { with: names("inside"), ..Isolated::default() }), "A B", "A", "B inside")]
#[case::the_rest(&Links::Isolate(Isolated::default()), "A", "outside", "B C A1 B1 C1 inside")]
#[case::bridge(&Links::Bridge { node: "B".into(), sides: sides("A A1|C C1 B1") }, "", "B", "A C A1 B1 C1 inside outside")]
#[case::beside_a_bridge(&Links::Bridge { node: "B".into(), sides: sides("A A1|C C1 B1") }, "", "A", "B A1 inside outside")]
#[case::ring(&Links::Ring, "", "A", "B C A1 C1 inside outside")]
#[case::one_way(&Links::OneWay { from: names("A"), to: names("B") }, "", "A", "C A1 B1 C1 inside outside")]
#[case::of(&Links::Of(names("A")), "", "A", "")]
#[case::not_of(&Links::Of(names("A")), "", "B", "C A1 B1 C1 inside outside")]
#[case::all(&Links::All, "", "B", "")]
fn links_are_meant(#[case] links: &Links, #[case] chosen: &str, #[case] host: &str, #[case] seen: &str) {
    assert_eq!(sees(&means(links, chosen), host), seen);
}

#[test]
fn one_direction_is_one_link() {
    let meant = means(&Links::OneWay { from: names("A"), to: names("B") }, "");
    assert_eq!(meant.links.into_iter().collect::<Vec<_>>(), [Link::new("A", "B")]);
}

#[test]
fn halves_are_drawn_and_the_seed_draws_them_again() {
    let halves = Links::Halves { first: names("inside"), second: names("outside") };
    let (once, again) = (means(&halves, ""), means(&halves, ""));
    assert_eq!(once, again);
    // 4 x 4 hosts, both ways.
    assert_eq!(once.links.len(), 32);
    assert_ne!(sees(&once, "inside"), sees(&once, "outside"));
}

/// Every node sees a majority of five, and no two the same.
#[test]
fn a_ring_gives_each_its_own_majority() {
    let nodes: Vec<NodeName> = ["A", "B", "C", "D", "E"].map(NodeName::from).to_vec();
    let ring = ring::meant(Hosts { nodes: &nodes, clients: &[] });
    let majorities: BTreeSet<Vec<_>> = nodes
        .iter()
        .map(|one| nodes.iter().filter(|other| !ring.links.contains(&Link::new(one, *other))).collect())
        .collect();
    assert_eq!(majorities.len(), 5);
    assert!(majorities.iter().all(|majority| majority.len() == 3));
}
