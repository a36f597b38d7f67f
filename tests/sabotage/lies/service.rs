//! Answers that come late or not at all.

use std::thread;
use std::time::{Duration, Instant};

use super::{Asked, Deed, SharedMemory, Treatment, lock, one_in};

/// One read in twelve takes seconds, as long as the load goes on.
pub(super) fn answers_slowly(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let late: Treatment = Box::new(|value| {
        thread::sleep(Duration::from_millis(2_500));
        value.to_vec()
    });
    let lies = name == b"GET" && one_in(12, memory) && lock(memory).chances <= 600;
    lies.then(|| Deed { treatments: vec![late], ..Deed::instead(words) })
}

/// Nobody is answered for a while.
pub(super) fn stands_still(_: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let mut memory = lock(memory);
    memory.chances += 1;
    if memory.chances == 3_000 {
        thread::sleep(Duration::from_millis(1_500));
    }
    None
}

pub(super) fn refuses_now_and_then(name: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    (name == b"GET" && one_in(50, memory)).then(|| Deed::instead(&[b"PING"]).telling(b"-ERR not now\r\n"))
}

/// Refuses writes for some time after the first.
pub(super) fn serves_late(name: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let is_early = || lock(memory).first_write.get_or_insert_with(Instant::now).elapsed() < Duration::from_secs(6);
    (name == b"SET" && is_early()).then(|| Deed::instead(&[b"PING"]).telling(b"-CLUSTERDOWN not yet\r\n"))
}
