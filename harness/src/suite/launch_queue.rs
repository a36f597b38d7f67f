//! The order in which trials get their share of the machine, whatever order their threads happen to come in.

use std::collections::BTreeSet;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets trials ask for the machine one after the other, the foremost first.
#[derive(Debug, Default)]
pub(super) struct LaunchQueue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    waiting: BTreeSet<usize>,
}

/// The right to ask for the machine. Dropping it passes it on.
#[derive(Debug)]
pub(super) struct Permit<'a>(&'a LaunchQueue);

impl LaunchQueue {
    /// Waits until nobody has the permit and no trial with a lower `place` waits for it.
    pub(super) fn wait(&self, place: usize) -> Permit<'_> {
        let mut state = self.state();
        state.waiting.insert(place);
        let not_yet = |state: &mut State| state.is_taken || state.waiting.first() != Some(&place);
        let mut state = self.changed.wait_while(state, not_yet).unwrap_or_else(PoisonError::into_inner);
        state.waiting.remove(&place);
        state.is_taken = true;
        Permit(self)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.0.state().is_taken = false;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    use super::*;

    /// Those that came while another one had the permit get it in the order of their places.
    #[test]
    fn the_foremost_goes_first() {
        let queue = LaunchQueue::default();
        let (sender, order) = mpsc::channel();
        thread::scope(|scope| {
            let first = queue.wait(9);
            for place in [3, 1, 2] {
                let (queue, sender) = (&queue, sender.clone());
                scope.spawn(move || {
                    let _permit = queue.wait(place);
                    sender.send(place).expect("somebody listens");
                });
            }
            let deadline = Instant::now() + Duration::from_secs(20);
            while queue.state().waiting.len() < 3 {
                assert!(Instant::now() < deadline, "only {:?} wait", queue.state());
                thread::yield_now();
            }
            drop(first);
        });
        drop(sender);
        assert_eq!(order.iter().collect::<Vec<_>>(), [1, 2, 3]);
    }
}
