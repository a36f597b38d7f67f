//! The verdict and the run as one HTML file that needs nothing else.

mod chart;
mod lag;
mod resources;
mod series;

use maud::{DOCTYPE, Markup, PreEscaped, html};

pub use self::series::CHART_BINS_MAX;
use self::series::{fault_windows, marks};
use super::snapshot::last_settled;
use super::terminal::{end_of, place, since_fault};
use super::words::{connections, count, error_in_words, idle, millis, outcomes, rate};
use crate::evidence::{Evidence, Outcome};
use crate::verdict::{FailoverReport, LoadSummary, RunOutcome, TimeSeries, Verdict, lag_series};

const STYLE: &str = include_str!("style.css");

/// The report of a run: a whole HTML document without scripts and without references to anything outside it. Its charts are drawn
/// from `series`, which is none when no load did anything.
pub fn report_html(evidence: &Evidence, verdict: &Verdict, series: Option<&TimeSeries>) -> String {
    let sections = html! {
        (headline(verdict, &evidence.plan.about))
        (findings(verdict))
        (difference(verdict))
        (run_over_time(evidence, verdict, series))
        @for failover in &verdict.failovers { (failover_section(failover)) }
        @for load in &verdict.loads { (load_section(load)) }
        (resources::resources(evidence, &fault_windows(evidence)))
        (assumptions(verdict))
        (nodes(evidence))
        (settings(evidence, verdict))
    };
    page(verdict, &sections)
}

/// The report where nothing but the verdict can be shown.
pub fn report_html_without_evidence(verdict: &Verdict) -> String {
    page(verdict, &html! { (headline(verdict, "")) (assumptions(verdict)) })
}

fn page(verdict: &Verdict, sections: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (verdict.outcome) " " (verdict.scenario) }
                style { (PreEscaped(STYLE)) }
            }
            body { (sections) }
        }
    };
    page.into_string()
}

fn class(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Pass => "status pass",
        RunOutcome::Fail => "status fail",
        RunOutcome::Inconclusive => "status inconclusive",
    }
}

fn headline(verdict: &Verdict, about: &str) -> Markup {
    html! {
        header {
            h1 { span class=(class(verdict.outcome)) { (verdict.outcome) } " " (verdict.scenario) }
            p.because { (verdict.because) }
            p.about { (about) }
        }
    }
}

fn findings(verdict: &Verdict) -> Markup {
    html! {
        section {
            h2 { "Checks" }
            table {
                thead { tr {
                    th { "status" } th { "check" } th { "limit" } th.n { "measured" } th.n { "samples" } th { "where" }
                } }
                tbody {
                    @for finding in &verdict.findings {
                        tr {
                            td { span class=(class(finding.status)) { (finding.status) } }
                            td { (finding.check) @if !finding.note.is_empty() { div.dim { (finding.note) } } }
                            td { (finding.limit) }
                            td.n { (finding.measured) }
                            td.n.dim { (count(finding.samples)) }
                            td.dim { code { (place(&verdict.scenario, finding)) } }
                        }
                    }
                    @if verdict.topology_finding().is_none() {
                        tr.dim {
                            td { "-" }
                            td { (verdict.topology.check()) div { (verdict.topology.note) } }
                            td {} td.n { (verdict.topology.state) } td {} td {}
                        }
                    }
                }
            }
        }
    }
}

fn difference(verdict: &Verdict) -> Markup {
    let class = |line: &str| match line.chars().next() {
        Some('-') => "fail",
        Some('+') => "pass",
        _ => "dim",
    };
    html! {
        @if !verdict.topology.diff.is_empty() {
            section {
                h2 { "The " (verdict.topology.check()) " (- recorded, + this run)" }
                pre { @for line in verdict.topology.diff.lines() { span class=(class(line)) { (line) } "\n" } }
            }
        }
    }
}

fn run_over_time(evidence: &Evidence, verdict: &Verdict, series: Option<&TimeSeries>) -> Markup {
    let Some(series) = series else {
        return html! { section { h2 { "The run" } p { "No load did any operation." } } };
    };
    let windows = fault_windows(evidence);
    html! {
        section {
            h2 { "The run" }
            p.legend {
                span.key.ok { "ended ok" } span.key.bad { "due then, and failed" } span.key.unknown { "due then, and unknown" } span.key.p50 { "p50" }
                span.key.p99 { "p99" } span.key.max { "max" } span.key.window { "fault to settled" }
                span.dim { (format!("bins of {} ms, time on the run's clock", series.bin_nanos / 1_000_000)) }
            }
            (chart::run_chart(series, &windows, &marks(evidence)))
        }
        (lag::lag(series, &lag_series(evidence, series), &verdict.replicas, &windows))
    }
}

fn failover_section(failover: &FailoverReport) -> Markup {
    html! {
        section {
            h2 { "Failover of " (failover.failed) " (" (failover.fault) "): " (end_of(failover)) }
            @if failover.has_phases() { (phases(failover)) }
        }
    }
}

fn phases(failover: &FailoverReport) -> Markup {
    html! {
            (chart::failover_chart(failover))
            table {
                thead { tr { th { "phase" } th.n { "since fault" } th { "source" } th { "bound by" } } }
                tbody {
                    @for phase in &failover.phases {
                        tr {
                            td { (phase.phase.to_string()) }
                            td.n { @match since_fault(failover, phase.phase) {
                                Some(ms) => { "+" (millis(ms)) }, None => span.dim { "not seen" },
                            } }
                            td { (phase.source) }
                            td { (phase.bound_by) }
                        }
                    }
                }
            }
    }
}

fn load_section(load: &LoadSummary) -> Markup {
    html! {
        section {
            h2 { "Load " (load.load) }
            p { (outcomes(&load.totals)) " in " (format!("{:.1} s", load.seconds)) ", " (rate(load.ok_per_second)) " ok" }
            table {
                thead { tr {
                    th { "latency" } th.n { "samples" } th.n { "average" } th.n { "p50" } th.n { "p95" } th.n { "p99" }
                    th.n { "p99.9" } th.n { "max" }
                } }
                tbody {
                    @for part in load.latency.iter().chain(&load.starts_late) {
                        tr {
                            td { (part.part) }
                            td.n.dim { (count(part.samples)) }
                            @for ms in [part.mean_ms, part.p50_ms, part.p95_ms, part.p99_ms, part.p999_ms, part.max_ms] {
                                td.n { (millis(ms)) }
                            }
                        }
                    }
                }
            }
            @if let Some(totals) = &load.totals.idle { p { "Idle connections: " (idle(totals)) } }
            p.dim { "Connections: " (connections(&load.totals.connections)) }
            @if !load.totals.attempt_errors.is_empty() { (attempt_errors(load)) }
            @if !load.operations.is_empty() { (operations(load)) }
        }
    }
}

/// By command, shard, part of the run and outcome.
fn operations(load: &LoadSummary) -> Markup {
    html! {
        details {
            summary { "by command, shard, part and outcome" }
            table {
                thead { tr {
                    th { "command" } th { "shard" } th { "part" } th { "outcome" } th.n { "operations" } th.n { "p50" }
                    th.n { "p99" } th.n { "max" }
                } }
                tbody {
                    @for row in &load.operations {
                        tr {
                            td { code { (row.command) } }
                            td { @match &row.shard { Some(master) => { (master) "'s" }, None => "of nobody" } }
                            td { (row.latency.part) }
                            td { (outcome_in_words(row.outcome)) }
                            td.n { (count(row.latency.samples)) }
                            @for ms in [row.latency.p50_ms, row.latency.p99_ms, row.latency.max_ms] { td.n { (millis(ms)) } }
                        }
                    }
                }
            }
        }
    }
}

fn outcome_in_words(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Fail => "fail: surely not executed",
        Outcome::Unknown => "unknown: may have been executed",
    }
}

fn attempt_errors(load: &LoadSummary) -> Markup {
    html! {
        table {
            thead { tr { th.n { "attempts" } th { "ended with" } th { "which means" } } }
            tbody {
                @for (kind, number) in &load.totals.attempt_errors {
                    @let (name, meaning) = error_in_words(*kind);
                    tr {
                        td.n { (count(*number)) }
                        td { code { (name) } }
                        td.dim {
                            (meaning)
                            @if let Some(reply) = load.totals.error_replies.get(kind) { br; "the first: " (reply) }
                        }
                    }
                }
            }
        }
    }
}

fn assumptions(verdict: &Verdict) -> Markup {
    let (held, broken): (Vec<_>, Vec<_>) = verdict.assumptions.iter().partition(|assumption| assumption.holds);
    html! {
        section {
            h2 { "Assumptions" }
            table { tbody {
                @for assumption in broken.into_iter().chain(held) {
                    tr {
                        td { @if assumption.holds { span.status.pass { "held" } } @else { span.status.inconclusive { "BROKEN" } } }
                        td { (assumption.assumed) }
                        td.dim { (assumption.detail) }
                    }
                }
            } }
        }
    }
}

fn nodes(evidence: &Evidence) -> Markup {
    let last = last_settled(evidence);
    html! {
        section {
            h2 { "Nodes" }
            table {
                thead { tr { th { "node" } th { "address" } th { "server" } th { "at the start" } th { "at the end" } } }
                tbody {
                    @for node in &evidence.plan.nodes {
                        @let server = evidence.info.servers.iter().find(|server| server.node == node.name);
                        tr {
                            td { strong { (node.name) } }
                            td { code { (node.address) } }
                            td { (server.map_or("unknown", |server| &server.version)) }
                            td { @match &node.master {
                                Some(master) => { "replica of " (master) },
                                None if node.owns.is_empty() => (node.role),
                                None if node.owns.len() == 1 => (node.role),
                                None => { "master of " (node.owns) },
                            } }
                            td { @match last.as_ref().map(|agreement| agreement.main_of(&node.name).nodes.get(&node.name)) {
                                Some(Some(place)) => (place),
                                Some(None) => "not in the cluster",
                                None => span.dim { "the " (evidence.plan.noun()) " had not settled" },
                            } }
                        }
                    }
                }
            }
        }
    }
}

fn settings(evidence: &Evidence, verdict: &Verdict) -> Markup {
    let info = &evidence.info;
    html! {
        section {
            h2 { "The result is bound by" }
            ul {
                @for setting in &verdict.settings { li { (setting) } }
                li { "seed " (evidence.plan.seed) }
                li { (info.processors) " processors, kernel " (info.kernel) ", harness " (info.harness_version) }
                li { code { (info.scenario_path) } }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::series::series;
    use super::*;

    /// Where to look at the page: written when `REPORT_SAMPLE` names a file.
    #[test]
    fn the_report_is_one_file_that_says_everything() {
        let evidence = sample::master_kill();
        let page = report_html(&evidence, &sample::verdict(), series(&evidence).as_ref());
        for expected in ["FAIL", "master_kill.ron:23", "A1 promoted", "<svg", "replica of A1", "CLUSTERDOWN"] {
            assert!(page.contains(expected), "{expected} is missing");
        }
        for outside in ["http://", "https://", "<script", "<link", "url("] {
            assert!(!page.contains(outside), "the page refers to something outside it: {outside}");
        }
        if let Some(path) = std::env::var_os("REPORT_SAMPLE") {
            std::fs::write(path, page).unwrap();
        }
    }

    #[test]
    fn the_report_shows_how_the_topology_went() {
        let evidence = sample::master_kill();
        let page = report_html(&evidence, &sample::verdict(), series(&evidence).as_ref());
        assert!(page.contains("not kept") && !page.contains("<pre>"), "{page}");
        let page = report_html(&evidence, &sample::differs(), series(&evidence).as_ref());
        let diff = "<span class=\"fail\">- b</span>\n<span class=\"pass\">+ c</span>\n";
        assert!(page.contains("topology as in snapshots/failover__master_kill.snap") && page.contains(diff), "{page}");
    }

    #[test]
    fn a_run_without_load_has_a_report_too() {
        let mut evidence = sample::master_kill();
        evidence.history = crate::evidence::History::default();
        evidence.topology.clear();
        assert!(
            report_html(&evidence, &sample::verdict(), series(&evidence).as_ref())
                .contains("No load did any operation")
        );
    }
}
