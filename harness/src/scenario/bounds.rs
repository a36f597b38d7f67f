//! How large a scenario may be. Messages name these bounds before a value is known, and the plan holds them.

/// The most nodes: each is a process and a network namespace.
pub const NODES_MAX: u32 = 200;
/// The most masters.
pub const MASTERS_MAX: u16 = 100;
/// The most workers of a load: each has a connection to every node.
pub const WORKERS_MAX: u16 = 1_000;
/// The most workers of an open load on all shards together: each has a connection at least.
pub const WORKERS_OF_ALL_SHARDS_MAX: u32 = 10_000;
/// The most idle connections of a load: they come from one host.
pub const IDLE_MAX: u32 = 20_000;
/// The most subscribers of a load: each may have a connection to every master.
pub const SUBSCRIBERS_MAX: u16 = 100;
/// The most subscriptions of a load, each of one subscriber to one channel.
pub const SUBSCRIPTIONS_MAX: u32 = 1_000_000;
/// The most keys of a load. Each key that is written is read back at the end of the run.
pub const KEYS_MAX: u32 = 10_000_000;
/// The most entries of a mix that a worker sends together.
pub const PIPELINE_MAX: u16 = 1_000;
