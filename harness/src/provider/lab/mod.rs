//! What is the same in every lab, whoever makes its hosts and starts its servers: nodes with their disks, logs and states, the
//! programs of scenarios, and what is read of the kernel meanwhile.

mod as_root;
mod disk;
mod hosts;
mod node;
mod program;
mod provider;
mod reaper;
mod usage;
mod waits;

pub(super) use as_root::{AsRoot, file_user};
pub(super) use disk::{CachingDisk, Disk, MountError, mount_memory};
pub(super) use hosts::{NodeHosts, OnExit, ServerProcess};
pub(super) use node::NewNode;
pub(super) use provider::{Lab, raise_file_limit};
pub(super) use reaper::{ChildServer, pid_of, reap_orphans};
