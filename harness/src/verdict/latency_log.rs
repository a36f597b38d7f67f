//! Latencies over time, in a format that other tools read.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::evidence::{Evidence, LoadIndex, Operation, Outcome};

const SECOND_NANOS: u64 = 1_000_000_000;

/// Latencies are kept to three digits between a microsecond and an hour.
const LATENCY_NANOS_MIN: u64 = 1_000;
const LATENCY_NANOS_MAX: u64 = 3_600 * SECOND_NANOS;

/// Nanoseconds in the histograms, milliseconds in the log's column of maxima, as `HistogramLogAnalyzer` expects.
const NANOS_IN_MAX: f64 = 1e6;

/// The content of `latency.hlog`: an interval log of `HdrHistogram`, V2, with one interval for each second of the
/// run's clock in which an operation of any outcome ended, and for the empty ones between. In nanoseconds from the
/// intended start.
///
/// Behind the histogram of all stand those of the operations that are alike, each with a tag such as `app/SET/ok/A`: load, command,
/// outcome, and the master that owned the shard at the start.
pub fn latency_log(evidence: &Evidence) -> io::Result<Vec<u8>> {
    let mut alike = Alike::new(evidence);
    let latency = |operation: Operation| {
        let (second, nanos) = (operation.ended.0 / SECOND_NANOS, operation.latency_nanos());
        Some(Latency { second, alike: alike.number(&operation)?, nanos })
    };
    let operations = evidence.history.iter().filter(|operation| !operation.is_final_read());
    let mut latencies: Vec<_> = operations.filter_map(latency).collect();
    latencies.sort_unstable();
    let started = UNIX_EPOCH + Duration::from_micros(evidence.info.started_unix_us.try_into().unwrap_or(0));
    let (mut log, mut serializer) = (Vec::new(), V2Serializer::new());
    let mut writer = IntervalLogWriterBuilder::new()
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(NANOS_IN_MAX)
        .begin_log_with(&mut log, &mut serializer)?;
    let seconds = latencies.first().map_or(0, |first| first.second)..latencies.last().map_or(0, |last| last.second + 1);
    let mut rest = &latencies[..];
    for second in seconds {
        let (now, later) = rest.split_at(rest.partition_point(|latency| latency.second <= second));
        rest = later;
        let (begins, lasts) = (Duration::from_secs(second), Duration::from_secs(1));
        writer.write_histogram(&histogram_of(now)?, begins, lasts, None).map_err(other)?;
        let by_tag = now.chunk_by(|one, next| one.alike == next.alike).map(|same| (alike.tag(same[0].alike), same));
        for (tag, same) in by_tag.collect::<BTreeMap<_, _>>() {
            writer.write_histogram(&histogram_of(same)?, begins, lasts, Tag::new(&tag)).map_err(other)?;
        }
    }
    Ok(log)
}

/// How long one operation took.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Latency {
    /// The second of the run's clock in which it ended.
    second: u64,
    /// The number of those that it is like.
    alike: u32,
    nanos: u64,
}

fn histogram_of(latencies: &[Latency]) -> io::Result<Histogram<u64>> {
    let mut histogram = Histogram::new_with_bounds(LATENCY_NANOS_MIN, LATENCY_NANOS_MAX, 3).map_err(other)?;
    for latency in latencies {
        histogram.saturating_record(latency.nanos);
    }
    Ok(histogram)
}

/// What operations of one tag have in common: load, command, outcome and shard.
type Common<'a> = (LoadIndex, &'a str, Outcome, Option<u16>);

/// Numbers for what operations have in common.
struct Alike<'a> {
    evidence: &'a Evidence,
    numbers: BTreeMap<Common<'a>, u32>,
    found: Vec<Common<'a>>,
}

impl<'a> Alike<'a> {
    const fn new(evidence: &'a Evidence) -> Self {
        Self { evidence, numbers: BTreeMap::new(), found: Vec::new() }
    }

    /// The number of what an operation has in common with others; none of a load that is not in the plan.
    fn number(&mut self, operation: &Operation) -> Option<u32> {
        let load = self.evidence.plan.loads.get(usize::from(operation.load))?;
        let common = (operation.load, load.command(operation.source), operation.outcome, operation.shard);
        Some(*self.numbers.entry(common).or_insert_with(|| {
            self.found.push(common);
            u32::try_from(self.found.len() - 1).unwrap_or(u32::MAX)
        }))
    }

    /// The tag of what has that number.
    fn tag(&self, number: u32) -> String {
        let (load, command, outcome, shard) = self.found[number as usize];
        let load = &self.evidence.plan.loads[usize::from(load)].name;
        let shard = shard.and_then(|shard| self.evidence.plan.shards().nth(usize::from(shard)));
        let shard = shard.map_or("nobody", |owner| owner.name.as_str());
        let outcome = match outcome {
            Outcome::Ok => "ok",
            Outcome::Fail => "fail",
            Outcome::Unknown => "unknown",
        };
        format!("{load}/{command}/{outcome}/{shard}")
    }
}

fn other(error: impl std::fmt::Debug) -> io::Error {
    io::Error::other(format!("{error:?}"))
}
