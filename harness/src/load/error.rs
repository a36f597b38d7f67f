//! Why a load could not do its work.

use std::io;

/// Why loads could not be started, or what they left cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The load asks for something that means nothing; a plan's validation should have said so.
    #[error("the load `{load}` cannot run: {reason}")]
    Meaningless {
        /// The load's name.
        load: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A thread, a runtime or a timer could not be had.
    #[error("the load `{load}` cannot run: {source}")]
    Resources {
        /// The load's name.
        load: String,
        /// Why.
        source: io::Error,
    },
    /// Not every key could be written before the timeline began.
    #[error("the keys of load `{load}` could not be preloaded: {reason}")]
    NotPreloaded {
        /// The load's name.
        load: String,
        /// What a node did instead.
        reason: String,
    },
    /// The history could not be written: nothing can be judged from it.
    #[error("the history of operations could not be written: {0}")]
    History(#[from] io::Error),
    /// The disk was too slow for the load: operations are missing in the history.
    #[error("the load `{load}` was faster than its history could be written")]
    Overrun {
        /// The load's name.
        load: String,
    },
    /// A load's thread panicked: its operations are missing in the history.
    #[error("the load `{load}` broke down: this is a defect of the harness")]
    BrokeDown {
        /// The load's name.
        load: String,
    },
    /// A load is told something while it does not run.
    #[error("the load `{load}` {reason}")]
    NotRunning {
        /// The load's name.
        load: String,
        /// Why it cannot do as it is told.
        reason: &'static str,
    },
    /// A load did not end within its deadline and a margin.
    #[error("the load `{load}` did not stop: this is a defect of the harness, or the machine is starved")]
    Stuck {
        /// The load's name.
        load: String,
    },
}
