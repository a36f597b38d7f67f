//! What happened to the links between hosts, and which hosts could reach each other.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::vocab::{CutBy, HostName, Instant, Link, LinkShape, NodeName};

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
    /// Packets pass, and are treated so.
    Shape(LinkShape),
    /// A partition ended. A link that another one cuts stays cut.
    HealCut,
    /// A shape ended. A link that another one shapes stays shaped.
    HealShape,
}

/// Which links are cut at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    /// By the cut's name: from each host, to which ones.
    cuts: BTreeMap<String, BTreeMap<HostName, BTreeSet<HostName>>>,
}

impl Reach {
    /// Takes a change into account.
    pub fn apply(&mut self, change: &NetworkChange) {
        match change.change {
            LinkChange::Cut(_) => {
                let mut cut = BTreeMap::<_, BTreeSet<_>>::new();
                for Link { from, to } in &change.links {
                    cut.entry(from.clone()).or_default().insert(to.clone());
                }
                self.cuts.insert(change.name.clone(), cut);
            }
            LinkChange::HealCut => {
                self.cuts.remove(&change.name);
            }
            LinkChange::Shape(_) | LinkChange::HealShape => {}
        }
    }

    /// Whether nothing at all is cut.
    pub fn is_whole(&self) -> bool {
        self.cuts.is_empty()
    }

    /// Whether packets of one host reach another.
    pub fn hears(&self, from: &HostName, to: &HostName) -> bool {
        self.passes(from.as_str(), to.as_str())
    }

    /// Whether two hosts can have a connection: it takes both directions.
    pub fn connected(&self, one: &HostName, other: &HostName) -> bool {
        self.both_pass(one.as_str(), other.as_str())
    }

    /// [`Self::connected`], of two nodes' hosts.
    pub fn nodes_connected(&self, one: &NodeName, other: &NodeName) -> bool {
        self.both_pass(one.as_str(), other.as_str())
    }

    fn both_pass(&self, one: &str, other: &str) -> bool {
        one == other || self.passes(one, other) && self.passes(other, one)
    }

    fn passes(&self, from: &str, to: &str) -> bool {
        !self.cuts.values().any(|cut| cut.get(from).is_some_and(|cut_off| cut_off.contains(to)))
    }
}
