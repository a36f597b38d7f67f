//! What the processes of a run are: servers that know each other.

pub mod cluster;
mod error;
mod spec;

pub use error::{NotDone, SystemError};
pub use spec::NodeSpec;
