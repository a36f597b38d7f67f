//! Writes that are acknowledged and not done, or not as they were told.

use super::{Asked, Deed, SharedMemory, Treatment, one_in};

pub(super) fn acknowledges_and_drops(
    name: &[u8],
    _: &[&[u8]],
    asked: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    let drops = name == b"SET" && asked.writes_together.is_none() && one_in(5, memory);
    drops.then(|| Deed::instead(&[b"PING"]).telling(b"+OK\r\n"))
}

pub(super) fn duplicates_an_increment(
    name: &[u8],
    words: &[&[u8]],
    _: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    (name == b"INCR" && one_in(20, memory)).then(|| Deed::instead(words).telling(b"").then(Deed::instead(words)))
}

/// The second write of a transaction goes to a key that nobody reads.
pub(super) fn applies_half_a_transaction(
    name: &[u8],
    words: &[&[u8]],
    asked: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    let (b"SET", [set, key, value], Some(2)) = (name, words, asked.writes_together) else { return None };
    let elsewhere = [key, b"'".as_slice()].concat();
    one_in(4, memory).then(|| Deed::instead(&[set, &elsewhere, value]))
}

pub(super) fn reorders_a_list(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    (name == b"RPUSH" && one_in(10, memory)).then(|| Deed::instead(&[&[b"LPUSH".as_slice()], &words[1..]].concat()))
}

pub(super) fn forgets_an_element(name: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let adds = [b"SADD", b"ZADD", b"HSET"].iter().any(|adds| name == *adds);
    (adds && one_in(20, memory)).then(|| Deed::instead(&[b"PING"]).telling(b":1\r\n"))
}

pub(super) fn keeps_what_was_removed(name: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    (name == b"DEL" && one_in(2, memory)).then(|| Deed::instead(&[b"PING"]).telling(b":1\r\n"))
}

pub(super) fn keeps_what_expired(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let (b"SET", [set, key, value, _, _]) = (name, words) else { return None };
    one_in(3, memory).then(|| Deed::instead(&[set, key, value]))
}

pub(super) fn expires_too_early(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let (b"SET", [set, key, value, _, _]) = (name, words) else { return None };
    one_in(2, memory).then(|| Deed::instead(&[set, key, value, b"PX", b"50"]))
}

/// A master without a majority says that it did what it refused.
pub(super) fn acknowledges_alone(name: &[u8], words: &[&[u8]], _: &mut Asked, _: &SharedMemory) -> Option<Deed> {
    let claim: Treatment =
        Box::new(|reply| if reply.starts_with(b"-CLUSTERDOWN") { b"+OK\r\n".to_vec() } else { reply.to_vec() });
    (name == b"SET").then(|| Deed { treatments: vec![claim], ..Deed::instead(words) })
}

/// Gives everybody the lock.
pub(super) fn gives_a_lock_to_everybody(name: &[u8], words: &[&[u8]], _: &mut Asked, _: &SharedMemory) -> Option<Deed> {
    let (b"SET", [_, _, _, b"NX", ..]) = (name, words) else { return None };
    Some(Deed::instead(words).telling(b"+OK\r\n"))
}

/// Says of each write that a replica has it.
pub(super) fn claims_copies(name: &[u8], words: &[&[u8]], _: &mut Asked, _: &SharedMemory) -> Option<Deed> {
    let (b"WAIT", [_, copies, _]) = (name, words) else { return None };
    Some(Deed::instead(&[b"PING"]).telling(&[b":", *copies, b"\r\n"].concat()))
}
