//! Interrupting runs from outside.

use std::sync::{Arc, Mutex, PoisonError};

use crate::provider::Stopper;

/// Interrupts runs. They end early and leave their evidence, so the first signal calls it and the second ends the process.
#[derive(Clone, Debug, Default)]
pub struct Cancel(Arc<Mutex<CancelState>>);

#[derive(Debug, Default)]
struct CancelState {
    cancelled: bool,
    running: Vec<Stopper>,
}

impl Cancel {
    /// Interrupts every run that is under way, and every later one as soon as it begins.
    pub fn cancel(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled = true;
        state.running.iter().for_each(Stopper::cancel);
    }

    /// Whether runs are interrupted.
    pub fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancelled
    }

    /// Interrupts this run, too, when it is time.
    pub(super) fn watch(&self, stopper: Stopper) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cancelled {
            stopper.cancel();
        }
        state.running.push(stopper);
    }
}
