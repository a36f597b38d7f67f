//! What happened to the links between hosts, and who could reach whom.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::vocab::{CutBy, HostName, Instant, Link, NodeName, Shape};

/// Links were cut, shaped or healed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NetworkChange {
    /// The step that asked for it; none when the harness healed at the end.
    pub step: Option<usize>,
    /// The name of the partition or shape that began or ended.
    pub name: String,
    /// Which links, in words, such as `A inside | B C A1 B1 C1`.
    pub text: String,
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
}

/// What was done to links.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkChange {
    /// Nothing passes any more.
    Cut(CutBy),
    /// Packets pass, and are treated so.
    Shape(Shape),
    /// A partition ended. A link that another one cuts stays cut.
    HealCut,
    /// A shape ended. A link that another one shapes stays shaped.
    HealShape,
}

/// Which links are cut at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reach {
    cuts: BTreeMap<String, BTreeSet<Link>>,
}

impl Reach {
    /// Takes a change into account.
    pub fn apply(&mut self, change: &NetworkChange) {
        match change.change {
            LinkChange::Cut(_) => {
                self.cuts.insert(change.name.clone(), change.links.iter().cloned().collect());
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
        // Building a link to look it up costs two strings; most runs have no cut at all.
        self.is_whole() || !self.cuts.values().any(|links| links.contains(&Link::new(from.clone(), to.clone())))
    }

    /// Whether two hosts can have a connection: it takes both directions.
    pub fn connected(&self, one: &HostName, other: &HostName) -> bool {
        one == other || self.hears(one, other) && self.hears(other, one)
    }

    /// [`Self::connected`], of two nodes' hosts.
    pub fn nodes_connected(&self, one: &NodeName, other: &NodeName) -> bool {
        self.is_whole() || self.connected(&one.into(), &other.into())
    }
}
