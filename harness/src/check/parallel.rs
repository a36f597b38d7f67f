//! Several things judged at the same time.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

/// Threads that judge. A long run's times are large, and each thread holds some of them.
const THREADS_MAX: usize = 2;

/// What comes of each job, in the order of the jobs.
pub(crate) fn in_parallel<J: Sync, T: Send>(jobs: &[J], work: impl Fn(&J) -> T + Sync) -> Vec<T> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(jobs.len())));
    let work_on = || {
        while let Some((nth, job)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|nth| Some((nth, jobs.get(nth)?)))
        {
            let result = work(job);
            done.lock().unwrap_or_else(PoisonError::into_inner).push((nth, result));
        }
    };
    thread::scope(|scope| {
        (1..THREADS_MAX.min(jobs.len())).for_each(|_| drop(scope.spawn(work_on)));
        work_on();
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(nth, _)| *nth);
    done.into_iter().map(|(_, result)| result).collect()
}

/// What comes of two things that are done at the same time.
pub(crate) fn both<T: Send, U>(one: impl FnOnce() -> T + Send, other: impl FnOnce() -> U) -> (T, U) {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        (one.join().unwrap_or_else(|panic| resume_unwind(panic)), other)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_keep_the_order_of_the_jobs() {
        let jobs: Vec<_> = (0..50).collect();
        assert_eq!(in_parallel(&jobs, |job| job * 2), (0..50).map(|job| job * 2).collect::<Vec<_>>());
        assert!(in_parallel(&[], |job: &u8| *job).is_empty());
    }
}
