//! The scenario file as written: its types and its vocabulary.

mod bounds;
mod vocabulary;
mod written;

pub use bounds::{
    IDLE_MAX, KEYS_MAX, MASTERS_MAX, NODES_MAX, PIPELINE_MAX, SUBSCRIBERS_MAX, SUBSCRIPTIONS_MAX, WORKERS_MAX,
    WORKERS_OF_ALL_SHARDS_MAX,
};
pub use vocabulary::ScenarioVocabulary;
pub use written::{NodeServer, Scenario, Server};
