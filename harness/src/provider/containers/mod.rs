//! The provider that runs the servers of container images.
//!
//! A container is a host, and a server is an exec in it: each node has a container of its image that idles, and
//! `docker exec` starts the server there. So a host survives its server, with its network namespace and its data. The lab is a
//! container, too, which has the harness as its first process; all others join its PID namespace, so that the kernel ends
//! them with it, and the engine removes them then (`AutoRemove`). The engine gives them no network: the lab enters their
//! network namespaces and makes the same links as for any other hosts.

mod asked;
mod control_group;
mod engine;
mod hosts;
mod idle;
mod image;
mod image_cache;
mod inner;
mod janitor;
mod outer;
mod owner;
mod probe;
mod processes;
mod server;
mod shared_evidence;
mod unpacked;

pub(super) use hosts::raise;
pub use image::ServerImage;
pub(super) use outer::spawn;
pub(super) use probe::{check, engine};
pub use unpacked::UnpackedImage;

/// Becomes the process that makes the lab's container, if this process was started as that one. In the container, prepares this
/// process to be the lab's first. Otherwise returns at once.
pub(super) fn enter_if_asked() {
    outer::enter_if_asked();
    janitor::enter_if_asked();
    inner::prepare_if_asked();
}
