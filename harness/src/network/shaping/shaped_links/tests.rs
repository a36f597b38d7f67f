use std::net::Ipv4Addr;

use rstest::rstest;

use super::*;
use crate::network::shaping::packet::PacketFacts;
use crate::vocab::{Duration, Percent};

const A: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 2);
const B: Ipv4Addr = Ipv4Addr::new(10, 128, 0, 3);
const MILLISECOND: u64 = 1_000_000;
/// Where the tests' packets carry their number: behind the header.
const NUMBER: usize = 20;

fn percent(share: f64) -> Percent {
    Percent::try_from(share).unwrap()
}

fn packet(queue: &mut Queue, version: u8, (from, to): Ends, number: u8) -> Packet {
    let mut packet = queue.blank();
    let buffer = packet.buffer();
    buffer[0] = version << 4 | 5;
    buffer[12..16].copy_from_slice(&from.octets());
    buffer[16..20].copy_from_slice(&to.octets());
    buffer[NUMBER] = number;
    packet.set_length(NUMBER + 1);
    packet
}

/// Numbered packets of the link from A to B that come at these milliseconds; when which of them arrives.
fn arrivals(shape: LinkShape, seed: u64, times: &[u64]) -> (Vec<(u64, u8)>, LinkCounters) {
    let mut links = ShapedLinks::new(seed);
    links.set((A, B), shape);
    let mut queue = Queue::default();
    let mut arrived = Vec::new();
    for (number, time) in times.iter().enumerate() {
        drain(&mut queue, time * MILLISECOND, &mut arrived);
        let packet = packet(&mut queue, 4, (A, B), u8::try_from(number).unwrap());
        links.take(time * MILLISECOND, packet, &mut queue);
    }
    drain(&mut queue, u64::MAX, &mut arrived);
    (arrived, links.counters((A, B)))
}

fn drain(queue: &mut Queue, now: u64, arrived: &mut Vec<(u64, u8)>) {
    while let Some(due) = queue.next_due().filter(|due| *due <= now) {
        let packet = queue.pop_due(now).unwrap();
        for _ in 0..=usize::from(packet.is_doubled) {
            arrived.push((due / MILLISECOND, packet.bytes()[NUMBER]));
        }
        queue.recycle(packet);
    }
}

/// A shape of which the packets of this pattern, and no others, are held: `H` is held, `-` is not.
fn seed_that_holds(shape: LinkShape, pattern: &str) -> u64 {
    let holds = |seed: &u64| {
        let mut link = ShapedLink::new(*seed, (A, B), shape);
        pattern.chars().all(|held| {
            link.decide(0, PacketFacts { length: 100, header: 20, is_probe: false })
                .is_some_and(|delivery| delivery.is_held == (held == 'H'))
        })
    };
    (0..100_000).find(holds).unwrap()
}

#[rstest]
#[case::the_next_goes_first("H-", &[0, 1], &[(1, 1), (1, 0)])]
#[case::only_the_next("H--", &[0, 1, 1], &[(1, 1), (1, 0), (1, 2)])]
#[case::each_behind_the_one_that_followed("HH-", &[0, 1, 2], &[(2, 2), (2, 1), (2, 0)])]
#[case::a_lone_packet("H", &[0], &[(20, 0)])]
#[case::the_next_is_too_late("H-", &[0, 21], &[(20, 0), (21, 1)])]
#[case::the_next_comes_at_the_last_moment("H-", &[0, 20], &[(20, 0), (20, 1)])]
#[case::one_of_two_has_waited_long_enough("HH-", &[0, 10, 25], &[(20, 0), (25, 2), (25, 1)])]
fn a_held_packet_is_overtaken(#[case] pattern: &str, #[case] times: &[u64], #[case] expected: &[(u64, u8)]) {
    let shape = LinkShape { reorder: percent(50.0), ..LinkShape::default() };
    let (arrived, counters) = arrivals(shape, seed_that_holds(shape, pattern), times);
    assert_eq!(arrived, expected);
    let overtaken = expected.iter().filter(|(_, number)| {
        let at = |wanted: u8| expected.iter().position(|(_, number)| *number == wanted);
        at(number + 1).is_some_and(|next| Some(next) < at(*number))
    });
    assert_eq!((counters.reordered, counters.passed), (overtaken.count() as u64, times.len() as u64));
}

#[test]
fn a_delay_leaves_a_held_packet_time_to_be_overtaken() {
    let shape = LinkShape { reorder: percent(50.0), delay: Duration::from_millis(100), ..LinkShape::default() };
    let (arrived, _) = arrivals(shape, seed_that_holds(shape, "H-H-"), &[0, 15, 200, 225]);
    assert_eq!(arrived, [(115, 1), (115, 0), (320, 2), (325, 3)]);
}

#[test]
fn a_doubled_packet_arrives_back_to_back() {
    let (arrived, counters) = arrivals(LinkShape { duplicate: percent(100.0), ..LinkShape::default() }, 1, &[0, 1]);
    assert_eq!(arrived, [(0, 0), (0, 0), (1, 1), (1, 1)]);
    assert_eq!((counters.duplicated, counters.passed), (2, 2));
}

#[test]
fn a_damaged_packet_has_one_wrong_bit_behind_its_header() {
    let mut links = ShapedLinks::new(1);
    links.set((A, B), LinkShape { corrupt: percent(100.0), ..LinkShape::default() });
    let mut queue = Queue::default();
    let sent = packet(&mut queue, 4, (A, B), 0).bytes().to_vec();
    let damaged = packet(&mut queue, 4, (A, B), 0);
    links.take(0, damaged, &mut queue);
    let came = queue.pop_due(0).unwrap();
    assert_eq!(came.bytes()[..NUMBER], sent[..NUMBER]);
    assert_eq!((came.bytes()[NUMBER] ^ sent[NUMBER]).count_ones(), 1);
}

#[test]
fn other_links_pass_at_once_and_other_protocols_never() {
    let mut links = ShapedLinks::new(1);
    links.set((A, B), LinkShape { loss: percent(100.0), ..LinkShape::default() });
    let mut queue = Queue::default();
    for (version, ends, passes) in [(4, (A, B), false), (4, (B, A), true), (6, (B, A), false)] {
        let packet = packet(&mut queue, version, ends, 0);
        links.take(5, packet, &mut queue);
        assert_eq!(queue.pop_due(5).is_some(), passes, "{version} {ends:?}");
    }
    assert_eq!(links.counters((B, A)), LinkCounters::default());
}

#[test]
fn a_new_shape_begins_anew_and_lets_what_waits_arrive() {
    let mut links = ShapedLinks::new(1);
    let mut queue = Queue::default();
    let shape = LinkShape { delay: Duration::from_millis(100), reorder: percent(100.0), ..LinkShape::default() };
    links.set((A, B), shape);
    let waiting = packet(&mut queue, 4, (A, B), 0);
    links.take(0, waiting, &mut queue);
    links.set((A, B), LinkShape::default());
    assert_eq!(links.counters((A, B)), LinkCounters::default());
    let next = packet(&mut queue, 4, (A, B), 1);
    links.take(MILLISECOND, next, &mut queue);
    assert_eq!(links.clear((A, B)).passed, 1);
    let mut arrived = Vec::new();
    drain(&mut queue, u64::MAX, &mut arrived);
    assert_eq!(arrived, [(1, 0), (1, 1)]);
}

/// Others wait on; what comes later on the same link passes behind what has waited.
#[test]
fn what_waits_arrives_in_order_when_the_shape_ends() {
    let mut links = ShapedLinks::new(1);
    let mut queue = Queue::default();
    for ends in [(A, B), (B, A)] {
        links.set(ends, LinkShape { delay: Duration::from_millis(100), ..LinkShape::default() });
    }
    for (number, ends) in [(0, (A, B)), (1, (B, A)), (2, (A, B))] {
        let waiting = packet(&mut queue, 4, ends, number);
        links.take(u64::from(number) * MILLISECOND, waiting, &mut queue);
    }
    links.clear((A, B));
    let next = packet(&mut queue, 4, (A, B), 3);
    links.take(5 * MILLISECOND, next, &mut queue);
    let mut arrived = Vec::new();
    drain(&mut queue, u64::MAX, &mut arrived);
    assert_eq!(arrived, [(5, 0), (5, 2), (5, 3), (101, 1)]);
}

#[rstest]
#[case::a_probe(17, [0, 9, 0, 9], true)]
#[case::a_probe_of_a_port_of_the_receiver(17, [0, 9, 27, 88], true)]
#[case::a_probe_of_a_port_of_the_sender(17, [27, 88, 0, 9], true)]
#[case::between_other_ports(17, [27, 88, 27, 88], false)]
#[case::of_another_protocol(6, [0, 9, 0, 9], false)]
fn probes_are_known_by_their_ports(#[case] protocol: u8, #[case] ports: [u8; 4], #[case] is_probe: bool) {
    let mut queue = Queue::default();
    let mut packet = packet(&mut queue, 4, (A, B), 0);
    packet.buffer()[9] = protocol;
    packet.buffer()[NUMBER..NUMBER + 4].copy_from_slice(&ports);
    packet.set_length(NUMBER + 16);
    assert_eq!(packet.facts(), PacketFacts { length: NUMBER + 16, header: 20, is_probe });
    packet.set_length(NUMBER + 3);
    assert!(!packet.facts().is_probe);
}
