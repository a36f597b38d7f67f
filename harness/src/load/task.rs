//! What a load needs to start.

use std::sync::Arc;

use super::{Load, LoadRest};
use crate::evidence::LoadIndex;
use crate::network::ClientHost;
use crate::system::{System, TlsClient};
use crate::vocab::{Address, Ownership};

/// A load to start.
#[derive(Clone, Debug)]
pub struct LoadTask {
    /// The load's position in the scenario, from 0; at most 255, so that values stay unique.
    pub index: LoadIndex,
    /// What it is to do.
    pub load: Load,
    /// Where its sockets are made.
    pub host: ClientHost,
    /// Where its subscribers' sockets are made.
    pub subscribers_host: ClientHost,
    /// The system that it drives.
    pub system: Arc<dyn System>,
    /// Each node of that by its index in the plan, where its clients reach it: they may ask any of them who owns what.
    pub seeds: Vec<(u16, Address)>,
    /// What each shard of the plan is made of: what one master owns at the start. Nothing, if it is another system's.
    pub shards: Vec<Ownership>,
    /// The run's seed.
    pub seed: u64,
    /// Whether it begins when it is told to; else it begins at once.
    pub waits: bool,
    /// How its clients speak TLS; plain TCP if none.
    pub tls: Option<TlsClient>,
    /// Where it is noted how long its threads rest.
    pub rest: LoadRest,
}
