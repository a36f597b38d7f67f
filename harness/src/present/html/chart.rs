//! Drawings in SVG: throughput and latency over time, and the phases of a failover.

use maud::{Markup, html};

use super::super::words::{count, millis, rate};
use super::series::Mark;
use crate::verdict::{Bin, FailoverReport, TimeSeries};
use crate::vocab::Instant;

pub(super) const WIDTH: f64 = 1000.0;
pub(super) const LEFT: f64 = 66.0;
const RIGHT: f64 = 14.0;
/// Marks are labelled above the panels, in rows so that neighbours do not overlap.
const MARK_ROWS: usize = 3;
const MARK_ROW: f64 = 15.0;
const TOP: f64 = MARK_ROW * 3.0 + 8.0;
const THROUGHPUT: Panel = Panel { top: TOP + 14.0, height: 150.0 };
const LATENCY: Panel = Panel { top: TOP + 14.0 + 150.0 + 40.0, height: 200.0 };
const BOTTOM: f64 = LATENCY.top + LATENCY.height;

/// A part of a chart with a scale of its own.
#[derive(Clone, Copy)]
pub(super) struct Panel {
    pub(super) top: f64,
    pub(super) height: f64,
}

impl Panel {
    /// The height at which `fraction` of the panel, counted from below, lies.
    pub(super) fn y(self, fraction: f64) -> f64 {
        self.top + self.height * (1.0 - fraction.clamp(0.0, 1.0))
    }
}

/// Throughput and latency over the run, with the faults.
pub(super) fn run_chart(series: &TimeSeries, windows: &[(Instant, Instant)], marks: &[Mark]) -> Markup {
    let chart = Chart { series };
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", BOTTOM + 34.0)) role="img" aria-label="Throughput and latency over the run" {
            (chart.windows(windows, TOP, BOTTOM))
            (chart.time_axis(THROUGHPUT.top, BOTTOM))
            (chart.throughput())
            (chart.latency())
            (chart.marks(marks))
            (chart.readings())
        }
    }
}

/// What is drawn over the time of a series.
pub(super) struct Chart<'a> {
    pub(super) series: &'a TimeSeries,
}

impl Chart<'_> {
    fn x(&self, at: Instant) -> f64 {
        let whole = self.series.end().millis_since(self.series.start);
        LEFT + (WIDTH - LEFT - RIGHT) * (at.millis_since(self.series.start) / whole).clamp(0.0, 1.0)
    }

    fn bin_start(&self, index: usize) -> Instant {
        self.series.start_of(index)
    }

    pub(super) fn bin_middle(&self, index: usize) -> f64 {
        self.x(self.bin_start(index).plus_nanos(self.series.bin_nanos / 2))
    }

    /// The times from a fault until the cluster had settled.
    pub(super) fn windows(&self, windows: &[(Instant, Instant)], top: f64, bottom: f64) -> Markup {
        html! {
            @for (from, to) in windows {
                rect.window x=(px(self.x(*from))) y=(px(top)) width=(px((self.x(*to) - self.x(*from)).max(1.0)))
                    height=(px(bottom - top)) { title { "from the fault until the cluster had settled" } }
            }
        }
    }

    pub(super) fn time_axis(&self, top: f64, bottom: f64) -> Markup {
        let seconds = self.series.end().millis_since(self.series.start) / 1e3;
        let step = nice_step(seconds / 12.0).max(0.1);
        let first = (self.series.start.0 as f64 / 1e9 / step).ceil() * step;
        let last = self.series.end().0 as f64 / 1e9;
        let ticks =
            std::iter::successors(Some(first), |tick| Some(tick + step)).take_while(|tick| *tick <= last + 1e-9);
        html! {
            @for tick in ticks {
                @let x = px(LEFT + (WIDTH - LEFT - RIGHT) * (tick - self.series.start.0 as f64 / 1e9) / seconds);
                line.grid x1=(x) x2=(x) y1=(px(top)) y2=(px(bottom)) {}
                text.tick x=(x) y=(px(bottom + 16.0)) text-anchor="middle" { (format!("{} s", trim(tick))) }
            }
        }
    }

    fn throughput(&self) -> Markup {
        let per_second = |number: u64| number as f64 / self.series.bin_seconds();
        let highest = per_second(throughput_shown(&self.series.bins)).max(1.0);
        let step = nice_step(highest / 4.0);
        let top = (highest / step).ceil() * step;
        let steps = std::iter::successors(Some(0.0), |tick| Some(tick + step)).take_while(|tick| *tick <= top + 1e-9);
        let line = self.series.bins.iter().enumerate();
        let line = line.map(|(index, bin)| (self.bin_middle(index), THROUGHPUT.y(per_second(bin.ok) / top)));
        let points = points(line);
        let width = (WIDTH - LEFT - RIGHT) / self.series.bins.len() as f64;
        html! {
            text.panel x=(px(LEFT)) y=(px(THROUGHPUT.top - 4.0)) { "operations a second" }
            @for tick in steps { (level(THROUGHPUT, tick / top, &rate_tick(tick))) }
            polygon.area points=(format!("{},{} {points} {},{}", px(self.bin_middle(0)), px(THROUGHPUT.y(0.0)),
                px(self.bin_middle(self.series.bins.len() - 1)), px(THROUGHPUT.y(0.0)))) {}
            polyline.ok points=(points) {}
            // The highest of what is cut off has its figure; those of its neighbours would cover it.
            @if let Some((index, bin)) = self.series.bins.iter().enumerate().max_by_key(|(_, bin)| bin.ok)
                && per_second(bin.ok) > top * 1.001 {
                text.tick x=(px(self.bin_middle(index) + 5.0)) y=(px(THROUGHPUT.top + 10.0)) { "↑ " (rate(per_second(bin.ok))) }
            }
            @for (index, bin) in self.series.bins.iter().enumerate().filter(|(_, bin)| bin.not_ok() > 0) {
                @let y = THROUGHPUT.y(per_second(bin.not_ok()) / top).min(THROUGHPUT.y(0.0) - 2.0);
                @let unknown = (THROUGHPUT.y(0.0) - y) * (bin.unknown as f64 / bin.not_ok() as f64);
                rect.bad x=(px(self.x(self.bin_start(index)))) y=(px(y)) width=(px(width.max(1.5)))
                    height=(px(THROUGHPUT.y(0.0) - y)) {}
                @if unknown > 0.0 {
                    rect.unknown x=(px(self.x(self.bin_start(index)))) y=(px(THROUGHPUT.y(0.0) - unknown))
                        width=(px(width.max(1.5))) height=(px(unknown)) {}
                }
            }
        }
    }

    /// On a logarithmic scale: an outage of seconds and a median of microseconds on one panel.
    fn latency(&self) -> Markup {
        let latencies = || self.series.bins.iter().map(|bin| bin.latency_ms);
        let scale = Decades::of(latencies().flatten().flatten());
        html! {
            text.panel x=(px(LEFT)) y=(px(LATENCY.top - 4.0)) { "latency of operations by intended start, logarithmic" }
            (scale.levels(LATENCY))
            @for (which, class) in [(2, "max"), (1, "p99"), (0, "p50")] {
                (self.lines(LATENCY, &scale, class, latencies().map(|latency| Some(latency?[which]))))
            }
        }
    }

    /// Lines through the numbers of neighbouring bins, in milliseconds; none is drawn across a gap.
    pub(super) fn lines(
        &self,
        panel: Panel,
        scale: &Decades,
        class: &str,
        bins: impl Iterator<Item = Option<f64>>,
    ) -> Markup {
        html! {
            @for run in runs(bins) {
                @let places = run.iter().map(|(index, ms)| (self.bin_middle(*index), panel.y(scale.fraction(*ms))));
                @if run.len() == 1 {
                    @for (x, y) in places { circle class=(class) cx=(px(x)) cy=(px(y)) r="1.6" {} }
                } @else {
                    polyline class=(class) points=(points(places)) {}
                }
            }
        }
    }

    fn marks(&self, marks: &[Mark]) -> Markup {
        let mut free = [0.0_f64; MARK_ROWS];
        let placed = marks.iter().map(|mark| {
            let x = self.x(mark.at);
            let width = mark.text.chars().count() as f64 * 7.0 + 8.0;
            // Near the right edge the label stands to the left of its line.
            let flip = x + width > WIDTH;
            let left = if flip { x - width } else { x };
            let row = free.iter().position(|end| *end <= left).unwrap_or(MARK_ROWS - 1);
            free[row] = left + width;
            (mark, x, flip, MARK_ROW * (row as f64 + 1.0))
        });
        html! {
            @for (mark, x, flip, y) in placed {
                @let class = if mark.fault { "mark fault" } else { "mark" };
                line class=(class) x1=(px(x)) x2=(px(x)) y1=(px(y - 10.0)) y2=(px(BOTTOM)) {}
                text class=(class) x=(px(if flip { x - 4.0 } else { x + 4.0 })) y=(px(y))
                    text-anchor=(if flip { "end" } else { "start" }) { (mark.text) }
            }
        }
    }

    /// An invisible column over each bin that tells its figures when pointed at.
    fn readings(&self) -> Markup {
        let width = (WIDTH - LEFT - RIGHT) / self.series.bins.len() as f64;
        html! {
            @for (index, bin) in self.series.bins.iter().enumerate() {
                @let at = self.bin_start(index);
                rect.reading x=(px(self.x(at))) y=(px(TOP)) width=(px(width)) height=(px(BOTTOM - TOP)) {
                    title {
                        (at) "\n" (rate(bin.ok as f64 / self.series.bin_seconds())) " ok, " (count(bin.fail)) " that were due failed, " (count(bin.unknown)) " are unknown"
                        @if let Some([p50, p99, max]) = bin.latency_ms {
                            "\np50 " (millis(p50)) "\np99 " (millis(p99)) "\nmax " (millis(max))
                        }
                    }
                }
            }
        }
    }
}

/// A failover as bars, each from the phase before it to its own moment.
pub(super) fn failover_chart(failover: &FailoverReport) -> Markup {
    const LABEL: f64 = 170.0;
    const FIGURES: f64 = 210.0;
    const ROW: f64 = 26.0;
    let seen: Vec<_> = failover.phases.iter().filter_map(|phase| phase.at.map(|at| (phase, at))).collect();
    let (Some(first), Some(last)) = (seen.iter().map(|(_, at)| *at).min(), seen.iter().map(|(_, at)| *at).max()) else {
        return html! {};
    };
    let whole = last.millis_since(first).max(0.001);
    let x = |at: Instant| LABEL + (WIDTH - LABEL - FIGURES) * at.millis_since(first) / whole;
    html! {
        svg viewBox=(format!("0 0 {WIDTH} {}", ROW * seen.len() as f64 + 6.0)) role="img"
            aria-label=(format!("Phases of the failover of {}", failover.failed)) {
            @for (index, (phase, at)) in seen.iter().enumerate() {
                @let before = seen[index.saturating_sub(1)].1;
                @let y = ROW * index as f64 + 4.0;
                @let (from, to) = (x(before.min(*at)), x(before.max(*at)));
                line.grid x1=(px(x(*at))) x2=(px(x(*at))) y1=(px(y)) y2=(px(ROW * seen.len() as f64)) {}
                text.label x=(px(LABEL - 10.0)) y=(px(y + 14.0)) text-anchor="end" { (phase.phase.to_string()) }
                rect.phase x=(px(from)) y=(px(y + 3.0)) width=(px((to - from).max(2.0))) height="15" rx="2" {
                    title { (phase.source) "\n" (phase.bound_by) }
                }
                text.label x=(px(to + 8.0)) y=(px(y + 14.0)) {
                    "+" (millis(at.millis_since(first)))
                    @if index > 0 { tspan.dim dx="8" { "step " (millis(at.millis_since(before))) } }
                }
            }
        }
    }
}

/// The most operations of a bin that the scale must show. An open loop catches up after an outage in one burst; on a scale
/// of its own the rest of the run would be a flat line, so it is cut off at its figure.
fn throughput_shown(bins: &[Bin]) -> u64 {
    let mut counts: Vec<_> = bins.iter().map(|bin| bin.ok.max(bin.not_ok())).filter(|count| *count > 0).collect();
    counts.sort_unstable();
    let median = counts.get(counts.len() / 2).copied().unwrap_or(0);
    counts.last().copied().unwrap_or(0).min(median * 3)
}

/// A logarithmic scale of times, from one power of ten to another, in milliseconds.
pub(super) struct Decades {
    lowest: f64,
    highest: f64,
}

impl Decades {
    /// The least that has room for all of these times.
    pub(super) fn of(ms: impl Iterator<Item = f64>) -> Self {
        let (least, most) = ms
            .filter(|ms| *ms > 0.0 && ms.is_finite())
            .fold((f64::INFINITY, 0.01_f64), |(least, most), ms| (least.min(ms), most.max(ms)));
        let lowest = least.log10().floor().clamp(-3.0, 6.0);
        Self { lowest, highest: most.log10().ceil().max(lowest + 1.0) }
    }

    fn fraction(&self, ms: f64) -> f64 {
        (ms.max(1e-6).log10() - self.lowest) / (self.highest - self.lowest)
    }

    pub(super) fn levels(&self, panel: Panel) -> Markup {
        let decades = std::iter::successors(Some(self.lowest), |decade| Some(decade + 1.0));
        html! {
            @for decade in decades.take_while(|decade| *decade <= self.highest) {
                (level(panel, self.fraction(10_f64.powf(decade)), &latency_tick(decade)))
            }
        }
    }
}

/// Neighbouring bins with a number, in runs without gaps.
fn runs(bins: impl Iterator<Item = Option<f64>>) -> Vec<Vec<(usize, f64)>> {
    let mut runs = vec![Vec::new()];
    for (index, number) in bins.enumerate() {
        match (number, runs.last_mut()) {
            (Some(number), Some(run)) => run.push((index, number)),
            (None, Some(run)) if !run.is_empty() => runs.push(Vec::new()),
            _ => {}
        }
    }
    runs.retain(|run| !run.is_empty());
    runs
}

fn level(panel: Panel, fraction: f64, label: &str) -> Markup {
    let y = panel.y(fraction);
    html! {
        line.grid x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y)) y2=(px(y)) {}
        text.tick x=(px(LEFT - 8.0)) y=(px(y + 4.0)) text-anchor="end" { (label) }
    }
}

pub(super) fn points(places: impl Iterator<Item = (f64, f64)>) -> String {
    places.map(|(x, y)| format!("{},{}", px(x), px(y))).collect::<Vec<_>>().join(" ")
}

/// A coordinate: tenths of a unit are finer than the eye.
pub(super) fn px(number: f64) -> String {
    trim((number * 10.0).round() / 10.0)
}

fn trim(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or_else(|| text.clone(), str::to_owned)
}

/// 1, 2 or 5 times a power of ten, not below `least`.
fn nice_step(least: f64) -> f64 {
    let power = 10_f64.powf(least.max(1e-9).log10().floor());
    [1.0, 2.0, 5.0, 10.0].into_iter().map(|factor| factor * power).find(|step| *step >= least).unwrap_or(least)
}

fn rate_tick(per_second: f64) -> String {
    if per_second >= 1e3 { format!("{}k", trim(per_second / 1e3)) } else { trim(per_second) }
}

fn latency_tick(decade: f64) -> String {
    let ms = 10_f64.powf(decade);
    if ms >= 1e3 {
        format!("{} s", trim(ms / 1e3))
    } else if ms >= 1.0 {
        format!("{} ms", trim(ms))
    } else {
        format!("{} µs", trim(ms * 1e3))
    }
}
