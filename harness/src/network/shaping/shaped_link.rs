//! What one directed link does to each of its packets. No I/O and no clock: time is passed in as nanoseconds.

use std::collections::VecDeque;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::packet::{Ends, PacketFacts};
use super::queue::Ticket;
use crate::vocab::{LinkShape, Percent, Rate};

/// How many packets may wait for a link with a rate; further ones are lost.
const WAITING_PACKETS: usize = 1_000;

/// What a link has done since its shape was set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkCounters {
    /// Packets that came to the link.
    pub seen: u64,
    /// Packets lost to [`LinkShape::loss`].
    pub lost: u64,
    /// Packets lost because the queue of [`LinkShape::rate`] was full.
    pub overflowed: u64,
    /// Packets that arrive twice.
    pub duplicated: u64,
    /// Packets that the next one overtook.
    pub reordered: u64,
    /// Packets that arrive with a wrong bit.
    pub corrupted: u64,
    /// Packets that arrive, at once or later, damaged or not; one that arrives twice counts once.
    pub passed: u64,
}

impl LinkCounters {
    /// What two links have done together.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            seen: self.seen + other.seen,
            lost: self.lost + other.lost,
            overflowed: self.overflowed + other.overflowed,
            duplicated: self.duplicated + other.duplicated,
            reordered: self.reordered + other.reordered,
            corrupted: self.corrupted + other.corrupted,
            passed: self.passed + other.passed,
        }
    }
}

/// What happens to a packet that is not lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    /// When it arrives, in nanoseconds.
    pub(super) due: u64,
    /// Whether it arrives twice.
    pub(super) is_duplicated: bool,
    /// Whether it bypasses the packets that wait for the link's rate, without affecting them.
    pub(super) is_beside: bool,
    /// Whether it waits for the next packet to overtake it.
    pub(super) is_held: bool,
    /// The bit to flip, counted from the packet's first.
    pub(super) wrong_bit: Option<usize>,
}

/// One directed link with a shape.
#[derive(Debug)]
pub(super) struct ShapedLink {
    shape: LinkShape,
    random: ChaCha8Rng,
    counters: LinkCounters,
    /// When the previous packet arrives.
    last_due: u64,
    /// When the previous packet has been sent completely, at the link's rate.
    free_at: u64,
    /// For each packet that waits for the link's rate, when its sending begins.
    waiting: VecDeque<u64>,
    /// The packets that wait to be overtaken, in order.
    pub(super) held: Vec<Ticket>,
}

impl ShapedLink {
    /// A link that has seen no packet yet.
    pub(super) fn new(seed: u64, (from, to): Ends, shape: LinkShape) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..12].copy_from_slice(&from.octets());
        key[12..16].copy_from_slice(&to.octets());
        Self {
            shape,
            random: ChaCha8Rng::from_seed(key),
            counters: LinkCounters::default(),
            last_due: 0,
            free_at: 0,
            waiting: VecDeque::new(),
            held: Vec::new(),
        }
    }

    /// What the link has done so far.
    pub(super) const fn counters(&self) -> LinkCounters {
        self.counters
    }

    /// Notes that a packet was overtaken.
    pub(super) const fn note_reordered(&mut self) {
        self.counters.reordered += 1;
    }

    /// Decides what happens to the next packet, which comes `now`; `None` if it is lost.
    ///
    /// A probe does not wait for the link's rate: behind a thousand packets it would arrive too late to prove anything.
    pub(super) fn decide(&mut self, now: u64, packet: PacketFacts) -> Option<Delivery> {
        let PacketFacts { length, header, is_probe } = packet;
        let is_beside = is_probe && self.shape.rate.is_some();
        let draw = PacketDraws::next(&mut self.random);
        self.counters.seen += 1;
        if hits(self.shape.loss, draw.loss) {
            self.counters.lost += 1;
            return None;
        }
        let departure = if is_beside { Some(now) } else { self.depart(now, length) };
        let Some(departure) = departure else {
            self.counters.overflowed += 1;
            return None;
        };
        let delay = vary(self.shape.delay.as_nanos(), self.shape.jitter.as_nanos(), draw.jitter);
        let due = self.in_order(departure.saturating_add(delay), is_beside);
        let is_duplicated = hits(self.shape.duplicate, draw.duplicate);
        let is_corrupted = hits(self.shape.corrupt, draw.corrupt) && length > header;
        self.counters.duplicated += u64::from(is_duplicated);
        self.counters.corrupted += u64::from(is_corrupted);
        self.counters.passed += 1;
        Some(Delivery {
            due,
            is_duplicated,
            is_beside,
            is_held: hits(self.shape.reorder, draw.reorder) && !is_beside,
            wrong_bit: is_corrupted.then(|| bit_behind(header, length, draw.bit)),
        })
    }

    /// When a packet arrives that is ready at `due`, given the packets before it.
    fn in_order(&mut self, due: u64, is_beside: bool) -> u64 {
        if is_beside {
            return due;
        }
        self.last_due = due.max(self.last_due);
        self.last_due
    }

    /// When a packet has been sent completely at the link's rate; `None` if too many wait already.
    fn depart(&mut self, now: u64, length: usize) -> Option<u64> {
        let Some(rate) = self.shape.rate else { return Some(now) };
        while self.waiting.front().is_some_and(|start| *start <= now) {
            self.waiting.pop_front();
        }
        if self.waiting.len() >= WAITING_PACKETS {
            return None;
        }
        let start = self.free_at.max(now);
        if start > now {
            self.waiting.push_back(start);
        }
        self.free_at = start.saturating_add(sending_time(length, rate));
        Some(self.free_at)
    }
}

/// The random words of one packet: always the same number, so that no packet's fate depends on another's.
struct PacketDraws {
    loss: u32,
    duplicate: u32,
    reorder: u32,
    corrupt: u32,
    bit: u32,
    jitter: u32,
}

impl PacketDraws {
    fn next(random: &mut ChaCha8Rng) -> Self {
        Self {
            loss: random.next_u32(),
            duplicate: random.next_u32(),
            reorder: random.next_u32(),
            corrupt: random.next_u32(),
            bit: random.next_u32(),
            jitter: random.next_u32(),
        }
    }
}

/// Whether a random word falls within a share. A larger share includes every word that a smaller one does.
fn hits(share: Percent, word: u32) -> bool {
    f64::from(word) < share.value() / 100.0 * (f64::from(u32::MAX) + 1.0)
}

/// A uniform choice from `0..bound`.
#[expect(clippy::cast_possible_truncation, reason = "it is less than `bound`")]
fn below(bound: u64, word: u32) -> u64 {
    ((u128::from(bound) * u128::from(word)) >> 32) as u64
}

/// A uniform choice from the bits after a packet's header.
#[expect(clippy::cast_possible_truncation, reason = "a packet has fewer than 2^32 bits")]
fn bit_behind(header: usize, length: usize, word: u32) -> usize {
    header * 8 + below((length - header) as u64 * 8, word) as usize
}

/// A uniform choice from `delay - jitter` to `delay + jitter`, in nanoseconds, but at least zero.
fn vary(delay: u64, jitter: u64, word: u32) -> u64 {
    let above_least = below(jitter.saturating_mul(2).saturating_add(1), word);
    delay.saturating_add(above_least).saturating_sub(jitter)
}

/// How long a packet occupies a link of this rate, in nanoseconds: the bits of the IP packet, without framing.
fn sending_time(length: usize, rate: Rate) -> u64 {
    length as u64 * 8 * 1_000_000_000 / rate.bits_per_second
}

#[cfg(test)]
mod tests;
