//! Lies about what is made of several things: sets, lists, counters and accounts.

use harness::system::resp::{Reply, push_array, push_bulk};

use super::{Asked, Deed, SharedMemory, Treatment, one_in};

/// The last member of a set is not among those that are read.
pub(super) fn leaves_an_element_out(
    name: &[u8],
    words: &[&[u8]],
    _: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    (name == b"SMEMBERS" && one_in(5, memory)).then(|| retold(words, |elements| drop(elements.pop())))
}

pub(super) fn reads_a_list_backwards(
    name: &[u8],
    words: &[&[u8]],
    _: &mut Asked,
    memory: &SharedMemory,
) -> Option<Deed> {
    (name == b"LRANGE" && one_in(5, memory)).then(|| retold(words, |elements| elements.reverse()))
}

/// One less than there is.
pub(super) fn reads_a_counter_back(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let lower: Treatment = Box::new(|written| {
        let number = match Reply::parse(written) {
            Ok(Some((Reply::Bulk(digits), _))) => {
                std::str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok())
            }
            _ => None,
        };
        let Some(number @ 1_u32..) = number else { return written.to_vec() };
        let mut told = Vec::new();
        push_bulk(&mut told, (number - 1).to_string().as_bytes());
        told
    });
    let is_counter = matches!((name, words), (b"GET", [_, key]) if key.starts_with(b"app:counter:"));
    (is_counter && one_in(5, memory)).then(|| Deed { treatments: vec![lower], ..Deed::instead(words) })
}

/// What is taken from one account is given to one that nobody reads.
pub(super) fn transfers_a_half(name: &[u8], words: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    let (b"INCRBY", [increases, account, amount]) = (name, words) else { return None };
    let elsewhere = [account, b"'".as_slice()].concat();
    one_in(4, memory).then(|| Deed::instead(&[increases, &elsewhere, amount]))
}

/// The same command, of whose reply's elements the client is told what `change` makes of them.
fn retold(words: &[&[u8]], change: fn(&mut Vec<Reply<'_>>)) -> Deed {
    let retell: Treatment = Box::new(move |written| {
        let Ok(Some((Reply::Array(mut elements), _))) = Reply::parse(written) else { return written.to_vec() };
        change(&mut elements);
        let mut told = Vec::new();
        push_array(&mut told, elements.len());
        for element in &elements {
            let Reply::Bulk(element) = element else { continue };
            push_bulk(&mut told, element);
        }
        told
    });
    Deed { treatments: vec![retell], ..Deed::instead(words) }
}
