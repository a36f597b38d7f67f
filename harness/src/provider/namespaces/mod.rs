//! The provider that makes hosts out of kernel namespaces and runs plain processes on them.
//!
//! A run starts its own binary again inside new namespaces ([`Sandbox`], [`enter_if_asked`]); that process and all it
//! contains is the lab. In there, a [`NamespaceProvider`] makes one host for each node and for each group of clients,
//! and runs real servers on them. When the lab's first process ends, for whatever reason, the kernel ends every server
//! and removes every interface.

mod audit;
mod disk;
mod disk_probe;
mod missing;
mod probe;
mod process;
mod program;
mod provider;
mod readings;
mod reaper;
mod reexec;
mod sandbox;
mod tried;
mod tun_probe;
mod usage;
mod user;
mod waits;

pub use audit::audit;
pub(super) use probe::{probe, probe_caching_disks, probe_open_files, probe_shaping};
pub(super) use provider::NamespaceProvider;
pub use reexec::cancelled;
pub use sandbox::{Sandbox, SandboxError, Stopper, enter_if_asked};
