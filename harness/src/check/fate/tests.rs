use rstest::rstest;

use super::*;
use crate::check::testing::Story;
use crate::evidence::{OperationEffect, OperationSource, Value};
use crate::vocab::Instant;

/// One key's history in words. A write is its effect and its outcome, with `?` for each attempt of unknown outcome before that: `+1`
/// is an increment that replied 1, `+?` one of unknown outcome, `+1?` one that replied after such an attempt; `a` inserts the
/// element a, `-a` takes it, `-` takes nothing, `-?` takes what nobody knows; `x` removes. `!` stands behind what surely was not
/// executed.
fn writes(data: DataType, words: &str) -> Vec<Operation> {
    let write = |(at, word): (u64, &str)| {
        let unknown = word.matches('?').count();
        let bare = word.trim_end_matches(['?', '!']);
        let (effect, value) = match bare.split_at(bare.len().min(1)) {
            ("+", "") => (OperationEffect::Increments, Value::Missing),
            ("+", number) => (OperationEffect::Increments, Value::Number(number.parse().unwrap())),
            ("-", "") => (OperationEffect::Takes, Value::Missing),
            ("-", element) => (OperationEffect::Takes, element_of(element)),
            ("x", "") => (OperationEffect::Removes, Value::Missing),
            (element, _) if data.is_collection() => (OperationEffect::Inserts, element_of(element)),
            (value, _) => (OperationEffect::Replaces, element_of(value)),
        };
        let learned = match effect {
            OperationEffect::Increments | OperationEffect::Takes => value != Value::Missing || unknown == 0,
            // Of these `a??` was acknowledged after one such attempt.
            _ => unknown != 1,
        };
        let outcome = match word.ends_with('!') {
            true => Outcome::Fail,
            false if learned => Outcome::Ok,
            false => Outcome::Unknown,
        };
        let unknown_attempts = u16::try_from(unknown.min(1)).unwrap();
        Operation { effect, data, value, outcome, unknown_attempts, ..operation(100 * at) }
    };
    (0..).zip(words.split_whitespace()).map(write).collect()
}

/// A write of a millisecond that began then.
fn operation(ms: u64) -> Operation {
    let (began, ended) = (Instant::from_millis(ms), Instant::from_millis(ms + 1));
    Operation {
        load: 0,
        worker: 0,
        source: OperationSource::Mix { entry: 0, command: 0 },
        effect: OperationEffect::Replaces,
        data: DataType::Value,
        key: 1,
        shard: None,
        value: Value::Missing,
        intended: began,
        ready: began,
        started: began,
        ended,
        outcome: Outcome::Ok,
        error: None,
        attempts: 1,
        unknown_attempts: 0,
        replaced: None,
        node: None,
    }
}

/// `p` is what was preloaded.
fn element_of(letter: &str) -> Value {
    Value::Written(if letter == "p" { Value::preloaded(0, 1) } else { letter.as_bytes()[0].into() })
}

/// What was read in the end: elements, a number, `foreign`, `torn`, or nothing for a key that does not exist.
fn survivors(data: DataType, words: &str) -> Vec<Operation> {
    let read = |value| {
        let (source, effect) = (OperationSource::FinalRead, OperationEffect::Reads);
        Operation { source, effect, data, value, ..operation(1_000_000) }
    };
    let value = |word: &str| match word {
        "foreign" => Value::Foreign,
        "torn" => Value::Torn,
        word => word.parse().map_or_else(|_| element_of(word), Value::Number),
    };
    let mut read: Vec<_> =
        if words.is_empty() { vec![read(Value::Missing)] } else { words.split(' ').map(value).map(read).collect() };
    for read in &mut read {
        read.ended = read.started;
    }
    read
}

/// How many writes are surely lost and how many possibly, and what is unexplained.
fn fate(data: DataType, wrote: &str, left: &str) -> (u64, u64, Option<Unexplained>) {
    let (writes, survivors) = (writes(data, wrote), survivors(data, left));
    let fate = match data {
        DataType::Counter => counter::fate(&writes, &survivors[0]),
        DataType::Value => register::fate(&writes, &survivors[0], |_| None),
        _ => collection::fate(&writes, &survivors),
    };
    (fate.lost, fate.possibly_lost, fate.unexplained)
}

#[rstest]
#[case::all_there("+1 +2 +3", "3", (0, 0, None))]
#[case::the_last_is_gone("+1 +2 +3", "2", (1, 0, None))]
#[case::the_key_is_gone("+1 +2", "", (2, 0, None))]
#[case::a_loss_that_was_counted_over("+1 +2 +3 +2 +3", "3", (2, 0, None))]
#[case::an_unknown_one_counted("+1 +? +3", "3", (0, 0, None))]
#[case::an_unknown_one_may_hide_a_loss("+1 +? +2", "2", (0, 1, None))]
#[case::an_unknown_one_came_late("+1 +? +2", "3", (0, 0, None))]
#[case::repeated_and_counted_twice("+1 +3?", "3", (0, 0, None))]
#[case::what_is_gone_may_have_been_the_unknown_one("+1 +? +3", "2", (0, 1, None))]
#[case::gone_more_often_than_unknown_ones_counted("+1 +? +3 +3 +2", "2", (2, 1, None))]
#[case::what_had_gone_came_back("+1 +2 +3 +2 +4", "4", (1, 0, None))]
#[case::more_than_was_attempted("+1 +2", "3", (0, 0, Some(Unexplained::Surplus)))]
#[case::counted_twice_though_acknowledged_once("+1 +3", "3", (0, 0, Some(Unexplained::Surplus)))]
#[case::more_than_was_attempted_again_and_again("+1 +3 +5", "5", (0, 0, Some(Unexplained::Surplus)))]
#[case::no_number("+1", "foreign", (0, 0, Some(Unexplained::Phantom)))]
#[case::not_executed("+1 +!", "1", (0, 0, None))]
fn increments_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(fate(DataType::Counter, wrote, left), expected);
}

#[rstest]
#[case::all_there("a b c", "a b c", (0, 0, None))]
#[case::the_last_is_gone("a b c", "a b", (1, 0, None))]
#[case::one_between_is_gone("a b c", "a c", (1, 0, None))]
#[case::the_key_is_gone("a b", "", (2, 0, None))]
#[case::unknown_and_there("a b?", "a b", (0, 0, None))]
#[case::unknown_and_not_there("a b?", "a", (0, 0, None))]
#[case::repeated_and_twice_there("a b??", "a b b", (0, 0, None))]
#[case::unknown_came_late("a? b", "b a", (0, 0, None))]
#[case::repeated_and_came_late("a?? b", "b a", (0, 0, None))]
#[case::twice_without_cause("a b", "a b b", (0, 0, Some(Unexplained::Duplicate)))]
#[case::disorder("a b", "b a", (0, 0, Some(Unexplained::Disorder)))]
#[case::not_executed_and_there("a b!", "a b", (0, 0, Some(Unexplained::Phantom)))]
#[case::refused_after_an_unknown_attempt_and_there("a b?!", "a b", (0, 0, None))]
#[case::nobody_added_it("a", "a z", (0, 0, Some(Unexplained::Phantom)))]
#[case::taken("a b -a", "b", (0, 0, None))]
#[case::nothing_taken("- a", "a", (0, 0, None))]
#[case::taken_and_there_again("a b -a", "a b", (1, 0, None))]
#[case::taken_twice("a -a -a", "", (1, 0, None))]
#[case::repeated_and_taken_twice("a?? -a -a", "", (0, 0, None))]
#[case::may_have_been_taken("a b -?", "b", (0, 1, None))]
#[case::not_all_can_have_been_taken("a b -?", "", (1, 1, None))]
#[case::there_again_whatever_else_may_have_been_taken("a b -a -?", "a b", (1, 0, None))]
#[case::taken_though_it_was_not_executed("a! -a", "", (0, 0, Some(Unexplained::Phantom)))]
#[case::taken_before_anyone_added_it("-z", "", (0, 0, Some(Unexplained::Phantom)))]
fn elements_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(fate(DataType::List, wrote, left), expected);
}

#[test]
fn a_set_has_no_order() {
    assert_eq!(fate(DataType::Set, "a b c", "c a"), (1, 0, None));
}

#[rstest]
#[case::removed("a x", "", (0, 0, None))]
#[case::a_removal_is_lost("a x", "a", (1, 0, None))]
#[case::written_after_the_removal("a x b", "b", (0, 0, None))]
#[case::lost_after_the_removal("a x b", "", (1, 0, None))]
#[case::maybe_removed("a x?", "", (0, 0, None))]
#[case::maybe_removed_late("a x? b", "", (0, 1, None))]
#[case::an_earlier_removal_may_have_come_late("a x? b x c", "", (0, 1, None))]
#[case::not_removed("a x!", "", (1, 0, None))]
#[case::torn("a", "torn", (0, 0, Some(Unexplained::Torn)))]
fn removals_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(fate(DataType::Value, wrote, left), expected);
}

/// The write began at 0 ms, and was read at 1,000 s.
#[rstest]
#[case::forgotten(Some(1_000_000_000_000), 0)]
#[case::before_its_time(Some(1_000_000_000_001), 1)]
#[case::never_to_be_forgotten(None, 1)]
fn what_expires_is_not_lost(#[case] expires: Option<u64>, #[case] lost: u64) {
    let (write, read) = (writes(DataType::Value, "a"), survivors(DataType::Value, ""));
    assert_eq!(register::fate(&write, &read[0], |_| expires).lost, lost);
    assert_eq!(contended::register_fate(&write, &read[0], |_| expires).lost, lost);
}

/// The second write ended at 101 ms, and was told that it replaced nothing.
#[rstest]
#[case::forgotten(101_000_000, 0)]
#[case::before_its_time(101_000_001, 1)]
fn what_had_expired_was_not_lost_before(#[case] expires: u64, #[case] lost: u64) {
    let (mut writes, read) = (writes(DataType::Value, "a b"), survivors(DataType::Value, "b"));
    writes[1].replaced = Some(Value::Missing);
    assert_eq!(register::fate(&writes, &read[0], |_| Some(expires)).lost, lost);
    assert_eq!(contended::register_fate(&writes, &read[0], |_| Some(expires)).lost, lost);
}

/// So a worker goes on that has no pace to keep.
#[test]
fn what_begins_as_another_ends_comes_after_it() {
    let of_three = |data, left| {
        let (mut writes, survivors) = (writes(data, "a b c"), survivors(data, left));
        for (nth, write) in (0..).zip(&mut writes) {
            (write.started, write.ended) = (Instant::from_millis(nth), Instant::from_millis(nth + 1));
        }
        (writes, survivors)
    };
    let (writes, survivors) = of_three(DataType::List, "b a c");
    assert_eq!(collection::fate(&writes, &survivors).unexplained, Some(Unexplained::Disorder));
    let (writes, survivors) = of_three(DataType::Value, "a");
    assert_eq!(contended::register_fate(&writes, &survivors[0], |_| None).lost, 2);
    let (mut writes, survivors) = of_three(DataType::Value, "c");
    writes[2].replaced = Some(writes[0].value);
    assert_eq!(contended::register_fate(&writes, &survivors[0], |_| None).lost, 1);
}

/// A removal that began as the second write ended may be why that found nothing.
#[test]
fn what_begins_as_another_ends_may_be_what_that_found() {
    let (mut writes, survivors) = (writes(DataType::Value, "a b x?"), survivors(DataType::Value, "b"));
    writes[1].replaced = Some(Value::Missing);
    writes[2].started = writes[1].ended;
    assert_eq!(contended::register_fate(&writes, &survivors[0], |_| None).lost, 0);
}

/// What had gone is there again, where the increments have an order; where they have none, of two that were told the same one is lost.
#[rstest]
#[case::in_turn(false, 0)]
#[case::contended(true, 1)]
fn a_contended_counter_is_judged_as_one(#[case] contended: bool, #[case] lost: u64) {
    let (writes, survivors) = (writes(DataType::Counter, "+1 +2 +1"), survivors(DataType::Counter, "3"));
    let key = Key { writes: &writes, survivors: &survivors, contended };
    assert_eq!(key.fate(&Story::formed().case()).unwrap().lost, lost);
}

/// Of a contended key, what had not ended when another began may be older or newer: only what surely came after is gone. Every write
/// takes a millisecond and begins 100 ms after the one before, `~` one that goes on to the end.
fn contended_fate(data: DataType, wrote: &str, left: &str) -> (u64, u64, Option<Unexplained>) {
    let long: Vec<_> = wrote.split_whitespace().map(|word| word.contains('~')).collect();
    let (mut writes, survivors) = (writes(data, &wrote.replace('~', "")), survivors(data, left));
    for (write, _) in writes.iter_mut().zip(long).filter(|(_, long)| *long) {
        write.ended = Instant::from_millis(10_000);
    }
    let fate = match data {
        DataType::Counter => contended::counter_fate(&writes, &survivors[0]),
        DataType::Value => contended::register_fate(&writes, &survivors[0], |_| None),
        _ => collection::fate(&writes, &survivors),
    };
    (fate.lost, fate.possibly_lost, fate.unexplained)
}

#[rstest]
#[case::the_last_is_there("a b", "b", (0, 0, None))]
#[case::the_last_is_gone("a b", "a", (1, 0, None))]
#[case::in_another_order("a~ b", "a", (0, 0, None))]
#[case::gone_after_all("a b~ c", "a", (2, 0, None))]
#[case::the_key_is_gone("a~ b", "", (2, 0, None))]
#[case::removed("a~ x", "", (0, 0, None))]
#[case::removed_before("x a", "", (1, 0, None))]
#[case::may_have_come_late("a? b", "a", (0, 1, None))]
#[case::repeated_and_came_late("a?? b", "a", (0, 1, None))]
#[case::removed_late("x? b", "", (0, 1, None))]
#[case::nobody_wrote_it("a~ b", "z", (0, 0, Some(Unexplained::Phantom)))]
#[case::torn("a~ b", "torn", (0, 0, Some(Unexplained::Torn)))]
fn contended_values_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(contended_fate(DataType::Value, wrote, left), expected);
}

/// The same of writes that were told what they replaced: `b<a` wrote b in place of a, `b<` in place of nothing.
#[rstest]
#[case::none_is_gone("a< b<a c<b", "c", (0, 0))]
#[case::one_between_is_gone("a< b<a c<a", "c", (1, 0))]
#[case::none_of_all_is_there("a< b<a c<", "c", (2, 0))]
#[case::told_by_a_master_that_was_behind("a< b<a c<a d<b", "d", (1, 0))]
#[case::under_way_together("a< b~<a c<a", "c", (1, 0))]
#[case::nobody_told_of_the_beginning("a b c<b", "c", (0, 0))]
#[case::in_the_middle("a b c d<b", "d", (1, 0))]
#[case::under_way_together_in_the_middle("a b c~ d<b", "d", (0, 0))]
#[case::one_tried_again("a< b<a c??<a", "c", (0, 1))]
#[case::one_tried_again_is_missing("a< b??<a c<a", "c", (1, 0))]
#[case::one_tried_again_is_missing_in_the_middle("a b??<a c<a", "c", (0, 1))]
#[case::removed_between("a< x b<", "b", (0, 0))]
#[case::removed_before("a< x c d<", "d", (1, 0))]
#[case::surely_not_removed("a< x! b<", "b", (1, 0))]
#[case::a_removal_that_was_repeated_may_have_come_late("a< x?? b c<", "c", (0, 1))]
#[case::replaced_what_was_tried_again("a?? b c<a", "c", (0, 1))]
#[case::replaced_what_was_not_executed("a! b c<a", "c", (0, 0))]
#[case::under_way_together_from_what_was_preloaded("p b~<p c<p", "c", (1, 0))]
fn contended_writes_tell_of_each_other(#[case] wrote: &str, #[case] left: &str, #[case] expected: (u64, u64)) {
    let words: Vec<_> = wrote.split_whitespace().collect();
    let bare: Vec<_> = words.iter().map(|word| word.split(['~', '<']).next().unwrap()).collect();
    let mut writes = writes(DataType::Value, &bare.join(" "));
    for (write, word) in writes.iter_mut().zip(words) {
        let replaced = word.split_once('<').map(|(_, replaced)| replaced);
        write.replaced = replaced.map(|of| if of.is_empty() { Value::Missing } else { element_of(of) });
        if word.contains('~') {
            write.ended = Instant::from_millis(10_000);
        }
    }
    let fate = contended::register_fate(&writes, &survivors(DataType::Value, left)[0], |_| None);
    assert_eq!((fate.lost, fate.possibly_lost, fate.unexplained), (expected.0, expected.1, None));
}

#[rstest]
#[case::all_there("+2~ +1 +3", "3", (0, 0, None))]
#[case::one_is_gone("+2~ +1 +3", "2", (1, 0, None))]
#[case::counted_over("+2~ +1 +2 +3", "3", (1, 0, None))]
#[case::an_unknown_one_may_hide_a_loss("+2~ +1 +?", "2", (0, 1, None))]
#[case::an_unknown_one_counted("+2~ +1 +?", "3", (0, 0, None))]
#[case::the_key_is_gone("+2~ +1", "", (2, 0, None))]
#[case::more_than_was_attempted("+2~ +1", "3", (0, 0, Some(Unexplained::Surplus)))]
#[case::no_number("+2~ +1", "foreign", (0, 0, Some(Unexplained::Phantom)))]
fn contended_counters_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(contended_fate(DataType::Counter, wrote, left), expected);
}

#[rstest]
#[case::in_either_order("a~ b", "b a", (0, 0, None))]
#[case::out_of_order("a~ b c", "a c b", (0, 0, Some(Unexplained::Disorder)))]
#[case::out_of_order_across_one_between("a b~ c", "c b a", (0, 0, Some(Unexplained::Disorder)))]
fn contended_lists_are_accounted_for(
    #[case] wrote: &str,
    #[case] left: &str,
    #[case] expected: (u64, u64, Option<Unexplained>),
) {
    assert_eq!(contended_fate(DataType::List, wrote, left), expected);
}
