//! The clients: pacing, routing, operations, and the record of every outcome.
//!
//! Each load has threads of its own with its workers, one if it does not say. A worker does one batch of operations at a time: a
//! pipeline, or a single one. It has connections of its own, or shares those of its thread. An open loop has workers for each shard,
//! so that a shard that is down delays no other. All that ends goes to the recorder's thread, the only one that writes to disk.

mod behaviour;
mod client;
mod climb;
mod closed;
mod connection;
mod connection_counts;
mod connections;
mod contents;
mod counters;
mod crowd;
mod dialer;
mod draw;
mod driver;
mod end;
mod error;
mod exchange;
mod final_read;
mod hello;
mod iteration;
mod key_lists;
mod key_places;
mod key_space;
pub mod keys;
mod listeners;
pub mod op;
mod open;
mod orders;
pub mod pace;
mod pacing;
mod parts;
mod pipeline;
mod preload;
mod recorder;
mod rest;
mod routing;
mod shared;
mod spec;
mod subscribers;
mod task;
#[cfg(test)]
mod testing;
mod transport;
mod value;
mod value_size;
mod worker;
mod worker_pool;

use crate::system::resp;

pub use behaviour::{Client, Protocol, Refresh, preset};
pub(crate) use closed::shard_keys;
pub use connections::Connections;
pub use driver::{LoadDone, LoadsDone, RunningLoads};
pub use end::LoadEnd;
pub use error::LoadError;
pub use final_read::final_read;
pub use key_lists::list_keys;
pub(crate) use key_space::KeySpace;
pub use keys::Keys;
pub use op::Op;
pub use pace::LoadPace;
pub(crate) use pace::trace_arrivals;
pub use preload::preload;
pub use rest::LoadRest;
pub use shared::MAP_REFRESH;
pub use spec::Load;
pub use task::LoadTask;
pub use value_size::{SizeRange, ValueSize, WeightedSize};
pub(crate) use worker_pool::{Shards, WAITING_MAX};
