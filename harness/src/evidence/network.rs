//! What happened to the links between hosts, and which hosts could reach each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{CutBy, HostName, Instant, Link, LinkShape, NodeName, ServerPort};

/// Links were cut, shaped or healed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkChange {
    /// The step that asked for it; none when the harness healed at the end.
    pub step: Option<usize>,
    /// The name of the partition or shape that began or ended.
    pub name: String,
    /// Which links, such as `A inside | B C A1 B1 C1`; empty if that was said when they were cut or shaped.
    pub text: LinksText,
    /// What was done.
    pub change: LinkChange,
    /// The directed links that the partition or shape is about.
    pub links: Vec<Link>,
    /// The instant just before the first rule was changed.
    pub began: Instant,
    /// The instant just after the last rule was changed.
    pub done: Instant,
    /// What proves that the links did what they should. `None`: no proof was found.
    pub proof: Option<String>,
    /// Why no proof was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// Which links are meant, as a text in which hosts can be told from words.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LinksText(pub Vec<LinksPart>);

/// A part of a [`LinksText`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LinksPart {
    /// Words, with the spaces around them.
    Words(String),
    /// Hosts, which are written with a space between them.
    Hosts(Vec<HostName>),
}

impl LinksText {
    /// `A | B C`: the hosts of each side.
    pub fn sides(sides: &[Vec<HostName>]) -> Self {
        let separated = sides.iter().enumerate().flat_map(|(index, side)| {
            let bar = (index > 0).then(|| LinksPart::Words(" | ".to_owned()));
            bar.into_iter().chain([LinksPart::Hosts(side.clone())])
        });
        Self(separated.collect())
    }

    /// Appends words.
    #[must_use]
    pub fn words(mut self, words: impl Into<String>) -> Self {
        self.0.push(LinksPart::Words(words.into()));
        self
    }

    /// Appends hosts.
    #[must_use]
    pub fn hosts(mut self, hosts: &[HostName]) -> Self {
        self.0.push(LinksPart::Hosts(hosts.to_vec()));
        self
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for LinksText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| match part {
            LinksPart::Words(words) => f.write_str(words),
            LinksPart::Hosts(hosts) => f.write_str(&HostName::list(hosts)),
        })
    }
}

/// What was done to links.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkChange {
    /// Nothing passes any more.
    Cut(CutBy),
    /// Nothing passes to or from this port of the servers any more.
    CutPort(ServerPort),
    /// Packets pass, and are treated so.
    Shape(LinkShape),
    /// A partition ended. A link that another one cuts stays cut.
    HealCut,
    /// A shape ended. A link that another one shapes stays shaped.
    HealShape,
}

/// Which links are cut at a moment, wholly or for one port of the servers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// The hosts of nodes that have none of their own.
    shared: BTreeMap<NodeName, HostName>,
    /// By the cut's name.
    cuts: BTreeMap<String, LinkCut>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct LinkCut {
    /// The only port that it is about; none if nothing passes at all.
    port: Option<ServerPort>,
    /// From each host, to which ones.
    links: BTreeMap<HostName, BTreeSet<HostName>>,
}

impl Reach {
    /// No link is cut between nodes on these hosts.
    pub fn of<'a>(nodes: impl Iterator<Item = (&'a NodeName, &'a HostName)>) -> Self {
        let shared = nodes.filter(|(node, host)| !host.is(node));
        Self { shared: shared.map(|(node, host)| (node.clone(), host.clone())).collect(), ..Self::default() }
    }

    /// Takes a change into account.
    pub fn apply(&mut self, change: &NetworkChange) {
        match change.change {
            LinkChange::Cut(_) => self.cut(change, None),
            LinkChange::CutPort(port) => self.cut(change, Some(port)),
            LinkChange::HealCut => {
                self.cuts.remove(&change.name);
            }
            LinkChange::Shape(_) | LinkChange::HealShape => {}
        }
    }

    fn cut(&mut self, change: &NetworkChange, port: Option<ServerPort>) {
        let mut links = BTreeMap::<_, BTreeSet<_>>::new();
        for Link { from, to } in &change.links {
            links.entry(from.clone()).or_default().insert(to.clone());
        }
        self.cuts.insert(change.name.clone(), LinkCut { port, links });
    }

    /// Whether nothing at all is cut.
    pub fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Whether packets of one host reach another, if only those of some ports.
    pub fn hears(&self, from: &HostName, to: &HostName) -> bool {
        self.passes(from.as_str(), to.as_str(), None)
    }

    /// Whether clients on a host can have a connection to a node: it takes both directions.
    pub fn connected(&self, host: &HostName, node: &NodeName) -> bool {
        self.both_pass(host.as_str(), self.host_of(node), ServerPort::Clients)
    }

    /// Whether two nodes can have a connection by this port: that of clients also serves replicas and sentinels. It takes both
    /// directions.
    pub fn nodes_connected(&self, one: &NodeName, other: &NodeName, port: ServerPort) -> bool {
        self.both_pass(self.host_of(one), self.host_of(other), port)
    }

    fn host_of<'a>(&'a self, node: &'a NodeName) -> &'a str {
        self.shared.get(node).map_or(node.as_str(), HostName::as_str)
    }

    fn both_pass(&self, one: &str, other: &str, port: ServerPort) -> bool {
        one == other || self.passes(one, other, Some(port)) && self.passes(other, one, Some(port))
    }

    /// Whether packets pass to and from a port; without one, whether any do.
    fn passes(&self, from: &str, to: &str, port: Option<ServerPort>) -> bool {
        let stops = |cut: &LinkCut| cut.port.is_none() || cut.port == port;
        let is_about = |cut: &LinkCut| cut.links.get(from).is_some_and(|cut_off| cut_off.contains(to));
        !self.cuts.values().any(|cut| stops(cut) && is_about(cut))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DROP: LinkChange = LinkChange::Cut(CutBy::Drop);
    const BUS: LinkChange = LinkChange::CutPort(ServerPort::Bus);
    const CLIENTS: LinkChange = LinkChange::CutPort(ServerPort::Clients);

    fn change(name: &str, change: LinkChange) -> NetworkChange {
        let (step, began, text) = (None, Instant::default(), LinksText::default());
        let (name, links) = (name.to_owned(), vec![Link::new("A", "B")]);
        NetworkChange { step, name, text, change, links, began, done: began, proof: None, doubt: None }
    }

    /// Whether anything passes from A to B, whether the bus connects them, and whether clients of either reach the other.
    #[rstest]
    #[case::whole(&[], [true, true, true])]
    #[case::a_cut(&[DROP], [false, false, false])]
    #[case::the_bus(&[BUS], [true, false, true])]
    #[case::the_client_port(&[CLIENTS], [true, true, false])]
    #[case::both_ports(&[BUS, CLIENTS], [true, false, false])]
    #[case::a_cut_and_a_port(&[DROP, BUS], [false, false, false])]
    #[case::a_shape(&[LinkChange::Shape(LinkShape { delay: crate::vocab::Duration::from_millis(5), ..LinkShape::default() })], [true, true, true])]
    fn a_cut_of_a_port_is_about_its_service_only(#[case] changes: &[LinkChange], #[case] expected: [bool; 3]) {
        let mut reach = Reach::of([(&"A".into(), &"A".into()), (&"S1".into(), &"A".into())].into_iter());
        changes.iter().enumerate().for_each(|(index, one)| reach.apply(&change(&index.to_string(), *one)));
        let (a, b) = (HostName::from("A"), HostName::from("B"));
        let on_bus = |one: &str| reach.nodes_connected(&one.into(), &"B".into(), ServerPort::Bus);
        let seen = [reach.hears(&a, &b), on_bus("A"), reach.connected(&b, &"A".into())];
        assert_eq!(seen, expected);
        assert!(reach.hears(&b, &a));
        assert!(on_bus("B"));
        assert_eq!(on_bus("S1"), on_bus("A"));
        // Healed in the order in which they came, what is left counts.
        for (index, _) in changes.iter().enumerate() {
            reach.apply(&change(&index.to_string(), LinkChange::HealCut));
        }
        assert!(reach.is_whole());
    }
}
