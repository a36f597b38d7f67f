//! The lab: hosts, links and nodes that exist for one run.
//!
//! A run starts its own binary again inside new namespaces ([`Sandbox`], [`enter_if_asked`]). In there, a [`Lab`]
//! raises one host for each node and each client, and runs real servers on them. When the lab's first process ends,
//! however it ends, the kernel ends every server and removes every interface.

mod admin;
mod audit;
mod client_host;
mod cluster;
mod config;
mod directives;
mod disturb;
mod error;
mod join;
mod missing;
mod network;
mod node;
mod probe;
mod readings;
mod reaper;
mod sandbox;
mod server;
mod shaping;
mod spec;
mod stage;
mod tun_probe;
mod user;
mod waits;

pub use audit::audit;
pub use client_host::ClientHost;
pub use cluster::{ANSWER_BOUND, Lab};
pub use config::{RESERVED, nodes_conf, redis_conf, reserved};
pub use directives::{DirectivesError, Refusal, known_directives, refused_directives};
pub use disturb::Disturbed;
pub use error::{LabError, NotDone};
pub use network::links::Disturbance;
pub use network::probe::PROBE_PORT;
pub use network::{NetworkError, ROUTER};
pub use probe::{probe, probe_shaping};
pub use sandbox::{Sandbox, SandboxError, Stopper, enter_if_asked};
pub use server::{Product, SERVER_VARIABLE, ServerBinary, ServerError, ServerVersion, named_server};
pub use shaping::{LinkCounters, SHAPING_DEVICE, SHAPING_TABLE, Shaper, ShapingError};
pub use spec::{ClientSpec, NodeSpec};
pub use stage::cancelled;
pub use waits::WaitReader;
