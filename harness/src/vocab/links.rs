//! Which links a step means.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;

use super::{HostName, NodeName, Selector, Target};

/// The sides of a network, by their names.
pub type Sides = BTreeMap<String, Vec<HostName>>;

/// Which links a step means: those that a partition of this kind cuts. A client host that is not named keeps all its links
/// unless the kind says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Links {
    /// All between hosts of different sides. Every node is on one of them.
    Split {
        /// The sides, each with a name of its own.
        sides: Sides,
    },
    /// All between some hosts and everybody else, client hosts too.
    Isolate(Isolated),
    /// All between two halves of the nodes, which are drawn from the run's seed; of an odd number the first is the smaller
    /// one. Either may have the majority of the masters.
    Halves {
        /// The client hosts that go with the first half.
        #[serde(default)]
        first: Vec<HostName>,
        /// The client hosts that go with the second half.
        #[serde(default)]
        second: Vec<HostName>,
    },
    /// All between hosts of different sides, while one node, which is on none of them, still sees everybody.
    Bridge {
        /// The node that sees everybody.
        node: NodeName,
        /// The sides, each with a name of its own.
        sides: Sides,
    },
    /// The nodes stand in a ring by name, replicas beside their masters, and each keeps its links to its neighbours only: just
    /// as many as it takes to see a majority of the nodes, and no two see the same one. All others.
    Ring,
    /// One direction: what the first send to the second.
    OneWay {
        /// The hosts that send.
        from: Vec<HostName>,
        /// The hosts that do not hear them.
        to: Vec<HostName>,
    },
    /// All to and from each of these hosts.
    Of(Vec<HostName>),
    /// Every link between any two hosts.
    All,
}

/// Hosts that are cut off together: they still see each other. Exactly one of `node` and `select` is written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Isolated {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen from the settled topology when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// Other hosts that stay with them: replicas, clients.
    #[serde(default)]
    pub with: Vec<HostName>,
}

impl Isolated {
    /// Whom it is about.
    pub fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Split { sides } => write!(f, "{}", sides_in_words(sides)),
            Self::Isolate(isolated) => {
                write!(f, "{}{} | the rest", isolated.target(), with(&isolated.with))
            }
            Self::Halves { first, second } => {
                write!(f, "a half of the nodes{} | the other half{}", with(first), with(second))
            }
            Self::Bridge { node, sides } => write!(f, "{}, and {node} sees both", sides_in_words(sides)),
            Self::Ring => f.write_str("all but neighbours in a ring"),
            Self::OneWay { from, to } => write!(f, "{} -> {}", HostName::list(from), HostName::list(to)),
            Self::Of(hosts) => write!(f, "all links of {}", HostName::list(hosts)),
            Self::All => f.write_str("all links"),
        }
    }
}

fn sides_in_words(sides: &Sides) -> String {
    let sides: Vec<_> = sides.iter().map(|(name, hosts)| format!("{name}: {}", HostName::list(hosts))).collect();
    sides.join(" | ")
}

fn with(hosts: &[HostName]) -> String {
    if hosts.is_empty() { String::new() } else { format!(" with {}", HostName::list(hosts)) }
}
