//! The provider that makes hosts out of kernel namespaces and runs plain processes on them.
//!
//! A run starts its own binary again inside new namespaces ([`Sandbox`], [`super::enter_if_asked`]); that process and all it
//! contains is the lab. In there, [`raise`] makes one host for each node and for each group of clients, and real servers
//! run on them as its children. When the lab's first process ends, for whatever reason, the kernel ends every server
//! and removes every interface.

mod audit;
mod disk_probe;
mod hosts;
mod image_root;
mod missing;
mod probe;
mod programs;
mod readings;
mod reexec;
mod sandbox;
mod stage;
mod tried;
mod tun_probe;
mod user;

pub use audit::audit;
pub(super) use hosts::raise;
pub(super) use probe::{check, try_in_sandbox, within_limit};
pub(super) use reexec::Greeting;
pub use reexec::cancelled;
pub(super) use sandbox::{Outer, enter_if_asked};
pub use sandbox::{Sandbox, SandboxError, Stopper};
pub(super) use stage::{INNER, OWN_PROGRAM, PARENT, STAGE};
pub(super) use tried::Tried;
