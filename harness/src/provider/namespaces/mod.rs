//! Hosts and processes that exist for one run, in namespaces of the kernel.
//!
//! A run starts its own binary again inside new namespaces ([`Sandbox`], [`enter_if_asked`]). In there, a [`NamespaceProvider`]
//! raises one host for each node and each client, and runs real servers on them. When the lab's first process ends,
//! however it ends, the kernel ends every server and removes every interface.

mod audit;
mod missing;
mod probe;
mod process;
mod provider;
mod readings;
mod reaper;
mod reexec;
mod sandbox;
mod tun_probe;
mod user;
mod waits;

pub use audit::audit;
pub(super) use probe::{probe, probe_shaping};
pub(super) use provider::NamespaceProvider;
pub use reexec::cancelled;
pub use sandbox::{Sandbox, SandboxError, Stopper, enter_if_asked};
