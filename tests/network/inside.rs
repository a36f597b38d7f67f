//! What the trials do inside the lab.

use std::collections::BTreeSet;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use harness::network::{LinkCounters, SHAPING_DEVICE, Shaper};
use harness::vocab::{self, LinkShape, Percent, Rate};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::speed;
use super::wire::{Arrival, FROM, HEADERS, PORT, Pace, TO, Wire};
use super::{cost, direct_link};

pub(super) type Failure = Box<dyn Error>;
type Outcome = Result<(), Failure>;

/// How much a delay may differ in the middle of all packets.
const LATENESS: Duration = Duration::from_micros(300);
const PACKETS: usize = 10_000;
const LINGER: Duration = Duration::from_millis(300);
pub(super) const BOUND: Duration = Duration::from_secs(30);

/// The lab's main: the request is the trial's name and, in the next line, the run directory.
pub(super) fn main(request: &str) -> u8 {
    let runtime = tokio::runtime::Runtime::new().map_err(Failure::from);
    let outcome = runtime.and_then(|runtime| runtime.block_on(run(request)));
    outcome.map_or_else(
        |error| {
            say(&format!("failed: {error}"));
            1
        },
        |()| 0,
    )
}

pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

async fn run(request: &str) -> Outcome {
    let (what, directory) = request.split_once('\n').ok_or("no run directory")?;
    if what == "start" {
        return Ok(Shaper::start(0).map(drop)?);
    }
    let directory = Path::new(directory);
    match what {
        "unshaped_links_cost_nothing" => return cost::measure(directory).await,
        "a_connection_is_shaped_and_healed" => return direct_link::shape_a_connection(directory).await,
        _ => {}
    }
    let wire = Wire::make(directory).await?;
    match what {
        "delay_is_met" => delay(&wire),
        "loss_is_met" => loss(&wire),
        "same_seed_same_losses" => same_seed(&wire),
        "jitter_keeps_the_order" => jitter(&wire),
        "duplicates_arrive_twice" => duplicate(&wire),
        "the_next_packet_overtakes" => reorder(&wire),
        "a_wrong_bit_is_found" => corrupt(&wire),
        "rate_is_met" => rate(&wire),
        "a_shape_changes_between_packets" => change(&wire),
        "a_stream_survives_all_of_it" => stream(&wire).await,
        "a_burst_finds_room_in_the_device" => burst(&wire),
        "the_device_goes_with_the_shaper" => end(wire),
        "packets_per_second" => speed::measure(&wire),
        _ => Err(format!("the lab cannot {what}").into()),
    }
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(what().into()) }
}

fn percent(share: f64) -> Result<Percent, Failure> {
    Ok(Percent::try_from(share)?)
}

/// The middle and the 99th percentile.
fn spread(mut values: Vec<Duration>) -> (Duration, Duration) {
    values.sort();
    (values[values.len() / 2], values[values.len() * 99 / 100])
}

fn delay(wire: &Wire) -> Outcome {
    for milliseconds in [0, 1, 5, 20, 100] {
        let asked = Duration::from_millis(milliseconds);
        wire.shape(LinkShape { delay: vocab::Duration(asked), ..LinkShape::default() });
        let is_met = lateness(wire, asked)? < LATENESS;
        expect(is_met, || "the median is off".to_owned())?;
    }
    Ok(())
}

/// How much a delay differs in the middle of some packets.
fn lateness(wire: &Wire, asked: Duration) -> Result<Duration, Failure> {
    let came = wire.send(400, Pace::every(1_100), asked + LINGER)?;
    let (median, rare) = spread(came.iter().map(Arrival::took).collect());
    say(&format!("delay {asked:?}: median {median:.3?}, 99th percentile {rare:.3?}"));
    expect(came.len() == 400, || format!("{} came", came.len()))?;
    Ok(median.abs_diff(asked))
}

fn loss(wire: &Wire) -> Outcome {
    for share in [1.0, 5.0, 30.0] {
        wire.shape(LinkShape { loss: percent(share)?, ..LinkShape::default() });
        let came = wire.send(PACKETS, Pace::FAST, LINGER)?.len();
        let counters = wire.counters();
        let lost = (PACKETS - came) as f64 * 100.0 / PACKETS as f64;
        say(&format!("loss {share} %: {lost:.2} % of {PACKETS}"));
        let counted = (counters.seen, counters.passed, counters.lost);
        let are_right = counted == (PACKETS as u64, came as u64, (PACKETS - came) as u64);
        expect(are_right, || format!("{counters:?}, {came} came"))?;
        expect((lost - share).abs() < 1.0, || "that is not the share".to_owned())?;
    }
    Ok(())
}

fn same_seed(wire: &Wire) -> Outcome {
    let shape = LinkShape { loss: percent(10.0)?, ..LinkShape::default() };
    let mut runs = Vec::new();
    for _ in 0..2 {
        wire.shape(shape);
        let came = wire.send(2_000, Pace::FAST, LINGER)?;
        runs.push(came.iter().map(|arrival| arrival.number).collect::<Vec<_>>());
    }
    say(&format!("{} and {} of 2000 came", runs[0].len(), runs[1].len()));
    expect(runs[0] == runs[1] && runs[0].len() < 2_000, || "other packets were lost".to_owned())
}

fn jitter(wire: &Wire) -> Outcome {
    let milliseconds = vocab::Duration::from_millis;
    wire.shape(LinkShape { delay: milliseconds(10), jitter: milliseconds(5), ..LinkShape::default() });
    let came = wire.send(150, Pace::every(10_000), LINGER)?;
    let took: BTreeSet<_> = came.iter().map(Arrival::took).collect();
    let (least, most) = (took.first().ok_or("none came")?, took.last().ok_or("none came")?);
    say(&format!("delay 10ms +-5ms: {least:.2?} to {most:.2?}"));
    expect(*least < Duration::from_millis(6) && *most > Duration::from_millis(14), || "too even".to_owned())?;
    wire.shape(LinkShape { delay: milliseconds(10), jitter: milliseconds(5), ..LinkShape::default() });
    let came = wire.send(PACKETS, Pace::FAST, LINGER)?;
    expect(came.len() == PACKETS && came.is_sorted_by_key(|arrival| arrival.number), || "out of order".to_owned())
}

fn duplicate(wire: &Wire) -> Outcome {
    wire.shape(LinkShape { duplicate: percent(10.0)?, ..LinkShape::default() });
    let came = wire.send(PACKETS, Pace::FAST, LINGER)?;
    let twice = came.windows(2).filter(|pair| pair[0].number == pair[1].number).count();
    say(&format!("duplicate 10 %: {twice} of {PACKETS} came twice"));
    let are_counted = wire.counters().duplicated == twice as u64 && came.len() == PACKETS + twice;
    expect(are_counted && twice.abs_diff(PACKETS / 10) < PACKETS / 100, || format!("{:?}", wire.counters()))
}

fn reorder(wire: &Wire) -> Outcome {
    wire.shape(LinkShape { reorder: percent(10.0)?, ..LinkShape::default() });
    let came = wire.send(1_000, Pace::every(1_000), LINGER)?;
    let overtaken = came.windows(2).filter(|pair| pair[0].number == pair[1].number + 1).count();
    say(&format!("reorder 10 %: {overtaken} of {} were overtaken", came.len()));
    let are_counted = wire.counters().reordered.abs_diff(overtaken as u64) < 5;
    expect(came.len() == 1_000 && are_counted && overtaken.abs_diff(100) < 30, || format!("{:?}", wire.counters()))
}

/// The receiver's kernel throws away what has a wrong checksum.
fn corrupt(wire: &Wire) -> Outcome {
    wire.shape(LinkShape { corrupt: percent(10.0)?, ..LinkShape::default() });
    let came = wire.send(PACKETS, Pace::FAST, LINGER)?.len();
    let counters = wire.counters();
    say(&format!("corrupt 10 %: {} of {PACKETS} were, {came} came", counters.corrupted));
    let are_counted = counters.corrupted == (PACKETS - came) as u64 && counters.passed == PACKETS as u64;
    expect(are_counted && came.abs_diff(PACKETS * 9 / 10) < PACKETS / 100, || format!("{counters:?}"))
}

/// A packet of 1,250 bytes takes 1 ms at 10 Mbit/s.
fn rate(wire: &Wire) -> Outcome {
    wire.shape(LinkShape { rate: Some(Rate { bits_per_second: 10_000_000 }), ..LinkShape::default() });
    let pace = Pace { payload: 1_250 - HEADERS, ..Pace::every(20) };
    let came = wire.send(1_200, pace, LINGER)?;
    let counters = wire.counters();
    let took = came.last().ok_or("none came")?.came - came[0].came;
    let reached = (came.len() - 1) as f64 * 1_250.0 * 8.0 / took.as_secs_f64() / 1e6;
    say(&format!("rate 10Mbit: {reached:.3} Mbit/s, {} of 1200 found the queue full", counters.overflowed));
    expect((reached - 10.0).abs() < 0.2, || "that is not the rate".to_owned())?;
    let sent = came.len() as u64 + counters.overflowed;
    expect(sent == 1_200 && (150..200).contains(&counters.overflowed), || format!("{counters:?}"))
}

/// What waits when its link's shape ends comes at once, before what is sent later.
fn change(wire: &Wire) -> Outcome {
    let (sender, receiver) = wire.sockets()?;
    receiver.set_read_timeout(Some(LINGER))?;
    wire.shape(LinkShape { delay: vocab::Duration::from_millis(200), ..LinkShape::default() });
    sender.send(&[1])?;
    // The thread must have read it.
    thread::sleep(Duration::from_millis(20));
    wire.shape(LinkShape { loss: percent(100.0)?, ..LinkShape::default() });
    sender.send(&[2])?;
    thread::sleep(Duration::from_millis(20));
    let lost = wire.shaper.clear(FROM, TO);
    sender.send(&[3])?;
    let mut came = Vec::new();
    let mut payload = [0];
    while receiver.recv(&mut payload).is_ok() {
        came.push(payload[0]);
    }
    say(&format!("came: {came:?}"));
    expect(came == [1, 3] && lost.seen == 1 && lost.lost == 1, || format!("{lost:?}"))?;
    expect(wire.counters() == LinkCounters::default(), || "counters outlive the shape".to_owned())
}

/// Large segments are cut, checksums are right, and TCP makes good what is done to its packets, both ways.
async fn stream(wire: &Wire) -> Outcome {
    let some = percent(0.5)?;
    let delay = vocab::Duration::from_millis(1);
    let shape =
        LinkShape { delay, jitter: delay, loss: some, duplicate: some, reorder: some, corrupt: some, rate: None };
    wire.shaper.set(FROM, TO, shape);
    wire.shaper.set(TO, FROM, shape);
    let (from, to) = (wire.from.tcp_socket()?, wire.to.tcp_socket()?);
    to.bind((TO, PORT).into())?;
    let listener = to.listen(1)?;
    let (sending, accepted) = tokio::join!(from.connect((TO, PORT).into()), listener.accept());
    let sent: Vec<u8> = (0..5_000_000_u32).map(|number| (number % 251) as u8).collect();
    let begin = Instant::now();
    let came = timeout(BOUND, carry(sending?, accepted?.0, &sent)).await??;
    let counters = wire.counters();
    say(&format!("{} bytes came in {:.0?}: {counters:?}", came.len(), begin.elapsed()));
    expect(came == sent, || "other bytes came".to_owned())?;
    let did_all =
        [counters.lost, counters.duplicated, counters.reordered, counters.corrupted].iter().all(|count| *count > 0);
    expect(did_all && counters.seen > 5_000_000 / 1_500, || "not all of it was done".to_owned())
}

async fn carry(mut sending: TcpStream, mut receiving: TcpStream, sent: &[u8]) -> io::Result<Vec<u8>> {
    let write = async {
        sending.write_all(sent).await?;
        sending.shutdown().await
    };
    let mut came = Vec::new();
    let (done, read) = tokio::join!(write, receiving.read_to_end(&mut came));
    done.and(read.map(|_| came))
}

/// However late the shaping thread comes to read them.
fn burst(wire: &Wire) -> Outcome {
    let (sender, _receiver) = wire.sockets()?;
    wire.shape(LinkShape::default());
    let begin = Instant::now();
    for _ in 0..PACKETS {
        sender.send(&[0])?;
    }
    say(&format!("{PACKETS} packets were sent in {:.1?}", begin.elapsed()));
    thread::sleep(LINGER);
    expect(wire.counters().seen == PACKETS as u64, || format!("{:?}", wire.counters()))
}

fn end(wire: Wire) -> Outcome {
    let device = Path::new("/proc/sys/net/ipv4/conf").join(SHAPING_DEVICE);
    expect(device.exists(), || "there was no device".to_owned())?;
    // A second one would shape what the first one is asked to.
    let second = Shaper::start(0).err().ok_or("there are two")?;
    say(&format!("a second one: {second}"));
    drop(wire);
    expect(!device.exists(), || "the device is left".to_owned())
}
