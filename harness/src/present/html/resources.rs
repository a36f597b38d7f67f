//! What the servers and the machine used over time: a table of small charts.

use std::collections::BTreeMap;

use maud::{Markup, html};

use super::super::words::{bytes, count_of, percent, rate};
use super::chart::{points, px};
use crate::evidence::{Evidence, Figure, ResourceSample};
use crate::vocab::{Instant, NodeName};

const WIDTH: f64 = 150.0;
const HEIGHT: f64 = 40.0;

/// More points than this would be less than a pixel apart.
const POINTS_MAX: usize = 150;

/// Samples are a second apart; where one is missing, so is the line.
const GAP_MS: f64 = 1_900.0;

/// What a small chart shows.
struct Measure {
    title: &'static str,
    words: fn(f64) -> String,
    /// The number at a sample, given the one before it.
    read: fn(&ResourceSample, Option<&ResourceSample>) -> Option<f64>,
    /// The figure below the chart is the least, not the most.
    least: bool,
    /// The top of the scale; the highest number if none.
    top: Option<f64>,
}

impl Measure {
    const fn new(
        title: &'static str,
        words: fn(f64) -> String,
        read: fn(&ResourceSample, Option<&ResourceSample>) -> Option<f64>,
    ) -> Self {
        Self { title, words, read, least: false, top: None }
    }

    /// A share of something whole.
    const fn share(title: &'static str, read: fn(&ResourceSample, Option<&ResourceSample>) -> Option<f64>) -> Self {
        Self { top: Some(100.0), ..Self::new(title, percent, read) }
    }
}

const OF_SERVERS: [Measure; 7] = [
    Measure::new("memory", bytes, |sample, _| sample.figure(Figure::MemoryUsedBytes)),
    Measure::new("keys", count_of, |sample, _| sample.figure(Figure::Keys)),
    Measure::new("clients", count_of, |sample, _| sample.figure(Figure::Clients)),
    Measure::new("commands", rate, |sample, before| sample.per_second(before?, Figure::Commands)),
    Measure::new("received", bytes_per_second, |sample, before| sample.per_second(before?, Figure::NetworkInBytes)),
    Measure::new("sent", bytes_per_second, |sample, before| sample.per_second(before?, Figure::NetworkOutBytes)),
    Measure::new("CPU", percent, |sample, before| sample.cpu_percent(before?)),
];

const OF_MACHINE: [Measure; 7] = [
    Measure::share("CPU", |sample, before| Some(100.0 - sample.cpu_share_percent(before?, Figure::CpuIdleMs)?)),
    Measure::share("CPU stolen", |sample, before| sample.cpu_share_percent(before?, Figure::CpuStolenMs)),
    Measure {
        least: true,
        ..Measure::new("memory left", bytes, |sample, _| sample.figure(Figure::MemoryAvailableBytes))
    },
    Measure::new("hosts received", bytes_per_second, |sample, before| {
        sample.per_second(before?, Figure::NetworkInBytes)
    }),
    Measure::share("waits for CPU", |sample, before| pressure_percent(sample, before, Figure::CpuPressureSomeMs)),
    Measure::share("for memory", |sample, before| pressure_percent(sample, before, Figure::MemoryPressureSomeMs)),
    Measure::share("for disks", |sample, before| pressure_percent(sample, before, Figure::IoPressureSomeMs)),
];

fn bytes_per_second(number: f64) -> String {
    format!("{}/s", bytes(number))
}

/// For how much of the time somebody had to wait.
fn pressure_percent(sample: &ResourceSample, before: Option<&ResourceSample>, figure: Figure) -> Option<f64> {
    Some(sample.per_second(before?, figure)? / 10.0)
}

/// The section; nothing if nothing was sampled.
///
/// It ends where the harness begins to read every key back, which would dwarf the rest.
pub(super) fn resources(evidence: &Evidence, windows: &[(Instant, Instant)]) -> Markup {
    let mut of = BTreeMap::<Option<&NodeName>, Vec<&ResourceSample>>::new();
    for sample in evidence.samples_before_final_read() {
        of.entry(sample.node.as_ref()).or_default().push(sample);
    }
    let times = || of.values().flatten().map(|sample| sample.at);
    let (Some(start), Some(end)) = (times().min(), times().max()) else { return html! {} };
    let stretch = Stretch { start, end, windows };
    let machine = of.remove(&None).unwrap_or_default();
    let nodes = evidence.plan.nodes.iter().map(|node| &node.name);
    let servers: Vec<_> = nodes.map(|node| (node.as_str(), of.remove(&Some(node)).unwrap_or_default())).collect();
    html! {
        section {
            h2 { "Servers and machine, second by second" }
            p.legend {
                span.key.ok { "below each chart its peak, of memory left the least" } span.key.window { "fault to settled" }
                span.dim { "from " (start) " to " (end) "; charts of a column have one scale" }
            }
            p.dim {
                "Commands are without those that the harness asks of each server. What a server sent and its CPU are with \
                 them, and two of its clients are the harness. CPU of a server is of one processor, of the machine of all."
            }
            (table("node", &OF_SERVERS, &servers, &stretch))
            @if !machine.is_empty() { (table("", &OF_MACHINE, &[("machine", machine)], &stretch)) }
        }
    }
}

/// The time that all charts show.
struct Stretch<'a> {
    start: Instant,
    end: Instant,
    windows: &'a [(Instant, Instant)],
}

impl Stretch<'_> {
    fn x(&self, at: Instant) -> f64 {
        let whole = self.end.millis_since(self.start).max(1.0);
        WIDTH * (at.millis_since(self.start) / whole).clamp(0.0, 1.0)
    }
}

/// A row for each of those whose samples are given, a column for each measure that any of them tells.
fn table(of: &str, measures: &[Measure], rows: &[(&str, Vec<&ResourceSample>)], stretch: &Stretch<'_>) -> Markup {
    let tracks = |measure| rows.iter().map(|(_, samples)| Track::of(samples, measure)).collect::<Vec<_>>();
    let columns: Vec<_> = measures.iter().map(|measure| (measure, tracks(measure))).collect();
    let told = columns.into_iter().filter(|(_, tracks)| tracks.iter().any(|track| !track.runs.is_empty()));
    let told: Vec<_> = told.map(|(measure, tracks)| (measure, top(measure, &tracks), tracks)).collect();
    html! {
        table.resources {
            thead { tr { th { (of) } @for (measure, ..) in &told { th { (measure.title) } } } }
            tbody {
                @for (index, (name, _)) in rows.iter().enumerate() {
                    tr {
                        td { strong { (name) } }
                        @for (measure, top, tracks) in &told { td { (cell(name, measure, *top, &tracks[index], stretch)) } }
                    }
                }
            }
        }
    }
}

/// The number at the upper edge of a column's charts.
fn top(measure: &Measure, tracks: &[Track]) -> f64 {
    let highest = tracks.iter().flat_map(Track::numbers).fold(0.0, f64::max);
    measure.top.unwrap_or(highest).max(f64::MIN_POSITIVE)
}

fn cell(name: &str, measure: &Measure, top: f64, track: &Track, stretch: &Stretch<'_>) -> Markup {
    let numbers = || track.numbers();
    let extreme = if measure.least { numbers().reduce(f64::min) } else { numbers().reduce(f64::max) };
    let Some(extreme) = extreme.map(measure.words) else { return html! { span.dim { "none" } } };
    let place =
        |(at, number): &(Instant, f64)| (stretch.x(*at), (HEIGHT - 1.0) * (1.0 - (number / top).clamp(0.0, 1.0)) + 0.5);
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img" aria-label=(format!("{name}: {}, {extreme}", measure.title)) {
            @for (from, to) in stretch.windows {
                @let (from, to) = (stretch.x(*from), stretch.x(*to));
                rect.window x=(px(from)) y="0" width=(px((to - from).max(1.0))) height=(HEIGHT) {}
            }
            line.grid x1="0" x2=(WIDTH) y1=(HEIGHT - 0.5) y2=(HEIGHT - 0.5) {}
            @for run in &track.runs {
                @if let [only] = run.as_slice() {
                    circle.ok cx=(px(place(only).0)) cy=(px(place(only).1)) r="1.6" {}
                } @else {
                    polyline.ok points=(points(run.iter().map(place))) {}
                }
            }
        }
        span.dim { (extreme) }
    }
}

/// The numbers of a measure over time, in runs without gaps.
#[derive(Debug, Default, PartialEq)]
struct Track {
    runs: Vec<Vec<(Instant, f64)>>,
}

impl Track {
    fn of(samples: &[&ResourceSample], measure: &Measure) -> Self {
        let mut track = Self::default();
        let (mut before, mut follows) = (None::<&ResourceSample>, false);
        for &sample in samples {
            let near = before.filter(|before| sample.at.millis_since(before.at) <= GAP_MS);
            let number = (measure.read)(sample, near);
            match (number, track.runs.last_mut().filter(|_| follows && near.is_some())) {
                (Some(number), Some(run)) => run.push((sample.at, number)),
                (Some(number), None) => track.runs.push(vec![(sample.at, number)]),
                (None, _) => {}
            }
            (before, follows) = (Some(sample), number.is_some());
        }
        track.thin_out(measure.least)
    }

    /// Of neighbours that fall together, the one that says most stays.
    fn thin_out(mut self, least: bool) -> Self {
        let together = self.numbers().count().div_ceil(POINTS_MAX).max(1);
        let say = |point: &(Instant, f64)| if least { -point.1 } else { point.1 };
        let most =
            |points: &[(Instant, f64)]| points.iter().copied().max_by(|one, other| say(one).total_cmp(&say(other)));
        for run in &mut self.runs {
            *run = run.chunks(together).filter_map(most).collect();
        }
        self
    }

    fn numbers(&self) -> impl Iterator<Item = f64> {
        self.runs.iter().flatten().map(|(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::super::sample;
    use super::*;
    use crate::evidence::testing::{server_samples, with};

    const COMMANDS: &Measure = &OF_SERVERS[3];
    const MEMORY: &Measure = &OF_SERVERS[0];

    fn lengths(samples: &[ResourceSample], measure: &Measure) -> Vec<usize> {
        let samples: Vec<_> = samples.iter().collect();
        Track::of(&samples, measure).runs.iter().map(Vec::len).collect()
    }

    /// Five samples, then some of a later time or of another process.
    #[rstest]
    #[case::one_life(1.0, 5_000, &[9], &[10])]
    #[case::another_process(2.0, 5_000, &[4, 4], &[10])]
    #[case::a_gap(1.0, 9_000, &[4, 4], &[5, 5])]
    fn a_line_ends_where_counters_do(
        #[case] process: f64,
        #[case] later: u64,
        #[case] commands: &[usize],
        #[case] memory: &[usize],
    ) {
        let first = server_samples("A", 1.0, 0..5_000, 10.0);
        let second = server_samples("A", process, later..later + 5_000, 10.0);
        let second = second.into_iter().map(|mut sample| {
            // As if the counter went on; in another process it is another all the same.
            sample.figures.set(Figure::Commands, sample.figure(Figure::Commands).unwrap() + 100.0);
            sample
        });
        let samples: Vec<_> = first.into_iter().chain(second).collect();
        assert_eq!((lengths(&samples, COMMANDS), lengths(&samples, MEMORY)), (commands.to_vec(), memory.to_vec()));
    }

    #[test]
    fn a_long_run_keeps_its_peak_and_few_points() {
        let mut samples = server_samples("A", 1.0, 0..3_600_000, 10.0);
        samples[1_234].figures.set(Figure::MemoryUsedBytes, 9e9);
        assert_eq!(lengths(&samples, MEMORY), [POINTS_MAX]);
        let samples: Vec<_> = samples.iter().collect();
        assert!(Track::of(&samples, MEMORY).numbers().any(|number| (number - 9e9).abs() < 1.0));
    }

    #[test]
    fn servers_and_machine_are_drawn() {
        let evidence = sample::master_kill();
        let page = resources(&evidence, &[(Instant::from_millis(4_200), Instant::from_millis(5_790))]).into_string();
        for expected in [
            "from 0.300 s to 11.500 s",
            "A: commands, 667/s",
            "B: received, 65.1 KiB/s",
            "machine: CPU, 25.0 %",
            "machine: waits for CPU, 2.0 %",
            "machine: memory left, 7.5 GiB",
        ] {
            assert!(page.contains(expected), "{expected} is missing: {page}");
        }
        assert!(!page.contains("for disks"), "nobody told of it: {page}");
    }

    #[test]
    fn without_samples_there_is_no_section() {
        let mut evidence = sample::master_kill();
        evidence.samples.clear();
        assert_eq!(resources(&evidence, &[]).into_string(), "");
    }

    #[test]
    fn a_single_sample_is_a_point() {
        let mut evidence = sample::master_kill();
        evidence.samples = with(server_samples("A", 1.0, 300..400, 1.0), Figure::Keys, 1.0);
        assert!(resources(&evidence, &[]).into_string().contains("<circle"));
    }
}
