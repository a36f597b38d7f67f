//! What semantic checks share, whatever they are about: the facts of a scenario, where it stands in its file, what is known
//! of each node at a point of the timeline without running it, and the problems that were found.

mod checker;
mod directive;
mod foreseen;
mod history;
mod loads;
mod status;

pub use checker::{Checker, LoadFacts, Meant, PlannedNode, Reserved, Sound, StepFacts, SystemFacts, TopologyFacts};
pub use foreseen::{Action, DisturbanceNames, Foreseen, LoadState, NodeState, Verb};
pub use status::{nodes_in, status_word};
