//! Messages that were published: whether they were heard, and when.

use super::*;
use crate::check::deliveries::{Deliveries, MessageFate};
use crate::check::delivery_delay::DeliveryDelay;
use crate::check::lost_messages::LostMessages;
use crate::evidence::{DataType, Heard, HeardKind, Value};

/// What subscriber 0 hears of channel 7, in words: `+` it is subscribed, a number is a message, `?` a foreign one, `-` its connection
/// ends, good until then, `~` it breaks and was last heard of 150 ms before. Each with the millisecond.
type Told<'a> = &'a [(u64, &'a str)];

fn hear(story: &mut Story, subscriber: u16, told: Told<'_>) {
    for (ms, word) in told {
        let at = Instant::from_millis(LOAD_STARTS + ms);
        let what = match *word {
            "+" => HeardKind::Subscribed,
            "?" => HeardKind::Message(Value::Foreign),
            "-" => HeardKind::Ended { good_until: at },
            "~" => HeardKind::Ended { good_until: Instant::from_millis(LOAD_STARTS + ms - 150) },
            id => HeardKind::Message(Value::Written(id.parse().unwrap())),
        };
        let (data, node) = (DataType::Channel, Some(0));
        story.evidence.heard.push(Heard { load: 0, subscriber, data, channel: 7, node, at, what });
    }
}

/// A message with that id is published to channel 7; `!` if surely not, `?` if nobody knows, `*` in two attempts of which one may have
/// been executed, `%` in two of which neither was acknowledged, `b` by another node, `o` to channel 8, `l` until 100 ms later.
fn publish(story: &mut Story, ms: u64, told: &str) {
    let id: u64 = told.trim_end_matches(['!', '?', '*', '%', 'b', 'o', 'l']).parse().unwrap();
    story.write(LOAD_STARTS + ms, 7, |publish| {
        (publish.effect, publish.data) = (OperationEffect::Publishes, DataType::Channel);
        (publish.value, publish.node) = (Value::Written(id), Some(0));
        match told.trim_start_matches(|digit: char| digit.is_ascii_digit()) {
            "!" => publish.outcome = Ended::Fail,
            "?" => (publish.outcome, publish.unknown_attempts) = (Ended::Unknown, 1),
            "*" => (publish.attempts, publish.unknown_attempts) = (2, 1),
            "%" => (publish.outcome, publish.attempts, publish.unknown_attempts) = (Ended::Fail, 2, 1),
            "b" => publish.node = Some(1),
            "o" => publish.key = 8,
            "l" => publish.ended = publish.started.plus_nanos(100_000_000),
            _ => {}
        }
    });
}

fn story(subscribers: u16, published: &[&str], heard: Told<'_>) -> Story {
    let mut story = Story::formed();
    story.evidence.plan.loads[0].subscribers = subscribers;
    for (nth, told) in (1..).zip(published) {
        publish(&mut story, nth * 100, told);
    }
    hear(&mut story, 0, heard);
    story
}

const NONE_LOST: LostMessages = LostMessages { max: 0, while_subscribed: None, min: 0 };
const NONE_SUBSCRIBED: LostMessages = LostMessages { max: 9, while_subscribed: Some(0), min: 0 };
const MANY: LostMessages = LostMessages { max: 9, while_subscribed: None, min: 0 };
const SOME: LostMessages = LostMessages { max: 9, while_subscribed: None, min: 1 };
const THREE: &[&str] = &["1", "2", "3"];
const ALL_HEARD: Told<'_> = &[(0, "+"), (101, "1"), (201, "2"), (301, "3"), (2_000, "-")];
const GAP: Told<'_> = &[(0, "+"), (101, "1"), (301, "3"), (2_000, "-")];
const AWAY: Told<'_> = &[(0, "+"), (101, "1"), (270, "~"), (280, "+"), (301, "3"), (2_000, "-")];

#[rstest]
#[case::all_heard(NONE_LOST, THREE, ALL_HEARD, Status::Pass, "0", 3, "3 messages to 1 subscriber")]
#[case::one_lost(
    NONE_LOST,
    THREE,
    GAP,
    Status::Fail,
    "1",
    3,
    "1 lost while subscribed, first worker 0's value 2 on app:channel:7, published at 1.201 s by A, to subscriber 0"
)]
#[case::one_lost_of_many(MANY, THREE, GAP, Status::Pass, "1", 3, "")]
#[case::none_may_be_while_subscribed(NONE_SUBSCRIBED, THREE, GAP, Status::Fail, "1", 3, "1 lost while subscribed")]
#[case::the_danger_arose(SOME, THREE, GAP, Status::Pass, "1", 3, "")]
#[case::it_did_not(SOME, THREE, ALL_HEARD, Status::Inconclusive, "0", 3, "the danger did not arise")]
#[case::away(NONE_LOST, THREE, AWAY, Status::Fail, "1", 3, "0 lost while subscribed; 1 missed while away, first ")]
#[case::away_as_is_allowed(NONE_SUBSCRIBED, THREE, AWAY, Status::Pass, "1", 3, "1 missed while away")]
#[case::the_connection_broke_soon_after(
    NONE_SUBSCRIBED, &["1"], &[(0, "+"), (400, "-")], Status::Pass, "1", 1, "1 missed while away"
)]
#[case::no_end_is_recorded(NONE_SUBSCRIBED, THREE, &GAP[..3], Status::Pass, "1", 3, "1 missed while away")]
#[case::before_it_was_subscribed(NONE_LOST, THREE, &[(250, "+"), (301, "3"), (2_000, "-")], Status::Pass, "0", 1, "")]
#[case::twice(MANY, &["1"], &[(0, "+"), (101, "1"), (102, "1")], Status::Fail, "0", 1, "1 message heard more often")]
#[case::twice_for_two_attempts(NONE_LOST, &["1*"], &[(0, "+"), (101, "1"), (102, "1")], Status::Pass, "0", 1, "")]
#[case::thrice_for_two(MANY, &["1*"], &[(0, "+"), (1, "1"), (2, "1"), (3, "1")], Status::Fail, "0", 1, "heard more often")]
#[case::nobody_knows_and_heard(NONE_LOST, &["1", "2?"], &ALL_HEARD[..3], Status::Pass, "0", 1, "")]
#[case::nobody_knows_and_not_heard(NONE_LOST, &["1", "2?"], &ALL_HEARD[..2], Status::Pass, "0", 1, "")]
#[case::surely_not_published(MANY, &["1", "2!"], &ALL_HEARD[..3], Status::Fail, "0", 1, "1 message never published")]
#[case::nobody_published_it(MANY, &["1"], ALL_HEARD, Status::Fail, "0", 1, "2 messages never published")]
#[case::foreign(MANY, &["1"], &[(0, "+"), (101, "1"), (102, "?")], Status::Fail, "0", 1, "what no load published")]
#[case::out_of_order(MANY, &["1", "2"], &[(0, "+"), (201, "2"), (202, "1")], Status::Fail, "0", 2, "published later")]
#[case::by_other_ways(NONE_LOST, &["1", "2b"], &[(0, "+"), (201, "2"), (202, "1")], Status::Pass, "0", 2, "")]
#[case::late_for_an_attempt(NONE_LOST, &["1*", "2"], &[(0, "+"), (201, "2"), (202, "1")], Status::Pass, "0", 2, "")]
#[case::the_connection_was_good_for_long_enough(MANY, &["1"], &[(0, "+"), (601, "-")], Status::Pass, "1", 1, "1 lost while subscribed")]
#[case::not_quite_long_enough(MANY, &["1"], &[(0, "+"), (600, "-")], Status::Pass, "1", 1, "1 missed while away")]
#[case::subscribed_as_it_was_published(MANY, &["1"], &[(100, "+"), (900, "-")], Status::Pass, "1", 1, "1 lost while subscribed")]
#[case::heard_of_the_server_after_the_connection_had_ended(
    MANY, &["1", "2"], &[(0, "+"), (400, "~"), (650, "2")], Status::Pass, "1", 2, "1 missed while away"
)]
#[case::at_the_same_moment(NONE_LOST, &["1l", "2"], &[(0, "+"), (201, "2"), (202, "1")], Status::Pass, "0", 2, "")]
#[case::two_out_of_order(MANY, THREE, &[(0, "+"), (301, "3"), (302, "1"), (303, "2")], Status::Fail, "0", 3, "2 messages heard after one")]
#[case::gave_up_and_heard(NONE_LOST, &["1", "2%"], &ALL_HEARD[..3], Status::Pass, "0", 1, "")]
#[case::of_another_channel(MANY, &["1", "2o"], &ALL_HEARD[..3], Status::Fail, "0", 1, "1 message never published, first worker 0's value 2 on")]
#[case::nobody_knows_and_twice(MANY, &["1", "2?"], &[(0, "+"), (101, "1"), (201, "2"), (202, "2")], Status::Fail, "0", 1, "heard more often")]
#[case::a_channel_that_nobody_hears(MANY, &["1", "2o"], &ALL_HEARD[..2], Status::Inconclusive, "0", 1, "1 of 2 subscriptions never came about")]
#[case::nothing_published(NONE_LOST, &[], &[(0, "+")], Status::Inconclusive, "-", 0, "no message was acknowledged")]
#[case::nobody_subscribed(NONE_LOST, THREE, &[], Status::Inconclusive, "-", 0, "after anybody was subscribed")]
fn what_was_published_is_heard(
    #[case] slo: LostMessages,
    #[case] published: &[&str],
    #[case] heard: Told<'_>,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] samples: u64,
    #[case] note: &str,
) {
    let finding = story(1, published, heard).judge(Slo::LostMessages(slo));
    let found = (finding.status, finding.measured.as_str(), finding.samples);
    assert_eq!(found, (status, measured, samples), "{}", finding.note);
    assert!(finding.note.contains(note), "{}", finding.note);
}

/// A message that was published from 100 to 101 ms after the load's start did not come. From when until when its subscriber was away.
#[rstest]
#[case::its_connection_ended_soon_after(&[(0, "+"), (400, "-")], 101, 400)]
#[case::subscribed_as_it_was_published(&[(100, "+"), (400, "-")], 101, 400)]
#[case::its_connection_was_silent(&[(0, "+"), (200, "~"), (280, "+")], 50, 200)]
#[case::no_end_is_recorded(&[(0, "+"), (300, "+")], 0, 300)]
fn who_is_away_misses_messages(#[case] heard: Told<'_>, #[case] from: u64, #[case] until: u64) {
    let story = story(1, &["1"], heard);
    let fates: Vec<_> = Deliveries::of(&story.case()).expected().map(|expected| expected.delivery).collect();
    let [start, end] = [from, until].map(|ms| Instant::from_millis(LOAD_STARTS + ms));
    assert_eq!(fates, [MessageFate::Missed(Window { start, end })]);
}

/// One of three is lost. The limit is told as it is asked for.
#[rstest]
#[case::any(0, Status::Pass, "9", false)]
#[case::as_many_as_there_must_be(1, Status::Pass, "1 to 9", false)]
#[case::too_few(2, Status::Inconclusive, "2 to 9", true)]
fn a_danger_must_arise(#[case] min: u64, #[case] status: Status, #[case] limit: &str, #[case] doubt: bool) {
    let finding = story(1, THREE, GAP).judge(Slo::LostMessages(LostMessages { min, ..MANY }));
    assert_eq!((finding.status, finding.limit.as_str()), (status, limit), "{}", finding.note);
    assert_eq!(finding.note.contains("the danger did not arise"), doubt, "{}", finding.note);
}

#[test]
fn who_was_never_subscribed_leaves_doubt() {
    let mut story = story(3, THREE, ALL_HEARD);
    hear(&mut story, 1, GAP);
    let finding = story.judge(Slo::LostMessages(MANY));
    assert_eq!((finding.status, finding.samples), (Status::Inconclusive, 6), "{}", finding.note);
    assert!(finding.note.starts_with("1 of 3 subscriptions never came about"), "{}", finding.note);
    // What was lost was lost all the same.
    assert_eq!(story.judge(Slo::LostMessages(NONE_LOST)).status, Status::Fail);
}

#[test]
fn a_load_without_subscribers_tells_nothing() {
    let finding = story(0, THREE, &[]).judge(Slo::LostMessages(NONE_LOST));
    assert_eq!(
        (finding.status, finding.note.as_str()),
        (Status::Inconclusive, "no load that publishes has subscribers")
    );
}

/// A client that stands still gives its connection up, and misses what is published meanwhile.
#[rstest]
#[case::the_machine_stood_still(NONE_LOST, AWAY, 600.0, true)]
#[case::it_did_not(NONE_LOST, AWAY, 1.0, false)]
#[case::over_a_good_connection(NONE_LOST, GAP, 600.0, false)]
#[case::none_while_subscribed(NONE_SUBSCRIBED, AWAY, 600.0, true)]
#[case::another_while_subscribed(
    NONE_SUBSCRIBED, &[(0, "+"), (101, "1"), (270, "~"), (280, "+"), (2_000, "-")], 600.0, false
)]
#[case::what_nobody_published(
    NONE_LOST, &[(0, "+"), (101, "1"), (270, "~"), (280, "+"), (301, "3"), (302, "?"), (2_000, "-")], 600.0, false
)]
fn a_machine_may_make_a_client_miss_messages(
    #[case] slo: LostMessages,
    #[case] heard: Told<'_>,
    #[case] late_ms: f64,
    #[case] explained: bool,
) {
    let mut story = story(1, THREE, heard);
    story.machine(3_000, |_| crate::check::testing::late(late_ms));
    let slo = Slo::LostMessages(slo);
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), explained);
}

/// Subscriber 0 was away from 120 to 270 ms after the load's start, and missed what was published then. The machine stood still in the
/// tenth of a second that ends then.
#[rstest]
#[case::before(1_100, false)]
#[case::as_its_connection_went_silent(1_200, true)]
#[case::as_it_noticed(1_300, true)]
#[case::afterwards(1_400, false)]
fn what_the_machine_did_at_another_time_explains_nothing(#[case] tenth: u64, #[case] explained: bool) {
    let mut story = story(1, THREE, AWAY);
    story.machine(3_000, |end| crate::check::testing::late(if end == tenth { 500.0 } else { 0.0 }));
    let slo = Slo::LostMessages(NONE_LOST);
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), explained);
}

/// Subscriber 0 was away twice and missed a message each time. The machine stood still the first time only.
#[rstest]
#[case::none_may_be_lost(0, false)]
#[case::the_other_may_be_lost(1, true)]
fn what_the_machine_does_not_explain_counts(#[case] max: u64, #[case] explained: bool) {
    let again: Told<'_> = &[(401, "4"), (570, "~"), (580, "+"), (2_000, "-")];
    let mut story = story(1, &["1", "2", "3", "4", "5"], &AWAY[..5]);
    hear(&mut story, 0, again);
    story.machine(3_000, |end| crate::check::testing::late(if end == 1_300 { 500.0 } else { 0.0 }));
    let slo = Slo::LostMessages(LostMessages { max, ..NONE_LOST });
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), explained);
}

/// Of 100 messages, a millisecond apart, subscriber 0 hears each after 3 ms, and the last of them after 50 ms; one twice.
#[rstest]
#[case::of_half_of_them(50.0, 10, 20, Status::Pass, "3 ms", "")]
#[case::of_half_of_them_at_the_limit(50.0, 3, 20, Status::Pass, "3 ms", "")]
#[case::of_nine_in_ten(90.0, 10, 20, Status::Fail, "50 ms", "")]
#[case::too_few(99.0, 100, 20, Status::Inconclusive, "50 ms", "1052 deliveries are needed for this quantile")]
#[case::just_enough(89.45, 100, 20, Status::Pass, "50 ms", "")]
#[case::a_handful_over_the_limit(
    99.0,
    3,
    5,
    Status::Inconclusive,
    "50 ms",
    "1052 deliveries are needed for this quantile"
)]
#[case::more_than_a_handful(99.0, 3, 6, Status::Fail, "50 ms", "")]
fn messages_take_their_time(
    #[case] quantile: f64,
    #[case] max: u64,
    #[case] late: u64,
    #[case] status: Status,
    #[case] measured: &str,
    #[case] note: &str,
) {
    let mut story = story(1, &[], &[(0, "+")]);
    for id in 1..=100_u64 {
        publish(&mut story, id, &id.to_string());
        hear(&mut story, 0, &[(id + if id > 100 - late { 50 } else { 3 }, id.to_string().as_str())]);
    }
    hear(&mut story, 0, &[(900, "1")]);
    story.run(LOAD_STARTS, 2_000);
    story.end(2_000);
    let (quantile, during) = (percent(quantile), During::Whole);
    let finding = story.judge(Slo::DeliveryDelay(DeliveryDelay { quantile, max: ms(max), during }));
    let found = (finding.status, finding.measured.as_str(), finding.samples, finding.note.as_str());
    assert_eq!(found, (status, measured, 100, note));
}

/// Two messages are heard after 50 ms instead of 10.
#[rstest]
#[case::the_machine_took_it(100.0, true)]
#[case::it_took_little(1.0, false)]
fn a_busy_machine_explains_late_messages(#[case] late_ms: f64, #[case] is_explained: bool) {
    let mut story = story(1, &["1", "2"], &[(0, "+"), (150, "1"), (250, "2")]);
    story.end(2_000);
    story.machine(2_000, |_| crate::check::testing::late(late_ms));
    let (quantile, during) = (percent(50.0), During::Whole);
    let slo = Slo::DeliveryDelay(DeliveryDelay { quantile, max: ms(10), during });
    assert_eq!(slo.kind().explained_by_machine(&story.case()).is_some(), is_explained);
}

#[test]
fn without_messages_nothing_took_any_time() {
    let (quantile, during) = (percent(50.0), During::Whole);
    let slo = Slo::DeliveryDelay(DeliveryDelay { quantile, max: ms(1), during });
    let finding = story(1, THREE, &[(0, "+")]).judge(slo);
    let found = (finding.status, finding.note.as_str());
    assert_eq!(found, (Status::Inconclusive, "no message was heard in the whole part"));
}
