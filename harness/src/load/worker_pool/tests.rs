use std::rc::Rc;
use std::sync::Arc;

use super::*;
use crate::load::draw::RandomChoices;
use crate::load::key_places::KeyPlaces;
use crate::load::key_space::KeySpace;
use crate::load::op::MixEntry;
use crate::load::testing::{CLUSTER, load};
use crate::system::cluster::share;

/// A start that is due at this many nanoseconds: a write of the key, or a read.
fn start(at: u64, key: u32, writes: bool) -> DueEntry {
    let mix = if writes { r#"Set(value: "16B")"# } else { "Get()" };
    let load = load("app", &format!("mix: [{mix}], keys: Uniform(1), pace: Open(per_second: 1)"));
    let mut choice =
        RandomChoices::new((1, 0, 0), &Rc::new(KeyPlaces::new(KeySpace::of(&load, &CLUSTER), Arc::new(CLUSTER))), None)
            .choice(&MixEntry::of(&load.mix))
            .unwrap();
    choice.take(key);
    DueEntry { intended: Instant(at), choice }
}

fn write(at: u64, key: u32) -> DueEntry {
    start(at, key, true)
}

fn pool(workers_max: u16) -> WorkerPool<char> {
    WorkerPool::new(2, workers_max, 100)
}

fn at(nanos: u64) -> Instant {
    Instant(nanos)
}

#[test]
fn workers_are_made_when_they_are_needed_and_no_more_than_allowed() {
    let mut pool = pool(2);
    let [a, b, c] = [write(10, 1), write(20, 2), write(30, 3)];
    assert_eq!(pool.assign(0, a), Assignment::New((a, at(10))));
    assert_eq!(pool.assign(0, b), Assignment::New((b, at(20))));
    assert_eq!(pool.assign(0, c), Assignment::Waits);
    // Who ends something goes on with what has waited longest, which was ready then.
    assert_eq!(pool.next(0, &[a], at(50), 1), [(c, at(50))]);
    assert_eq!(pool.next(0, &[b], at(60), 1), []);
    pool.add_free(0, 'b', at(60));
    let d = write(70, 4);
    assert_eq!(pool.assign(0, d), Assignment::Free('b', (d, at(70))));
}

#[test]
fn a_shard_that_is_full_keeps_no_other_waiting() {
    let mut pool = pool(1);
    let [dead, waits, healthy] = [write(10, 1), write(20, 2), write(30, 3)];
    assert_eq!(pool.assign(0, dead), Assignment::New((dead, at(10))));
    assert_eq!(pool.assign(0, waits), Assignment::Waits);
    assert_eq!(pool.assign(1, healthy), Assignment::New((healthy, at(30))));
}

/// A driver that comes late to a start is not made good by a worker that was free all the time.
#[test]
fn a_start_is_ready_since_a_worker_was_free() {
    let mut pool = pool(2);
    let [a, b] = [write(10, 1), write(10, 2)];
    pool.assign(0, a);
    pool.assign(0, b);
    for (done, worker, ended) in [(a, 'a', 40), (b, 'b', 60)] {
        assert_eq!(pool.next(0, &[done], at(ended), 1), []);
        pool.add_free(0, worker, at(ended));
    }
    let late = [write(20, 3), write(30, 4), write(50, 5)];
    assert_eq!(pool.assign(0, late[0]), Assignment::Free('a', (late[0], at(40))));
    assert_eq!(pool.assign(0, late[1]), Assignment::Free('b', (late[1], at(60))));
    assert_eq!(pool.assign(0, late[2]), Assignment::Waits);
}

#[test]
fn writes_of_a_key_follow_one_another() {
    let mut pool = pool(9);
    let [first, second, third, other] = [write(10, 1), write(20, 1), write(30, 1), write(40, 2)];
    let read = start(35, 1, false);
    assert_eq!(pool.assign(0, first), Assignment::New((first, at(10))));
    assert_eq!([pool.assign(0, second), pool.assign(0, third)], [Assignment::Waits, Assignment::Waits]);
    assert_eq!(pool.assign(0, read), Assignment::New((read, at(35))), "a read may come between");
    assert_eq!(pool.assign(0, other), Assignment::New((other, at(40))), "no worker waits for a turn");
    assert_eq!(pool.next(0, &[read], at(45), 1), []);
    assert_eq!(pool.next(0, &[first], at(50), 1), [(second, at(50))]);
    assert_eq!(pool.next(0, &[second], at(60), 1), [(third, at(60))]);
    assert_eq!(pool.next(0, &[third], at(70), 1), []);
    assert_eq!(pool.assign(0, write(80, 1)), Assignment::New((write(80, 1), at(80))));
}

#[test]
fn a_write_that_waited_for_a_worker_still_waits_for_its_turn() {
    let mut pool = pool(2);
    let [slow, quick, again, next] = [write(10, 1), write(20, 2), write(30, 1), write(40, 3)];
    pool.assign(0, slow);
    pool.assign(0, quick);
    assert_eq!([pool.assign(0, again), pool.assign(0, next)], [Assignment::Waits, Assignment::Waits]);
    assert_eq!(pool.next(0, &[quick], at(50), 1), [(next, at(50))]);
    assert_eq!(pool.next(0, &[slow], at(60), 1), [(again, at(60))]);
    assert_eq!(pool.take_waiting(), []);
}

#[test]
fn what_is_left_is_told_in_the_order_in_which_it_was_due() {
    let mut pool = pool(1);
    pool.assign(0, write(10, 1));
    pool.assign(1, write(11, 2));
    let [a, b, c] = [write(20, 1), write(30, 2), write(40, 3)];
    for (shard, start) in [(1, b), (0, a), (0, c)] {
        assert_eq!(pool.assign(shard, start), Assignment::Waits);
    }
    assert_eq!(pool.take_waiting(), [a, b, c]);
    assert_eq!(pool.take_waiting(), []);
}

#[test]
fn no_more_wait_than_can_be_remembered() {
    let mut pool = WorkerPool { waiting_max: 2, ..pool(1) };
    let first = write(10, 1);
    pool.assign(0, first);
    let waits: Vec<_> = (2..=4).map(|key| pool.assign(0, write(20, key))).collect();
    assert_eq!(waits, [Assignment::Waits, Assignment::Waits, Assignment::Dropped]);
    assert_eq!(pool.next(0, &[first], at(30), 1), [(write(20, 2), at(30))]);
    assert_eq!(pool.assign(0, write(40, 5)), Assignment::Waits);
}

#[test]
fn every_position_is_of_one_shard() {
    let shards = Shards::new(&[share(0, 2), share(1, 2)]);
    assert_eq!(shards.count(), 3);
    let of = |number: u16| shards.of(Position(number));
    assert_eq!([of(0), of(8_191), of(8_192), of(16_383)], [1, 1, 2, 2]);
    assert_eq!(Shards::new(&[]).of(Position(7)), 0);
}

#[test]
fn what_has_waited_is_sent_together() {
    let mut pool = pool(1);
    let [first, same, other, again, read] =
        [write(10, 1), write(20, 1), write(30, 2), write(40, 2), start(50, 2, false)];
    assert_eq!(pool.assign(0, first), Assignment::New((first, at(10))));
    for start in [same, other, again, read] {
        assert_eq!(pool.assign(0, start), Assignment::Waits);
    }
    // The second write of a key has to wait for the first; who reads it does not.
    assert_eq!(pool.next(0, &[first], at(60), 3), [(same, at(60)), (other, at(60)), (read, at(60))]);
    assert_eq!(pool.waiting(), 1);
    assert_eq!(pool.next(0, &[same, other, read], at(70), 3), [(again, at(70))]);
    assert_eq!(pool.next(0, &[again], at(80), 3), []);
}
