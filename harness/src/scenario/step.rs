//! The steps of a timeline and the conditions it can wait for.

use std::fmt;

use serde::Deserialize;

use crate::vocab::{CutBy, Duration, Links, NodeName, Percent, Rate, Shape, Target};

/// One step of the timeline. Steps follow each other; none begins before the one before it is done.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Step {
    /// Let the load run.
    Run {
        /// For how long.
        r#for: Duration,
    },
    /// SIGKILL: the process is gone, its host answers with resets.
    Kill(Target),
    /// SIGTERM, as `systemctl stop` sends: the server may save and say goodbye.
    Stop(Target),
    /// SIGSTOP: the process is silent and its connections stay open.
    Pause(Target),
    /// SIGCONT: a paused process goes on.
    Resume(Target),
    /// A stopped server is started again on the data it left.
    Start(Target),
    /// A stopped server's data directory is emptied, its `nodes.conf` too.
    Wipe(Target),
    /// A running server that nobody knows (after `Wipe` and `Start`) is introduced to the cluster as a replica.
    Join {
        /// The newcomer.
        node: NodeName,
        /// Whom it shall replicate.
        replica_of: NodeName,
    },
    /// Links are cut: nothing passes them.
    Partition(Partition),
    /// Links delay, lose, repeat, reorder or damage what passes them, or let only so much pass.
    Shape(Shaping),
    /// Partitions and shapes end: the one of that name, or all of them.
    Heal {
        /// Which one; all if not said.
        #[serde(default)]
        name: Option<String>,
    },
    /// Wait for a condition, at most so long. The run fails when it is not met.
    Until {
        /// What to wait for.
        condition: Condition,
        /// The bound.
        within: Duration,
    },
}

/// Links to be cut.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// Which links.
    pub links: Links,
    /// What becomes of the packets.
    #[serde(default)]
    pub by: CutBy,
    /// By which `Heal` can name it.
    #[serde(default)]
    pub name: Option<String>,
}

/// Links to be shaped; see [`Shape`] for the meaning of each field.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shaping {
    /// Which links.
    pub links: Links,
    /// By which `Heal` can name it.
    #[serde(default)]
    pub name: Option<String>,
    /// How much later each packet arrives.
    #[serde(default)]
    pub delay: Duration,
    /// How much the delay varies, up and down.
    #[serde(default)]
    pub jitter: Duration,
    /// Percent of packets that vanish.
    #[serde(default)]
    pub loss: Percent,
    /// Percent of packets that arrive twice.
    #[serde(default)]
    pub duplicate: Percent,
    /// Percent of packets that the next one overtakes.
    #[serde(default)]
    pub reorder: Percent,
    /// Percent of packets that arrive with one wrong bit.
    #[serde(default)]
    pub corrupt: Percent,
    /// How much passes at most, such as `"10Mbit"`.
    #[serde(default)]
    pub rate: Option<Rate>,
}

impl Shaping {
    /// What the links do.
    pub fn shape(&self) -> Shape {
        Shape {
            delay: self.delay,
            jitter: self.jitter,
            loss: self.loss,
            duplicate: self.duplicate,
            reorder: self.reorder,
            corrupt: self.corrupt,
            rate: self.rate,
        }
    }
}

/// What `Until` can wait for. A condition on the topology holds when the cluster has settled: every running node agrees,
/// every dead one is flagged, every link is up. In a partition each side settles by itself: what is said of a node is what
/// its own side agrees on, and what is said of the cluster is what the side agrees on that serves.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Condition {
    /// The cluster has settled with this node as a master that owns slots.
    Promoted(NodeName),
    /// The cluster has settled with `node` as a linked replica.
    Replicates {
        /// The replica.
        node: NodeName,
        /// Its master.
        of: NodeName,
    },
    /// The cluster has settled with this node flagged as failed; where no majority is left to flag it, with this node suspected.
    Failed(NodeName),
    /// The cluster has settled and every slot is served.
    Healthy,
    /// The cluster has settled and refuses to serve (`cluster_state:fail` everywhere, on every side).
    Down,
    /// The cluster has settled, whatever it is like.
    Settled,
    /// This node refuses to serve: its `cluster_state` is fail. It need not have settled.
    Refuses(NodeName),
    /// Every running replica has applied all that its master had written when it was asked. Under load this is never true
    /// for long.
    Synced,
    /// A load with a limited number of operations has done them all.
    Finished(String),
}

impl Step {
    /// The name of its kind, as it is written.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Run { .. } => "Run",
            Self::Kill(_) => "Kill",
            Self::Stop(_) => "Stop",
            Self::Pause(_) => "Pause",
            Self::Resume(_) => "Resume",
            Self::Start(_) => "Start",
            Self::Wipe(_) => "Wipe",
            Self::Join { .. } => "Join",
            Self::Partition(_) => "Partition",
            Self::Shape(_) => "Shape",
            Self::Heal { .. } => "Heal",
            Self::Until { .. } => "Until",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run { r#for } => write!(f, "Run for {for}"),
            Self::Kill(target) => write!(f, "Kill {target} (SIGKILL)"),
            Self::Stop(target) => write!(f, "Stop {target} (SIGTERM)"),
            Self::Pause(target) => write!(f, "Pause {target} (SIGSTOP)"),
            Self::Resume(target) => write!(f, "Resume {target} (SIGCONT)"),
            Self::Start(target) => write!(f, "Start {target}"),
            Self::Wipe(target) => write!(f, "Wipe {target}"),
            Self::Join { node, replica_of } => write!(f, "Join {node} as a replica of {replica_of}"),
            Self::Partition(partition) => write!(f, "Partition {} ({})", partition.links, partition.by),
            Self::Shape(shaping) => write!(f, "Shape {} ({})", shaping.links, shaping.shape()),
            Self::Heal { name: None } => f.write_str("Heal all links"),
            Self::Heal { name: Some(name) } => write!(f, "Heal `{name}`"),
            Self::Until { condition, within } => write!(f, "Until {condition}, within {within}"),
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Promoted(node) => write!(f, "{node} is a master with slots"),
            Self::Replicates { node, of } => write!(f, "{node} replicates {of}"),
            Self::Failed(node) => write!(f, "{node} is flagged failed"),
            Self::Healthy => f.write_str("every slot is served"),
            Self::Down => f.write_str("the cluster is down"),
            Self::Settled => f.write_str("the cluster has settled"),
            Self::Refuses(node) => write!(f, "{node} refuses to serve"),
            Self::Synced => f.write_str("every replica has all writes"),
            Self::Finished(load) => write!(f, "load `{load}` is done"),
        }
    }
}
