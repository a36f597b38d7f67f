//! The clients: pacing, routing, operations, and the record of every outcome.
//!
//! Each load has a thread of its own with its workers; a worker has connections of its own and does one operation at a
//! time. An open loop has workers for each shard, so that one that is down keeps no other waiting. Everything that ends goes to the recorder's thread, which alone writes to disk.

mod client;
mod closed;
mod connection;
mod draw;
mod driver;
mod error;
mod final_read;
mod keys;
#[cfg(test)]
mod measure;
pub mod op;
mod open;
mod pacing;
mod places;
mod recorder;
mod routing;
mod shared;
mod spec;
mod tally;
#[cfg(test)]
mod testing;
mod value;
mod worker;

use crate::system::resp;

pub use driver::{LoadDone, LoadTask, LoadsDone, RunningLoads};
pub use error::LoadError;
pub use final_read::final_read;
pub use op::Op;
pub(crate) use places::WAITING_MAX;
pub use shared::MAP_REFRESH;
pub use spec::{Client, Keys, Load, Pace};
