//! Messages that do not come to a subscriber as they were published.

use std::thread;
use std::time::Duration;

use super::{SharedMemory, lock, one_in};

fn is_message(words: &[&[u8]]) -> bool {
    words.first().is_some_and(|kind| kind.ends_with(b"message"))
}

pub(super) fn loses_a_message(words: &[&[u8]], written: &[u8], memory: &SharedMemory) -> Vec<u8> {
    if is_message(words) && one_in(50, memory) { Vec::new() } else { written.to_vec() }
}

pub(super) fn repeats_a_message(words: &[&[u8]], written: &[u8], memory: &SharedMemory) -> Vec<u8> {
    written.repeat(if is_message(words) && one_in(50, memory) { 2 } else { 1 })
}

/// One message is held back, and so are all that follow it.
pub(super) fn delays_messages(words: &[&[u8]], written: &[u8], memory: &SharedMemory) -> Vec<u8> {
    if is_message(words) && one_in(100, memory) && lock(memory).chances == 100 {
        thread::sleep(Duration::from_millis(2_500));
    }
    written.to_vec()
}
