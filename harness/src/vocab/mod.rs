//! The words every room shares: names, addresses, ownership, roles, targets, instants, and what machines lack. No I/O.

mod duration;
mod host;
mod link;
mod links;
mod machine;
mod ownership;
mod quantity;
mod role;
mod shape;
mod target;

pub use duration::{Duration, Instant};
pub use host::{Address, BUS_PORT_OFFSET, NodeId, NodeName, SERVER_PORT, shard_letters};
pub use link::{CutBy, HostName, Link};
pub use links::{Isolated, Links, Sides};
pub use machine::{Assessment, Capability, Finding, Missing, Remedy};
pub use ownership::{OwnedRange, Ownership, Position};
pub use quantity::{Percent, Size};
pub use role::Role;
pub use shape::{Rate, Shape};
pub use target::{Selector, Slot, Target};
