//! What a run leaves behind: events, topology, the history of operations, and the directory that holds them.
//!
//! Everything here is written while the run goes on and read back to judge it; nothing here decides.

mod agreement;
mod connection_totals;
mod data_type;
mod effect;
mod elements;
mod event;
mod failover_phase;
mod heard;
mod history;
mod idle_totals;
mod journal;
mod key_lists;
mod key_names;
mod log_event;
mod machine;
mod network;
mod operation;
mod read;
mod recorded_plan;
mod recorded_snapshot;
mod replication;
mod run_directory;
mod run_info;
mod sample;
mod seal;
#[cfg(test)]
pub(crate) mod testing;
mod topology;
mod varint;

pub use agreement::{Agreement, Settlement, Side};
pub use connection_totals::ConnectionTotals;
pub use data_type::DataType;
pub use effect::{DataEffect, Effect, MembershipEffect};
pub use elements::{ELEMENTS_MAGIC, ElementsWriter, ReadElements};
pub use event::{Event, EventKind, ExitCause, LoadTotals, Progress, UNSCANNED_NAMED_MAX};
pub use failover_phase::FailoverPhase;
pub use heard::{Heard, HeardKind, HeardWriter, read_heard};
pub use history::{HISTORY_MAGIC, History, HistoryReader, HistoryWriter, KeyRecord, Operations, RecordPlace};
pub use idle_totals::{IdleOutage, IdleTotals};
pub use journal::{Clock, Journal, Recorder};
pub use key_lists::{KEY_LISTS_MAGIC, KeyList, KeyLists, KeyListsWriter};
pub use key_names::KeyNames;
pub use log_event::{LogEvent, LogRecord, LoggedInstant};
pub use machine::{MachineSample, Waits};
pub use network::{LinkChange, LinksPart, LinksText, NetworkChange, Reach};
pub use operation::{
    ErrorKind, LoadIndex, MIX_ENTRIES_MAX, NO_WORKER, OPENING_BALANCE, Operation, OperationEffect, OperationSource,
    Outcome, Value,
};
pub use read::{Evidence, EvidenceError};
pub use recorded_plan::{
    Location, RecordedDemand, RecordedLoad, RecordedNode, RecordedOperation, RecordedPlan, RecordedSlo, RecordedStep,
    RecordedSystem,
};
pub use recorded_snapshot::{News, RecordedSnapshot};
pub use replication::ReplicationRecord;
pub use run_directory::RunDirectory;
pub use run_info::{RunInfo, ServerInfo};
pub use sample::{Figure, Figures, ResourceSample, SampleWriter};
pub use seal::seal;
pub use topology::{ClusterState, Health, Member, NodeStatus, NodeView, Place, Topology, TopologyRecord};
