//! The lab: hosts, links and nodes that exist for one run.

mod client_host;
mod spec;

pub use client_host::ClientHost;
pub use spec::NodeSpec;
