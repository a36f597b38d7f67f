//! What clients saw over time, in bins.

use std::fmt::Write;

use crate::check::samples::quantile;
use crate::evidence::{Evidence, Operation, Outcome};
use crate::vocab::Instant;

/// The width of a bin of `series.csv`, and the least of any chart's.
const BIN_NANOS: u64 = 100_000_000;

/// What clients saw over time.
#[derive(Clone, Debug)]
pub struct TimeSeries {
    /// Where the first bin begins.
    pub start: Instant,
    /// The width of a bin.
    pub bin_nanos: u64,
    /// The bins, without gaps.
    pub bins: Vec<Bin>,
}

/// One interval. What ended ok counts where it ended, all else where it was due: nothing ends in an outage.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bin {
    /// Operations that were due in it.
    pub due: u64,
    /// Operations that ended ok in it.
    pub ok: u64,
    /// Operations that were due in it and surely not executed, those that were never begun among them.
    pub fail: u64,
    /// Operations that were due in it and may have been executed.
    pub unknown: u64,
    /// Latencies in milliseconds of all operations that were due in it: median, 99th percentile, maximum.
    pub latency_ms: Option<[f64; 3]>,
}

impl Bin {
    fn add(&mut self, other: &Self) {
        self.due += other.due;
        self.ok += other.ok;
        self.fail += other.fail;
        self.unknown += other.unknown;
    }

    /// Operations that were due in it and did not end ok.
    pub fn not_ok(&self) -> u64 {
        self.fail + self.unknown
    }
}

/// Operations in bins of 100 ms, counted from the run's beginning, each with the latencies of what was due in it.
#[derive(Default)]
struct Tenths {
    /// The beginning of the first bin with anything in it, and the end of the last operation; none without an operation.
    extent: Option<(usize, Instant)>,
    bins: Vec<(Bin, Vec<u64>)>,
}

impl Tenths {
    fn add(&mut self, operation: &Operation) {
        let index = |at: Instant| usize::try_from(at.0 / BIN_NANOS).unwrap_or(usize::MAX);
        let (due, ended) = (index(operation.intended), index(operation.ended));
        let (first, end) = self.extent.unwrap_or((due, operation.ended));
        self.extent = Some((first.min(due), end.max(operation.ended)));
        if self.bins.len() <= ended {
            self.bins.resize_with(ended + 1, Default::default);
        }
        let (bin, latencies) = &mut self.bins[due];
        latencies.push(operation.latency_nanos());
        bin.due += 1;
        match operation.outcome {
            Outcome::Ok => self.bins[ended].0.ok += 1,
            Outcome::Fail => bin.fail += 1,
            Outcome::Unknown => bin.unknown += 1,
        }
    }

    /// Adds what another has.
    fn absorb(&mut self, other: Self) {
        let Some((first, end)) = other.extent else { return };
        let (own_first, own_end) = self.extent.unwrap_or((first, end));
        self.extent = Some((own_first.min(first), own_end.max(end)));
        if self.bins.len() < other.bins.len() {
            self.bins.resize_with(other.bins.len(), Default::default);
        }
        for ((bin, latencies), (others, mut other_latencies)) in self.bins.iter_mut().zip(other.bins) {
            bin.add(&others);
            latencies.append(&mut other_latencies);
        }
    }

    /// The same in wider bins where there would be more than `bins_max`; none without an operation.
    fn series(&self, bins_max: u64) -> Option<TimeSeries> {
        let (first, end) = self.extent?;
        let start = Instant(BIN_NANOS * first as u64);
        let wide = end.nanos_since(start).div_ceil(BIN_NANOS.saturating_mul(bins_max)).max(1);
        let (mut bins, mut latencies) = (Vec::new(), Vec::new());
        for tenths in self.bins[first..].chunks(usize::try_from(wide).unwrap_or(usize::MAX)) {
            let mut bin = Bin::default();
            latencies.clear();
            for (other, others) in tenths {
                bin.add(other);
                latencies.extend_from_slice(others);
            }
            bin.latency_ms = quantiles(&mut latencies);
            bins.push(bin);
        }
        Some(TimeSeries { start, bin_nanos: BIN_NANOS * wide, bins })
    }
}

impl TimeSeries {
    /// Where the last bin ends.
    pub fn end(&self) -> Instant {
        self.start_of(self.bins.len())
    }

    /// Where a bin begins.
    pub fn start_of(&self, bin: usize) -> Instant {
        self.start.plus_nanos(self.bin_nanos * bin as u64)
    }

    /// The bin in which a moment lies.
    pub fn bin_of(&self, at: Instant) -> Option<usize> {
        let bin = usize::try_from(at.0.checked_sub(self.start.0)? / self.bin_nanos).ok()?;
        (bin < self.bins.len()).then_some(bin)
    }

    /// The length of a bin in seconds.
    pub fn bin_seconds(&self) -> f64 {
        self.bin_nanos as f64 / 1e9
    }
}

fn quantiles(nanos: &mut [u64]) -> Option<[f64; 3]> {
    let mut at = |fraction| Some(quantile(nanos, fraction)? as f64 / 1e6);
    Some([at(0.5)?, at(0.99)?, at(1.0)?])
}

/// What clients saw over time: the content of `series.csv`, a line for each load and each 100 ms from its first operation to its
/// last; and all loads together, in bins of 100 ms, or in wider ones where there would be more than `bins_max`: none without an
/// operation.
pub fn series(evidence: &Evidence, bins_max: u64) -> (String, Option<TimeSeries>) {
    let mut text = "seconds,load,due,ok,fail,unknown,p50_ms,p99_ms,max_ms\n".to_owned();
    let mut of_loads: Vec<_> = evidence.plan.loads.iter().map(|load| (load, Tenths::default())).collect();
    for operation in evidence.history.iter().filter(|operation| !operation.is_final_read()) {
        if let Some((_, tenths)) = of_loads.get_mut(usize::from(operation.load)) {
            tenths.add(&operation);
        }
    }
    let mut all = Tenths::default();
    for (load, tenths) in of_loads {
        add_lines(&mut text, &load.name, tenths.series(u64::MAX));
        all.absorb(tenths);
    }
    (text, all.series(bins_max))
}

fn add_lines(text: &mut String, load: &str, series: Option<TimeSeries>) {
    let Some(series) = series else { return };
    for (number, bin) in series.bins.iter().enumerate() {
        let seconds = series.start_of(number).0 as f64 / 1e9;
        let Bin { due, ok, fail, unknown, latency_ms } = bin;
        let latency =
            latency_ms.map_or_else(|| ",,".to_owned(), |[p50, p99, max]| format!("{p50:.3},{p99:.3},{max:.3}"));
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{seconds:.1},{load},{due},{ok},{fail},{unknown},{latency}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story};
    use crate::evidence::testing::load;

    #[test]
    fn quantiles_of_few_samples_are_samples() {
        assert_eq!(quantiles(&mut [3_000_000, 1_000_000]), Some([1.0, 3.0, 3.0]));
        assert_eq!(quantiles(&mut []), None);
    }

    /// The first bin is from 1 s to 1.2 s, the last to 1.4 s.
    #[test]
    fn a_moment_lies_in_one_bin() {
        let bin = |fail, unknown| Bin { fail, unknown, ..Bin::default() };
        let series = TimeSeries {
            start: Instant::from_millis(1_000),
            bin_nanos: 2 * BIN_NANOS,
            bins: vec![bin(2, 1), Bin::default()],
        };
        let bins = [999, 1_000, 1_199, 1_200, 1_399, 1_400].map(|ms| series.bin_of(Instant::from_millis(ms)));
        assert_eq!(bins, [None, Some(0), Some(0), Some(1), Some(1), None]);
        assert_eq!([series.start_of(1), series.end()], [1_200, 1_400].map(Instant::from_millis));
        assert!((series.bin_seconds() - 0.2).abs() < 1e-9);
        assert_eq!(series.bins[0].not_ok(), 3);
    }

    /// Two loads; an operation of the second takes 250 ms, one may have been executed, and one was not.
    #[test]
    fn a_table_has_a_line_for_each_load_and_tenth_of_a_second() {
        let mut story = Story::formed();
        story.evidence.plan.loads.push(load("other"));
        story.run(LOAD_STARTS, LOAD_STARTS + 200);
        story.write(LOAD_STARTS + 50, 1, |write| {
            (write.load, write.ended) = (1, Instant::from_millis(LOAD_STARTS + 300));
        });
        story.write(LOAD_STARTS + 60, 2, |write| (write.load, write.outcome) = (1, Outcome::Unknown));
        story.write(LOAD_STARTS + 70, 3, |write| (write.load, write.outcome) = (1, Outcome::Fail));
        let lines = [
            "seconds,load,due,ok,fail,unknown,p50_ms,p99_ms,max_ms",
            "1.0,app,100,99,0,0,1.000,1.000,1.000",
            "1.1,app,100,100,0,0,1.000,1.000,1.000",
            "1.2,app,0,1,0,0,,,",
            "1.0,other,3,0,1,1,1.000,250.000,250.000",
            "1.1,other,0,0,0,0,,,",
            "1.2,other,0,0,0,0,,,",
            "1.3,other,0,1,0,0,,,",
        ];
        let (csv, all) = series(&story.evidence, 2);
        assert_eq!(csv.lines().collect::<Vec<_>>(), lines);
        let all = all.unwrap();
        assert_eq!([all.start, all.end()], [LOAD_STARTS, LOAD_STARTS + 400].map(Instant::from_millis));
        let bins: Vec<_> =
            all.bins.iter().map(|bin| (bin.due, bin.ok, bin.fail, bin.unknown, bin.latency_ms)).collect();
        assert_eq!(bins, [(203, 199, 1, 1, Some([1.0, 1.0, 250.0])), (0, 2, 0, 0, None)]);
    }
}
