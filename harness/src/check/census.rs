//! What several checks count of all operations, counted once.

use crate::evidence::{Evidence, Operation};
use crate::vocab::Instant;

/// What one look at all operations tells.
#[derive(Clone, Debug, Default)]
pub(crate) struct Census {
    /// How many operations of clients each load has in the history, in the order of the plan.
    of_loads: Vec<u64>,
    /// How many operations of clients were due and never begun.
    pub(crate) never_begun: u64,
    /// When the first and the last operation of a client was meant to start, if there is any.
    pub(crate) intended: Option<(Instant, Instant)>,
    /// How many keys the final read told of.
    pub(crate) keys_read_back: u64,
}

impl Census {
    pub(crate) fn of(evidence: &Evidence) -> Self {
        let mut census = Self { of_loads: vec![0; evidence.plan.loads.len()], ..Self::default() };
        let mut read_back = None;
        for operation in &evidence.history {
            if operation.is_final_read() {
                // What holds several elements has an operation for each, one behind the other.
                let key = Some((operation.load, operation.data, operation.key));
                census.keys_read_back += u64::from(key != read_back);
                read_back = key;
            } else {
                census.add(&operation);
            }
        }
        census
    }

    fn add(&mut self, operation: &Operation) {
        if let Some(count) = self.of_loads.get_mut(usize::from(operation.load)) {
            *count += 1;
        }
        self.never_begun += u64::from(operation.never_begun());
        let (first, last) = self.intended.unwrap_or((operation.intended, operation.intended));
        self.intended = Some((first.min(operation.intended), last.max(operation.intended)));
    }

    /// How many operations of clients a load of the plan has.
    pub(crate) fn of_load(&self, load: usize) -> u64 {
        self.of_loads.get(load).copied().unwrap_or(0)
    }

    /// How many operations of clients there are.
    pub(crate) fn of_clients(&self) -> u64 {
        self.of_loads.iter().sum()
    }
}
