use rand::SeedableRng;
use rstest::rstest;

use super::*;
use crate::text::options;

fn names(words: &str) -> Vec<HostName> {
    words.split_whitespace().map(HostName::from).collect()
}

fn read(links: &str) -> Links {
    options().from_str(links).unwrap()
}

fn chosen_links(links: &Links, chosen: &str) -> ChosenLinks {
    let (nodes, clients, chosen) = (names("A B C A1 B1 C1"), names("inside outside"), names(chosen));
    let hosts = Hosts { nodes: &nodes, clients: &clients };
    links.kind().choose(hosts, &chosen, &mut ChaCha8Rng::seed_from_u64(7))
}

/// The hosts that a host still hears and that hear it.
fn sees(chosen: &ChosenLinks, host: &str) -> String {
    let all = names("A B C A1 B1 C1 inside outside");
    let cut = |from: &HostName, to: &HostName| chosen.links.contains(&Link::new(from.clone(), to.clone()));
    let host = HostName::from(host);
    let seen = all.iter().filter(|other| **other != host && !cut(&host, other) && !cut(other, &host));
    HostName::list(&seen.cloned().collect::<Vec<_>>())
}

#[rstest]
#[case::split(r#"Split(sides: {"1": ["A", "inside"], "2": ["B", "C", "A1", "B1", "C1"]})"#, "", "A", "inside outside")]
#[case::an_unnamed_client_sees_all(
    r#"Split(sides: {"1": ["A", "inside"], "2": ["B", "C", "A1", "B1", "C1"]})"#,
    "",
    "outside",
    "A B C A1 B1 C1 inside"
)]
#[case::three_sides(
    r#"Split(sides: {"1": ["A", "A1"], "2": ["B", "B1"], "3": ["C", "C1"]})"#,
    "",
    "A",
    "A1 inside outside"
)]
#[case::isolate("Isolate()", "A", "A", "")]
#[case::isolated_together(r#"Isolate(with: ["inside"])"#, "A B", "A", "B inside")]
#[case::the_rest("Isolate()", "A", "outside", "B C A1 B1 C1 inside")]
#[case::bridge(
    r#"Bridge(node: "B", sides: {"1": ["A", "A1"], "2": ["C", "C1", "B1"]})"#,
    "",
    "B",
    "A C A1 B1 C1 inside outside"
)]
#[case::beside_a_bridge(
    r#"Bridge(node: "B", sides: {"1": ["A", "A1"], "2": ["C", "C1", "B1"]})"#,
    "",
    "A",
    "B A1 inside outside"
)]
#[case::ring("Ring", "", "A", "B C A1 C1 inside outside")]
#[case::one_way(r#"OneWay(from: ["A"], to: ["B"])"#, "", "A", "C A1 B1 C1 inside outside")]
#[case::of(r#"Of(["A"])"#, "", "A", "")]
#[case::not_of(r#"Of(["A"])"#, "", "B", "C A1 B1 C1 inside outside")]
#[case::all("All", "", "B", "")]
fn links_are_chosen(#[case] links: &str, #[case] chosen: &str, #[case] host: &str, #[case] seen: &str) {
    assert_eq!(sees(&chosen_links(&read(links), chosen), host), seen);
}

#[test]
fn one_direction_is_one_link() {
    let chosen = chosen_links(&read(r#"OneWay(from: ["A"], to: ["B"])"#), "");
    assert_eq!(chosen.links.into_iter().collect::<Vec<_>>(), [Link::new("A", "B")]);
}

#[test]
fn halves_are_drawn_and_the_seed_draws_them_again() {
    let halves = read(r#"Halves(first: ["inside"], second: ["outside"])"#);
    let (once, again) = (chosen_links(&halves, ""), chosen_links(&halves, ""));
    assert_eq!(once, again);
    // 4 x 4 hosts, both ways.
    assert_eq!(once.links.len(), 32);
    assert_ne!(sees(&once, "inside"), sees(&once, "outside"));
}

/// Every node sees a majority of five, and no two the same.
#[test]
fn a_ring_gives_each_its_own_majority() {
    let nodes = names("A B C D E");
    let hosts = Hosts { nodes: &nodes, clients: &[] };
    let ring = Links::Ring.kind().choose(hosts, &[], &mut ChaCha8Rng::seed_from_u64(7));
    let majorities: BTreeSet<Vec<_>> = nodes
        .iter()
        .map(|one| {
            nodes.iter().filter(|other| !ring.links.contains(&Link::new(one.clone(), (*other).clone()))).collect()
        })
        .collect();
    assert_eq!(majorities.len(), 5);
    assert!(majorities.iter().all(|majority| majority.len() == 3));
}
