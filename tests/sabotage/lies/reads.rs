//! Reads that return something else than what is there.

use std::sync::Arc;

use harness::system::resp::{Reply, push_array, push_bulk};

use super::{Asked, Deed, SharedMemory, Treatment, lock, one_in};

/// Now and then returns what the first read of the key had found.
pub(super) fn serves_stale_reads(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let (b"GET", [_, key]) = (name, words) else { return None };
    let lies = one_in(5, memory);
    if let Some(first) = lock(memory).first_values.get(*key) {
        return lies.then(|| Deed::instead(words).telling(first));
    }
    let (key, memory) = (key.to_vec(), Arc::clone(memory));
    let remember: Treatment = Box::new(move |value| {
        lock(&memory).first_values.insert(key, value.to_vec());
        value.to_vec()
    });
    Some(Deed { treatments: vec![remember], ..Deed::instead(words) })
}

pub(super) fn answers_another_keys_value(
    name: &[u8],
    words: &[&[u8]],
    _: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    let (b"GET", [_, key]) = (name, words) else { return None };
    let last = std::mem::replace(&mut lock(memory).last_key, key.to_vec());
    (!last.is_empty() && last != *key && one_in(5, memory)).then(|| Deed::instead(&[b"GET", &last]))
}

pub(super) fn garbles_a_value(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let garble: Treatment = Box::new(|value| {
        let mut value = value.to_vec();
        if let [b'$', _, _, .., last, b'\r', b'\n'] = &mut value[..] {
            *last ^= 1;
        }
        value
    });
    (name == b"GET" && one_in(5, memory)).then(|| Deed { treatments: vec![garble], ..Deed::instead(words) })
}

pub(super) fn leaves_keys_out_of_scans(
    name: &[u8],
    words: &[&[u8]],
    _: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    let shorten: Treatment = Box::new(|page| {
        let Ok(Some((Reply::Array(page), _))) = Reply::parse(page) else { return page.to_vec() };
        let [Reply::Bulk(cursor), Reply::Array(keys)] = &page[..] else { return Vec::new() };
        let mut shorter = Vec::new();
        push_array(&mut shorter, 2);
        push_bulk(&mut shorter, cursor);
        push_array(&mut shorter, keys.len().saturating_sub(1));
        for key in keys.iter().skip(1) {
            let Reply::Bulk(key) = key else { continue };
            push_bulk(&mut shorter, key);
        }
        shorter
    });
    (name == b"SCAN" && one_in(5, memory)).then(|| Deed { treatments: vec![shorten], ..Deed::instead(words) })
}
