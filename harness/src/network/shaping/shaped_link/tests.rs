use std::net::Ipv4Addr;

use proptest::prelude::*;
use rstest::rstest;

use super::*;
use crate::vocab::Duration;

const ENDS: Ends = (Ipv4Addr::new(10, 128, 0, 2), Ipv4Addr::new(10, 128, 0, 3));
const MILLISECOND: u64 = 1_000_000;
/// A packet's and its header's length, in bytes.
const LENGTH: usize = 1_250;
const HEADER: usize = 20;
const PACKET: PacketFacts = PacketFacts { length: LENGTH, header: HEADER, is_probe: false };
const PROBE: PacketFacts = PacketFacts { length: 44, header: HEADER, is_probe: true };

fn percent(share: f64) -> Percent {
    Percent::try_from(share).unwrap()
}

fn everything() -> LinkShape {
    LinkShape {
        delay: Duration::from_millis(10),
        jitter: Duration::from_millis(5),
        loss: percent(10.0),
        duplicate: percent(10.0),
        reorder: percent(10.0),
        corrupt: percent(10.0),
        rate: None,
    }
}

/// What becomes of packets of a link that come at these times.
fn decide_all(seed: u64, ends: Ends, shape: LinkShape, times: &[u64]) -> Vec<Option<Delivery>> {
    let mut link = ShapedLink::new(seed, ends, shape);
    times.iter().map(|now| link.decide(*now, PACKET)).collect()
}

fn each_millisecond(count: u64) -> Vec<u64> {
    (0..count).map(|number| number * MILLISECOND).collect()
}

/// What is drawn for a packet, without when it comes.
fn chances(passages: &[Option<Delivery>]) -> Vec<Option<(bool, bool, Option<usize>)>> {
    let of = |delivery: &Delivery| (delivery.is_duplicated, delivery.is_held, delivery.wrong_bit);
    passages.iter().map(|delivery| delivery.as_ref().map(of)).collect()
}

#[test]
fn a_link_without_a_shape_passes_everything_at_once() {
    let passed = |due| Some(Delivery { due, is_duplicated: false, is_beside: false, is_held: false, wrong_bit: None });
    assert_eq!(decide_all(1, ENDS, LinkShape::default(), &[0, 5, 5]), [passed(0), passed(5), passed(5)]);
}

#[test]
fn the_same_seed_does_the_same_to_the_same_sequence_whenever_it_comes() {
    let slow = decide_all(7, ENDS, everything(), &each_millisecond(1_000));
    let fast = decide_all(7, ENDS, everything(), &vec![3; 1_000]);
    assert_eq!(slow, decide_all(7, ENDS, everything(), &each_millisecond(1_000)));
    assert_eq!(chances(&slow), chances(&fast));
    assert!(slow.iter().any(Option::is_none));
}

#[rstest]
#[case::seed(8, ENDS)]
#[case::from(7, (Ipv4Addr::new(10, 128, 0, 4), ENDS.1))]
#[case::to(7, (ENDS.0, Ipv4Addr::new(10, 128, 0, 4)))]
#[case::direction(7, (ENDS.1, ENDS.0))]
fn another_seed_or_link_does_something_else(#[case] seed: u64, #[case] ends: Ends) {
    let times = each_millisecond(1_000);
    assert_ne!(
        chances(&decide_all(seed, ends, everything(), &times)),
        chances(&decide_all(7, ENDS, everything(), &times))
    );
}

#[test]
fn a_larger_loss_takes_what_a_smaller_one_does() {
    let lost = |share| {
        let shape = LinkShape { loss: percent(share), ..everything() };
        decide_all(7, ENDS, shape, &each_millisecond(1_000)).iter().map(Option::is_none).collect::<Vec<_>>()
    };
    assert!(lost(5.0).iter().zip(lost(10.0)).all(|(smaller, larger)| !smaller || larger));
}

#[rstest]
#[case(0.0)]
#[case(1.0)]
#[case(30.0)]
#[case(100.0)]
fn shares_are_met_and_counted(#[case] share: f64) {
    let share = percent(share);
    let shape = LinkShape { loss: share, ..LinkShape::default() };
    let mut link = ShapedLink::new(1, ENDS, shape);
    let passed = (0..10_000).filter_map(|now| link.decide(now, PACKET)).count();
    let counters = link.counters();
    assert_eq!((counters.seen, counters.passed, counters.lost), (10_000, passed as u64, 10_000 - passed as u64));
    assert!((counters.lost as f64 / 100.0 - share.value()).abs() < 1.0, "{counters:?}");
    let mut link = ShapedLink::new(1, ENDS, LinkShape { duplicate: share, corrupt: share, ..LinkShape::default() });
    let passages: Vec<_> = (0..10_000).filter_map(|now| link.decide(now, PACKET)).collect();
    let counters = link.counters();
    assert_eq!(counters.duplicated, passages.iter().filter(|delivery| delivery.is_duplicated).count() as u64);
    assert_eq!(counters.corrupted, passages.iter().filter(|delivery| delivery.wrong_bit.is_some()).count() as u64);
    assert!((counters.corrupted as f64 / 100.0 - share.value()).abs() < 1.0, "{counters:?}");
}

#[test]
fn jitter_uses_all_of_its_range() {
    let shape =
        LinkShape { delay: Duration::from_millis(10), jitter: Duration::from_millis(5), ..LinkShape::default() };
    let times: Vec<_> = each_millisecond(100_000).iter().map(|time| time * 10).collect();
    let passages = decide_all(1, ENDS, shape, &times);
    let delays: Vec<_> = passages.iter().flatten().zip(&times).map(|(delivery, time)| delivery.due - time).collect();
    let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
    assert!((5 * MILLISECOND..5 * MILLISECOND + 1_000).contains(least), "{least}");
    assert!((15 * MILLISECOND - 1_000..=15 * MILLISECOND).contains(most), "{most}");
    let middle = delays.iter().sum::<u64>() / delays.len() as u64;
    assert!(middle.abs_diff(10 * MILLISECOND) < MILLISECOND / 50, "{middle}");
}

#[test]
fn a_delay_is_never_negative() {
    let shape = LinkShape { jitter: Duration::from_millis(5), ..LinkShape::default() };
    assert!(decide_all(1, ENDS, shape, &[9; 100]).iter().flatten().all(|delivery| delivery.due >= 9));
}

#[test]
fn a_rate_lets_one_packet_after_the_other_pass() {
    let rate = Rate { bits_per_second: 10_000_000 };
    let shape = LinkShape { rate: Some(rate), delay: Duration::from_millis(100), ..LinkShape::default() };
    let passages = decide_all(1, ENDS, shape, &[0, 0, 0, 10 * MILLISECOND]);
    let due: Vec<_> = passages.iter().flatten().map(|delivery| delivery.due / MILLISECOND).collect();
    assert_eq!(due, [101, 102, 103, 111]);
}

#[test]
fn what_finds_a_thousand_waiting_packets_is_lost() {
    let shape = LinkShape { rate: Some(Rate { bits_per_second: 10_000_000 }), ..LinkShape::default() };
    let mut link = ShapedLink::new(1, ENDS, shape);
    // One is being sent, a thousand wait.
    assert!((0..1_001).all(|_| link.decide(0, PACKET).is_some()));
    assert_eq!(link.decide(0, PACKET), None);
    assert_eq!(link.decide(MILLISECOND - 1, PACKET), None);
    assert!(link.decide(MILLISECOND, PACKET).is_some());
    assert_eq!(link.decide(MILLISECOND, PACKET), None);
    let counters = link.counters();
    assert_eq!((counters.seen, counters.overflowed, counters.lost, counters.passed), (1_005, 3, 0, 1_002));
}

#[test]
fn a_probe_passes_beside_what_waits_for_the_rate() {
    let rate = Some(Rate { bits_per_second: 10_000_000 });
    let mut link =
        ShapedLink::new(1, ENDS, LinkShape { rate, delay: Duration::from_millis(100), ..LinkShape::default() });
    assert!((0..1_001).all(|_| link.decide(0, PACKET).is_some()));
    let delivery = link.decide(0, PROBE).unwrap();
    assert_eq!((delivery.due, delivery.is_beside), (100 * MILLISECOND, true));
    // What waits keeps its time.
    assert_eq!(link.decide(MILLISECOND, PACKET).map(|delivery| delivery.due), Some(1_102 * MILLISECOND));
}

#[test]
fn a_probe_is_lost_like_others() {
    let rate = Some(Rate { bits_per_second: 10_000_000 });
    let mut link = ShapedLink::new(1, ENDS, LinkShape { rate, loss: percent(100.0), ..LinkShape::default() });
    assert_eq!((link.decide(0, PROBE), link.counters().lost), (None, 1));
}

#[test]
fn a_packet_without_anything_behind_its_header_stays_intact() {
    let mut link = ShapedLink::new(1, ENDS, LinkShape { corrupt: percent(100.0), ..LinkShape::default() });
    assert_eq!(link.decide(0, PacketFacts { length: HEADER, ..PACKET }).and_then(|delivery| delivery.wrong_bit), None);
    assert_eq!(link.counters().corrupted, 0);
}

proptest! {
    #[test]
    fn packets_keep_their_order_and_damage_stays_behind_the_header(
        seed: u64,
        mut times in prop::collection::vec(0..100 * MILLISECOND, 1..200),
        delay in 0_u64..20,
        jitter in 0_u64..20,
        bits_per_second in prop::option::of(1_000_u64..1_000_000_000),
    ) {
        times.sort_unstable();
        let rate = bits_per_second.map(|bits_per_second| Rate { bits_per_second });
        let (delay, jitter) = (Duration::from_millis(delay), Duration::from_millis(jitter));
        let passages = decide_all(seed, ENDS, LinkShape { delay, jitter, rate, ..everything() }, &times);
        let due: Vec<_> = passages.iter().flatten().map(|delivery| delivery.due).collect();
        prop_assert!(due.is_sorted());
        for (delivery, time) in passages.iter().zip(times) {
            prop_assert!(delivery.is_none_or(|delivery| delivery.due >= time));
            let bit = delivery.and_then(|delivery| delivery.wrong_bit);
            prop_assert!(bit.is_none_or(|bit| (HEADER * 8..LENGTH * 8).contains(&bit)));
        }
    }
}
