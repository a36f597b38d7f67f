//! What the observer sees at a moment.

use std::collections::BTreeMap;

use crate::evidence::{NodeView, Settlement};
use crate::vocab::{Instant, NodeName};

/// The state of the system as last seen. It is renewed with every answer of every node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    /// When this was put together. It takes into account every change of a node's status up to this moment.
    pub at: Instant,
    /// Every running node was asked for its view, and answered or failed to, at or after this moment. A claim about
    /// what holds after some event rests on an observation whose `asked` is not before it.
    pub asked: Instant,
    /// Whether the running nodes agree with each other and with what really runs.
    pub settlement: Settlement,
    /// Each node's view; none when it does not run or does not answer.
    pub views: BTreeMap<NodeName, Option<NodeView>>,
    /// Every running replica has applied all that its master had written when the master was last asked; or why not.
    pub synced: Result<(), String>,
}
