//! The clients: pacing, routing, operations, and the record of every outcome.

pub mod op;
mod spec;

pub use op::Op;
pub use spec::{Client, Keys, Load, Pace};
