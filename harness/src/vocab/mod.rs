//! The words that every module shares: names, addresses, ownership, roles, instants, and what machines lack. No I/O.

mod arrival_trace;
mod arrivals;
mod duration;
mod host;
mod link;
mod machine;
mod ownership;
mod quantity;
mod role;
mod server_version;
mod shape;
mod stair_limit;
mod system_ability;
mod tls;
mod with_unit;

pub use arrival_trace::ArrivalTrace;
pub use arrivals::{Arrivals, RateStage};
pub use duration::{Duration, Instant};
pub use host::{
    Address, BUS_PORT_OFFSET, NodeId, NodeName, PLAIN_PORT, SENTINEL_PORT, SERVER_PORT, ServerPort, shard_letters,
};
pub use link::{CutBy, HostName, Link};
pub use machine::{Assessment, Capability, Missing, Remedy, SettingAudit};
pub use ownership::{OwnedRange, Ownership, Position};
pub use quantity::{Percent, Size, rank};
pub use role::Role;
pub use server_version::{Product, ServerVersion};
pub use shape::{LinkShape, Rate};
pub use stair_limit::StairLimit;
pub use system_ability::SystemAbility;
pub use tls::Tls;
