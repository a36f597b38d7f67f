//! Latencies over time, in a format that other tools read.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::time::{Duration, UNIX_EPOCH};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2Serializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use crate::evidence::{Evidence, LoadIndex, Operation, OperationSource, Outcome};

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
    // By the second of the run's clock in which each ended: the number of those that it is like, and how long it took.
    let mut seconds = BTreeMap::<_, Vec<(u32, u64)>>::new();
    for operation in evidence.history.iter().filter(|operation| !operation.is_final_read()) {
        if let Some(number) = alike.number(&operation) {
            seconds.entry(operation.ended.0 / SECOND_NANOS).or_default().push((number, operation.latency_nanos()));
        }
    }
    let started = UNIX_EPOCH + Duration::from_micros(evidence.info.started_unix_us.try_into().unwrap_or(0));
    let (mut log, mut serializer) = (Vec::new(), V2Serializer::new());
    let mut writer = IntervalLogWriterBuilder::new()
        .with_start_time(started)
        .with_base_time(started)
        .with_max_value_divisor(NANOS_IN_MAX)
        .begin_log_with(&mut log, &mut serializer)?;
    let (first, last) = (seconds.keys().next().copied(), seconds.keys().next_back().copied());
    for second in first.zip(last).into_iter().flat_map(|(first, last)| first..=last) {
        let (mut all, mut by_number) = (histogram()?, BTreeMap::new());
        for (number, nanos) in seconds.remove(&second).unwrap_or_default() {
            all.saturating_record(nanos);
            match by_number.entry(number) {
                Entry::Occupied(same) => same.into_mut(),
                Entry::Vacant(new) => new.insert(histogram()?),
            }
            .saturating_record(nanos);
        }
        let (begins, lasts) = (Duration::from_secs(second), Duration::from_secs(1));
        writer.write_histogram(&all, begins, lasts, None).map_err(other)?;
        let by_tag: BTreeMap<_, _> = by_number.into_iter().map(|(number, same)| (alike.tag(number), same)).collect();
        for (tag, same) in by_tag {
            writer.write_histogram(&same, begins, lasts, Tag::new(&tag)).map_err(other)?;
        }
    }
    Ok(log)
}

fn histogram() -> io::Result<Histogram<u64>> {
    Histogram::new_with_bounds(LATENCY_NANOS_MIN, LATENCY_NANOS_MAX, 3).map_err(other)
}

/// What operations of one tag have in common: load, command, outcome and shard.
type Common<'a> = (LoadIndex, &'a str, Outcome, Option<u16>);

/// Numbers for what operations have in common.
struct Alike<'a> {
    evidence: &'a Evidence,
    /// By load, command, outcome and shard.
    numbers: BTreeMap<(LoadIndex, OperationSource, Outcome, Option<u16>), u32>,
    found: Vec<Common<'a>>,
}

impl<'a> Alike<'a> {
    const fn new(evidence: &'a Evidence) -> Self {
        Self { evidence, numbers: BTreeMap::new(), found: Vec::new() }
    }

    /// The number of what an operation has in common with others; none of a load that is not in the plan.
    fn number(&mut self, operation: &Operation) -> Option<u32> {
        let by = (operation.load, operation.source, operation.outcome, operation.shard);
        if let Some(number) = self.numbers.get(&by) {
            return Some(*number);
        }
        let load = self.evidence.plan.loads.get(usize::from(operation.load))?;
        let common = (operation.load, load.command(operation.source), operation.outcome, operation.shard);
        let known = self.found.iter().position(|found| *found == common);
        let number = known.unwrap_or_else(|| {
            self.found.push(common);
            self.found.len() - 1
        });
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.numbers.insert(by, number);
        Some(number)
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
