//! The scenario file as written: its types, its text, and errors that point into it.

mod step;
mod written;

pub use step::{Condition, Step};
pub use written::{NodeServer, Scenario, Server, Topology};
