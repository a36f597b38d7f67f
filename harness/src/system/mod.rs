//! What the processes of a run are: servers that know each other.

pub mod cluster;
mod error;
mod log_lines;
mod spec;

pub use error::{NotDone, SystemError};
pub use log_lines::last_log_lines;
pub use spec::NodeSpec;
