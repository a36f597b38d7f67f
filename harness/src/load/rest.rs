//! Whether the threads that run loads have any rest.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::runtime::Builder;

/// A thread that rests for less of the time than this, in percent, has too much to do.
const REST_PERCENT_MIN: u64 = 10;

/// How long the threads of a run's loads had nothing to do but to wait: for replies, or for the next operation to be due.
///
/// The kernel does not tell. It has a thread at work nearly all the time that wakes for each of 100,000 operations a second, though
/// that does them as soon as they are due.
#[derive(Clone, Debug, Default)]
pub struct LoadRest(Arc<Mutex<Vec<Arc<ThreadRest>>>>);

/// One thread's.
#[derive(Debug)]
struct ThreadRest {
    origin: Instant,
    /// All rests that are over.
    rested_nanos: AtomicU64,
    /// When the rest began that it has; 0 while it works.
    since_nanos: AtomicU64,
    /// What it had had when it was asked last.
    told_nanos: AtomicU64,
}

impl LoadRest {
    /// Has the runtime of another thread take note of its rests. It has one until it begins.
    pub(crate) fn watch(&self, runtime: &mut Builder) {
        let rest = Arc::new(ThreadRest {
            origin: Instant::now(),
            rested_nanos: AtomicU64::new(0),
            since_nanos: AtomicU64::new(1),
            told_nanos: AtomicU64::new(0),
        });
        let (begins, ends) = (Arc::clone(&rest), Arc::clone(&rest));
        runtime.on_thread_park(move || begins.begin()).on_thread_unpark(move || ends.end());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(rest);
    }

    /// For how long a thread had too much to do, of the time that passed since this was asked last: all of it, or nothing.
    pub(crate) fn overload_nanos(&self, passed_nanos: u64) -> u64 {
        let mut threads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The runtime of one that has ended is gone.
        threads.retain(|thread| Arc::strong_count(thread) > 1);
        let least = threads.iter().map(|thread| thread.since_told_nanos()).min();
        let has_too_much = least.is_some_and(|rested| rested < passed_nanos / 100 * REST_PERCENT_MIN);
        if has_too_much { passed_nanos } else { 0 }
    }
}

/// Only the thread itself begins and ends its rests.
impl ThreadRest {
    fn now_nanos(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1)
    }

    fn begin(&self) {
        self.since_nanos.store(self.now_nanos(), Ordering::Relaxed);
    }

    fn end(&self) {
        let since = self.since_nanos.swap(0, Ordering::Relaxed);
        if since > 0 {
            self.rested_nanos.fetch_add(self.now_nanos().saturating_sub(since), Ordering::Relaxed);
        }
    }

    fn since_told_nanos(&self) -> u64 {
        let current = match self.since_nanos.load(Ordering::Relaxed) {
            0 => 0,
            since => self.now_nanos().saturating_sub(since),
        };
        let all = self.rested_nanos.load(Ordering::Relaxed) + current;
        all.saturating_sub(self.told_nanos.swap(all, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A thread that sleeps or works for 50 ms.
    #[rstest::rstest]
    #[case::sleeps(true)]
    #[case::works(false)]
    fn a_thread_without_rest_has_too_much_to_do(#[case] sleeps: bool) {
        let (rest, mut builder) = (LoadRest::default(), Builder::new_current_thread());
        rest.watch(builder.enable_all());
        let runtime = builder.build().unwrap();
        drop(builder);
        assert_eq!(rest.overload_nanos(1), 0, "what has not begun rests");
        let (began, length) = (Instant::now(), Duration::from_millis(50));
        runtime.block_on(async {
            tokio::time::sleep(Duration::from_millis(1)).await;
            rest.overload_nanos(1);
            if sleeps {
                tokio::time::sleep(length).await;
            }
            while began.elapsed() < length {}
        });
        let overload = rest.overload_nanos(50_000_000);
        assert_eq!(overload, if sleeps { 0 } else { 50_000_000 });
        drop(runtime);
        assert_eq!(rest.overload_nanos(50_000_000), 0, "it is gone");
    }
}
