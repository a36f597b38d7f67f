//! How far replicas were behind their masters: a panel for each over the time of the run, and its percentiles beside its name.

use maud::{Markup, html};

use super::super::replicas::quantiles;
use super::super::words::count;
use super::chart::{Chart, Decades, LEFT, Panel, WIDTH, px};
use crate::verdict::{LagSeries, ReplicaSummary, TimeSeries};
use crate::vocab::Instant;

const PANEL_HEIGHT: f64 = 80.0;
/// Between panels, with the line that names the one below.
const GAP: f64 = 26.0;

/// The section; nothing if no replica followed anybody.
pub(super) fn lag(
    frame: &TimeSeries,
    lags: &[LagSeries],
    summaries: &[ReplicaSummary],
    windows: &[(Instant, Instant)],
) -> Markup {
    let longest = |series: &LagSeries| series.bins.iter().flatten().copied().fold(0.0, f64::max);
    let scale = Decades::of(lags.iter().flat_map(|series| series.bins.iter().flatten().copied()));
    let chart = Chart { series: frame };
    let bottom = (PANEL_HEIGHT + GAP) * lags.len() as f64;
    html! {
        @if !lags.is_empty() {
            section {
                h2 { "Replication lag" }
                p.legend {
                    span.key.ok { "until a replica had what its master had: the longest of each bin, logarithmic" }
                    @if lags.iter().any(|series| longest(series).is_infinite()) { span.key.bad { "it never had that" } }
                    span.key.window { "fault to settled" }
                }
                svg viewBox=(format!("0 0 {WIDTH} {}", bottom + 34.0)) role="img" aria-label="Replication lag over the run" {
                    (chart.windows(windows, GAP, bottom))
                    (chart.time_axis(GAP, bottom))
                    @for (index, series) in lags.iter().enumerate() {
                        @let top = GAP + (PANEL_HEIGHT + GAP) * index as f64;
                        (panel(&chart, series, summaries, Panel { top, height: PANEL_HEIGHT }, &scale))
                    }
                }
            }
        }
    }
}

fn panel(chart: &Chart<'_>, series: &LagSeries, summaries: &[ReplicaSummary], panel: Panel, scale: &Decades) -> Markup {
    let summary = summaries.iter().find(|summary| summary.node == series.replica);
    let never = series.bins.iter().enumerate().filter(|(_, ms)| ms.is_some_and(f64::is_infinite));
    html! {
        text.panel x=(px(LEFT)) y=(px(panel.top - 5.0)) {
            (series.replica)
            @if let Some(summary) = summary {
                @let [p50, p99, longest] = quantiles(summary);
                ": p50 " (p50) ", p99 " (p99) ", longest " (longest) ", of " (count(summary.positions)) " positions"
            }
        }
        (scale.levels(panel))
        @for (index, _) in never {
            rect.bad x=(px(chart.bin_middle(index) - 0.8)) y=(px(panel.top)) width="1.6" height=(px(panel.height)) {}
        }
        (chart.lines(panel, scale, "ok", series.bins.iter().map(|ms| ms.filter(|ms| ms.is_finite()))))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::super::series::series;
    use super::*;

    #[test]
    fn each_replica_has_a_panel_with_its_percentiles() {
        let (evidence, verdict) = (sample::master_kill(), sample::verdict());
        let frame = series(&evidence).unwrap();
        let mut bins = vec![None; frame.bins.len()];
        (bins[3], bins[4], bins[9]) = (Some(9.0), Some(20.0), Some(f64::INFINITY));
        let lags = [LagSeries { replica: "A1".into(), bins }];
        let page = lag(&frame, &lags, &verdict.replicas, &[]).into_string();
        for expected in
            ["A1: p50 9.10 ms, p99 19.8 ms, longest never, of 402 positions", "<polyline", "rect class=\"bad\"", "1 ms"]
        {
            assert!(page.contains(expected), "{expected} is missing: {page}");
        }
        assert!(!page.contains("inf") && !page.contains("NaN"), "{page}");
    }

    #[test]
    fn without_replicas_there_is_no_section() {
        let frame = series(&sample::master_kill()).unwrap();
        assert_eq!(lag(&frame, &[], &[], &[]).into_string(), "");
    }
}
