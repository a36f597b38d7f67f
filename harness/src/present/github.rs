//! What GitHub Actions shows: a step summary in Markdown, and annotations at lines of the scenario file.

use std::fmt::Write;

use super::terminal::{end_of, place, since_fault};
use super::words::{millis, outcomes, rate};
use crate::verdict::{RunOutcome, TopologyComparison, TopologyState, Verdict};

/// The verdict in Markdown, for the file that `GITHUB_STEP_SUMMARY` names.
pub fn step_summary(verdict: &Verdict) -> String {
    // Writing into a string cannot fail.
    let mut text = format!("### {} {} `{}`\n\n", sign(verdict.outcome), verdict.outcome, verdict.scenario);
    let _ = writeln!(text, "{}\n", cell(&verdict.because));
    if !verdict.findings.is_empty() {
        text += "| status | check | limit | measured | samples | where |\n|---|---|---|--:|--:|---|\n";
    }
    for finding in &verdict.findings {
        let cells = [
            format!("{} {}", sign(finding.status), finding.status),
            cell(&finding.check),
            cell(&finding.limit),
            cell(&finding.measured),
            finding.samples.to_string(),
            format!("`{}`", place(&verdict.scenario, finding)),
        ];
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    for broken in verdict.assumptions.iter().filter(|assumption| !assumption.holds) {
        let _ = writeln!(text, "\n**Assumption broken:** {}: {}", cell(&broken.assumed), cell(&broken.detail));
    }
    text += &difference(&verdict.topology);
    text += &failovers(verdict);
    for load in &verdict.loads {
        let totals = outcomes(&load.totals);
        let _ = writeln!(text, "\nLoad `{}`: {totals}, {} ok", load.load, rate(load.ok_per_second));
    }
    text
}

/// How the topology differs from the recorded one, or why it was not compared.
fn difference(topology: &TopologyComparison) -> String {
    if topology.state == TopologyState::NotCompared {
        return format!("\n{}: {} ({})\n", cell(&topology.check()), topology.state, cell(&topology.note));
    }
    if topology.diff.is_empty() {
        return String::new();
    }
    // A scenario's own words may hold a fence.
    let mut fence = "```".to_owned();
    while topology.diff.contains(&fence) {
        fence.push('`');
    }
    format!("\n**The {}** (- recorded, + this run)\n\n{fence}diff\n{}{fence}\n", cell(&topology.check()), topology.diff)
}

fn failovers(verdict: &Verdict) -> String {
    let mut text = String::new();
    for failover in &verdict.failovers {
        let end = end_of(failover);
        let _ = writeln!(text, "\n**Failover of {}** ({}): {end}\n", failover.failed, failover.fault);
        if !failover.has_phases() {
            continue;
        }
        text += "| phase | since fault | source | bound by |\n|---|--:|---|---|\n";
        for phase in &failover.phases {
            let since = since_fault(failover, phase.phase).map_or_else(|| "not seen".to_owned(), millis);
            let _ =
                writeln!(text, "| {} | {since} | {} | {} |", phase.phase, cell(&phase.source), cell(&phase.bound_by));
        }
    }
    text
}

/// Workflow commands that mark each failed or undecided SLO at its line, a topology that differs at its first difference in
/// the snapshot, and a verdict that no line explains.
pub fn annotations(verdict: &Verdict, scenario_path: &str) -> String {
    let path = property(scenario_path);
    let title = property(&verdict.scenario);
    let mut text = String::new();
    for finding in verdict.findings.iter().filter(|finding| finding.status != RunOutcome::Pass) {
        let message =
            format!("{}: measured {}, limit {}. {}", finding.check, finding.measured, finding.limit, finding.note);
        let topology = &verdict.topology;
        let differs = topology.state == TopologyState::Differs && finding.check == topology.check();
        let snapshot = topology.snapshot.as_deref().filter(|_| differs).map(property);
        let (line, changed) =
            if differs { (topology.line, changed(&topology.diff)) } else { (finding.line, String::new()) };
        let line = line.map_or(String::new(), |line| format!(",line={line}"));
        let command = command(finding.status);
        let message = format!("{}{changed}", message.trim_end());
        let file = snapshot.as_ref().unwrap_or(&path);
        let _ = writeln!(text, "::{command} file={file}{line},title={title}::{}", data(&message));
    }
    if text.is_empty() && verdict.outcome != RunOutcome::Pass {
        let command = command(verdict.outcome);
        text = format!("::{command} file={path},title={title}::{}\n", data(&verdict.because));
    }
    text
}

/// The lines that only one of two texts has.
fn changed(diff: &str) -> String {
    let lines = diff.lines().filter(|line| line.starts_with(['-', '+']));
    lines.fold(String::new(), |text, line| text + "\n" + line)
}

/// An inconclusive finding is a warning: it does not say that the server did anything wrong.
fn command(status: RunOutcome) -> &'static str {
    match status {
        RunOutcome::Fail => "error",
        RunOutcome::Inconclusive => "warning",
        RunOutcome::Pass => "notice",
    }
}

fn sign(outcome: RunOutcome) -> &'static str {
    match outcome {
        RunOutcome::Pass => "✅",
        RunOutcome::Fail => "❌",
        RunOutcome::Inconclusive => "⚠️",
    }
}

/// Text that cannot break out of a table's cell.
fn cell(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ")
}

/// The escapes of a workflow command's message.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The escapes of a workflow command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn failed_slos_are_marked_at_their_lines() {
        let text = annotations(&sample::verdict(), "scenarios/failover/master_kill.ron");
        assert!(
            text.starts_with("::error file=scenarios/failover/master_kill.ron,line=23,title=failover/master_kill::")
        );
        assert_eq!(text.lines().count(), 1, "{text}");
    }

    #[test]
    fn a_verdict_without_a_failed_slo_is_still_marked() {
        let mut verdict = sample::verdict();
        verdict.findings.clear();
        verdict.outcome = RunOutcome::Inconclusive;
        verdict.because = "100 % of it\nis unclear".to_owned();
        let text = annotations(&verdict, "a,b.ron");
        assert_eq!(text, "::warning file=a%2Cb.ron,title=failover/master_kill::100 %25 of it%0Ais unclear\n");
    }

    #[test]
    fn a_topology_that_differs_is_marked_in_the_snapshot() {
        let text = annotations(&sample::differs(), "scenarios/failover/master_kill.ron");
        let last = text.lines().last().unwrap();
        let place =
            "::error file=snapshots/failover__master_kill.snap,line=12,title=failover/master_kill::topology as in ";
        assert!(last.starts_with(place) && last.ends_with("%0A- b%0A+ c"), "{text}");
        let mut new = sample::differs();
        (new.topology.state, new.topology.line) = (TopologyState::NotRecorded, None);
        new.topology.diff.clear();
        let text = annotations(&new, "scenarios/failover/master_kill.ron");
        let last = text.lines().last().unwrap();
        assert!(last.starts_with("::error file=scenarios/failover/master_kill.ron,title="), "{text}");
    }

    #[test]
    fn the_summary_shows_how_the_topology_differs() {
        let text = step_summary(&sample::differs());
        assert!(
            text.contains("| ❌ FAIL | topology as in snapshots/failover__master_kill.snap | as recorded | differs |"),
            "{text}"
        );
        assert!(text.contains("\n```diff\n  a\n- b\n+ c\n```\n"), "{text}");
        let mut verdict = sample::differs();
        verdict.topology.diff += "+ ```\n";
        assert!(step_summary(&verdict).contains("\n````diff\n"));
    }

    #[test]
    fn the_summary_is_a_table_a_line_each() {
        let verdict = sample::verdict();
        let text = step_summary(&verdict);
        assert!(text.starts_with("### ❌ FAIL `failover/master_kill`"), "{text}");
        assert_eq!(text.lines().filter(|line| line.contains(".ron:")).count(), 4, "{text}");
        assert!(text.contains("| first accepted write | 1,542 ms |"), "{text}");
        assert!(text.contains("p99 fault &lt;= 10ms"), "{text}");
    }
}
