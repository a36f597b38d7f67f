use super::*;
use crate::load::draw::Draw;
use crate::load::keys::KeySpace;
use crate::load::testing::load;
use crate::system::cluster::share;

/// A start that is due at so many nanoseconds: a write of the key, or a read.
fn start(at: u64, key: u32, writes: bool) -> Start {
    let mix = if writes { r#"Set(value: "16B")"# } else { "Get()" };
    let load = load("app", &format!("mix: [{mix}], keys: Uniform(1), pace: Open(per_second: 1)"));
    let mut choice = Draw::new(1, 0, 0, KeySpace::of(&load)).choice(&load.mix).unwrap();
    choice.key = key;
    Start { intended: Instant(at), choice }
}

fn write(at: u64, key: u32) -> Start {
    start(at, key, true)
}

fn places(workers_max: u16) -> Places<char> {
    Places::new(2, workers_max, 100)
}

fn at(nanos: u64) -> Instant {
    Instant(nanos)
}

#[test]
fn workers_are_made_when_they_are_needed_and_no_more_than_allowed() {
    let mut places = places(2);
    let [a, b, c] = [write(10, 1), write(20, 2), write(30, 3)];
    assert_eq!(places.place(0, a), Place::New((a, at(10))));
    assert_eq!(places.place(0, b), Place::New((b, at(20))));
    assert_eq!(places.place(0, c), Place::Waits);
    // Who ends something goes on with what has waited longest, which was ready then.
    assert_eq!(places.next(0, &a, at(50)), Some((c, at(50))));
    assert_eq!(places.next(0, &b, at(60)), None);
    places.rest(0, 'b', at(60));
    let d = write(70, 4);
    assert_eq!(places.place(0, d), Place::Free('b', (d, at(70))));
}

#[test]
fn a_shard_that_is_full_keeps_no_other_waiting() {
    let mut places = places(1);
    let [dead, waits, healthy] = [write(10, 1), write(20, 2), write(30, 3)];
    assert_eq!(places.place(0, dead), Place::New((dead, at(10))));
    assert_eq!(places.place(0, waits), Place::Waits);
    assert_eq!(places.place(1, healthy), Place::New((healthy, at(30))));
}

/// A driver that comes late to a start is not excused by a worker that was free all the time.
#[test]
fn a_start_is_ready_since_a_worker_was_free() {
    let mut places = places(2);
    let [a, b] = [write(10, 1), write(10, 2)];
    places.place(0, a);
    places.place(0, b);
    for (done, worker, ended) in [(a, 'a', 40), (b, 'b', 60)] {
        assert_eq!(places.next(0, &done, at(ended)), None);
        places.rest(0, worker, at(ended));
    }
    let late = [write(20, 3), write(30, 4), write(50, 5)];
    assert_eq!(places.place(0, late[0]), Place::Free('a', (late[0], at(40))));
    assert_eq!(places.place(0, late[1]), Place::Free('b', (late[1], at(60))));
    assert_eq!(places.place(0, late[2]), Place::Waits);
}

#[test]
fn writes_of_a_key_follow_one_another() {
    let mut places = places(9);
    let [first, second, third, other] = [write(10, 1), write(20, 1), write(30, 1), write(40, 2)];
    let read = start(35, 1, false);
    assert_eq!(places.place(0, first), Place::New((first, at(10))));
    assert_eq!([places.place(0, second), places.place(0, third)], [Place::Waits, Place::Waits]);
    assert_eq!(places.place(0, read), Place::New((read, at(35))), "a read may come between");
    assert_eq!(places.place(0, other), Place::New((other, at(40))), "no worker waits for a turn");
    assert_eq!(places.next(0, &read, at(45)), None);
    assert_eq!(places.next(0, &first, at(50)), Some((second, at(50))));
    assert_eq!(places.next(0, &second, at(60)), Some((third, at(60))));
    assert_eq!(places.next(0, &third, at(70)), None);
    assert_eq!(places.place(0, write(80, 1)), Place::New((write(80, 1), at(80))));
}

#[test]
fn a_write_that_waited_for_a_worker_still_waits_for_its_turn() {
    let mut places = places(2);
    let [slow, quick, again, next] = [write(10, 1), write(20, 2), write(30, 1), write(40, 3)];
    places.place(0, slow);
    places.place(0, quick);
    assert_eq!([places.place(0, again), places.place(0, next)], [Place::Waits, Place::Waits]);
    assert_eq!(places.next(0, &quick, at(50)), Some((next, at(50))));
    assert_eq!(places.next(0, &slow, at(60)), Some((again, at(60))));
    assert_eq!(places.left(), []);
}

#[test]
fn what_is_left_is_told_in_the_order_in_which_it_was_due() {
    let mut places = places(1);
    places.place(0, write(10, 1));
    places.place(1, write(11, 2));
    let [a, b, c] = [write(20, 1), write(30, 2), write(40, 3)];
    for (shard, start) in [(1, b), (0, a), (0, c)] {
        assert_eq!(places.place(shard, start), Place::Waits);
    }
    assert_eq!(places.left(), [a, b, c]);
    assert_eq!(places.left(), []);
}

#[test]
fn no_more_wait_than_can_be_remembered() {
    let mut places = Places { waiting_max: 2, ..places(1) };
    let first = write(10, 1);
    places.place(0, first);
    let waits: Vec<_> = (2..=4).map(|key| places.place(0, write(20, key))).collect();
    assert_eq!(waits, [Place::Waits, Place::Waits, Place::Dropped]);
    assert_eq!(places.next(0, &first, at(30)), Some((write(20, 2), at(30))));
    assert_eq!(places.place(0, write(40, 5)), Place::Waits);
}

#[test]
fn every_position_is_of_one_shard() {
    let shards = Shards::new(&[share(0, 2), share(1, 2)]);
    assert_eq!(shards.count(), 3);
    let of = |number: u16| shards.of(Position(number));
    assert_eq!([of(0), of(8_191), of(8_192), of(16_383)], [1, 1, 2, 2]);
    assert_eq!(Shards::new(&[]).of(Position(7)), 0);
}
