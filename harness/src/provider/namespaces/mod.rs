//! Hosts and processes that exist for one run, in namespaces of the kernel.
//!
//! A run starts its own binary again inside new namespaces ([`Sandbox`], [`enter_if_asked`]). In there, a [`Lab`]
//! raises one host for each node and each client, and runs real servers on them. When the lab's first process ends,
//! however it ends, the kernel ends every server and removes every interface.

mod audit;
mod lab;
mod missing;
mod node;
mod probe;
mod readings;
mod reaper;
mod sandbox;
mod stage;
mod tun_probe;
mod user;
mod waits;

pub use audit::audit;
pub(super) use lab::Lab;
pub(super) use probe::{probe, probe_shaping};
pub use sandbox::{Sandbox, SandboxError, Stopper, enter_if_asked};
pub use stage::cancelled;
