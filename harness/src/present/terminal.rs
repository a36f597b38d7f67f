//! The verdict for the terminal.

use std::fmt::Write;
use std::path::Path;

use super::paint::{BAD, BOLD, DIM, DOUBT, GOOD, Look, PLAIN, outcome_style, wrap};
use super::table::Table;
use super::words::{connections, count, error_in_words, idle, millis, outcomes, rate};
use super::{replicas, servers};
use crate::evidence::FailoverPhase;
use crate::verdict::{
    Assumption, FailoverReport, Finding, LoadSummary, ReplicaSummary, RunOutcome, ServerSummary, TopologyComparison,
    Verdict,
};
use crate::vocab::Instant;

/// The verdict as text; `directory` is where the evidence is.
pub fn render_verdict(verdict: &Verdict, directory: &Path, look: Look) -> String {
    let mut report = Report { look, text: String::new() };
    report.headline(verdict);
    for failover in &verdict.failovers {
        report.failover(failover);
    }
    report.findings(verdict);
    report.difference(verdict);
    report.assumptions(&verdict.assumptions);
    for load in &verdict.loads {
        report.load(load);
    }
    report.replicas(&verdict.replicas);
    report.servers(&verdict.servers);
    report.settings(&verdict.settings);
    report.section("Evidence");
    report.line(PLAIN, &format!("  {}", directory.display()));
    report.text
}

/// The verdict in a line; below one that is no pass what was not met, and where the evidence is.
pub fn render_brief(verdict: &Verdict, directory: &Path, look: Look) -> String {
    let mut report = Report { look, text: String::new() };
    let style = outcome_style(verdict.outcome);
    report.beside(style, &verdict.outcome.to_string(), PLAIN, &format!("{}: {}", verdict.scenario, verdict.because));
    if verdict.outcome == RunOutcome::Pass {
        return report.text;
    }
    for finding in verdict.findings.iter().filter(|finding| finding.status != RunOutcome::Pass) {
        let Finding { check, measured, limit, note, .. } = finding;
        let samples = count(finding.samples);
        let place = place(&verdict.scenario, finding);
        // The headline has told the first one's.
        let note = if note.is_empty() || verdict.because.contains(note) { String::new() } else { format!("; {note}") };
        let text = format!("{check}: measured {measured}, limit {limit}, samples {samples} ({place}){note}");
        report.beside(outcome_style(finding.status), &format!("  {}", finding.status), PLAIN, &text);
    }
    report.broken(&verdict.assumptions);
    report.diff(&verdict.topology.diff);
    report.line(PLAIN, &format!("  {}", directory.display()));
    report.text
}

struct Report {
    look: Look,
    text: String,
}

impl Report {
    fn line(&mut self, style: anstyle::Style, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{}", self.look.style(style, line));
    }

    /// `lead` in its style, then `text` wrapped beside it.
    fn beside(&mut self, style: anstyle::Style, lead: &str, text_style: anstyle::Style, text: &str) {
        let indent = lead.chars().count() + 2;
        let width = self.look.width.saturating_sub(indent).max(20);
        // A server's log lines are lines.
        let lines = text.lines().flat_map(|line| wrap(line, width));
        for (index, line) in lines.enumerate() {
            let lead = if index == 0 { self.look.style(style, lead) } else { " ".repeat(indent - 2) };
            let line = format!("{lead}  {}", self.look.style(text_style, &line));
            self.line(PLAIN, line.trim_end());
        }
    }

    fn section(&mut self, title: &str) {
        self.text.push('\n');
        for (index, line) in wrap(title, self.look.width.saturating_sub(2)).iter().enumerate() {
            self.line(BOLD, &format!("{}{line}", if index == 0 { "" } else { "  " }));
        }
    }

    fn table(&mut self, table: &Table) {
        self.text += &table.render(self.look);
    }

    fn headline(&mut self, verdict: &Verdict) {
        self.text.push('\n');
        let lead = format!("{} {}", verdict.outcome, verdict.scenario);
        self.line(outcome_style(verdict.outcome), &lead);
        self.beside(PLAIN, "", PLAIN, &verdict.because);
    }

    fn failover(&mut self, failover: &FailoverReport) {
        self.section(&format!("Failover of {} ({}): {}", failover.failed, failover.fault, end_of(failover)));
        if !failover.has_phases() {
            return;
        }
        let mut table = Table::new(&["phase", ">since fault", ">step", "source", "bound by"]);
        let mut previous = None;
        for phase in &failover.phases {
            let (since, step) = match phase.at {
                Some(at) => {
                    let fault = phase_at(failover, FailoverPhase::Fault);
                    let since = fault.map(|fault| format!("+{}", millis(at.millis_since(fault))));
                    let step = previous.replace(at).map(|before| at.millis_since(before));
                    (since.unwrap_or_default(), step.map_or(String::new(), |ms| format!("{}{}", sign(ms), millis(ms))))
                }
                None => ("not seen".to_owned(), String::new()),
            };
            let style = if phase.at.is_some() { PLAIN } else { DIM };
            table.row([
                (phase.phase.to_string(), style),
                (since, style),
                (step, style),
                (phase.source.clone(), DIM),
                (phase.bound_by.clone(), DIM),
            ]);
        }
        self.table(&table);
    }

    fn findings(&mut self, verdict: &Verdict) {
        if verdict.findings.is_empty() {
            return;
        }
        self.section("Checks");
        let mut table = Table::new(&["status", "check", "limit", ">measured", ">samples", "where"]);
        for finding in &verdict.findings {
            let style = outcome_style(finding.status);
            let quiet = if finding.status == RunOutcome::Pass { PLAIN } else { BOLD };
            table.row([
                (finding.status.to_string(), style),
                (finding.check.clone(), quiet),
                (finding.limit.clone(), PLAIN),
                (finding.measured.clone(), quiet),
                (count(finding.samples), DIM),
                (place(&verdict.scenario, finding), DIM),
            ]);
            if !finding.note.is_empty() {
                table.note(&finding.note);
            }
        }
        if verdict.topology_finding().is_none() {
            let TopologyComparison { state, note, .. } = &verdict.topology;
            let words = ["-".to_owned(), verdict.topology.check(), String::new(), state.to_string()];
            table.row(words.map(|word| (word, DIM)));
            table.note(note);
        }
        self.table(&table);
    }

    /// How the topology differs from the recorded one.
    fn difference(&mut self, verdict: &Verdict) {
        if !verdict.topology.diff.is_empty() {
            self.section(&format!("The {} (- recorded, + this run)", verdict.topology.check()));
            self.diff(&verdict.topology.diff);
        }
    }

    fn diff(&mut self, diff: &str) {
        for line in diff.lines() {
            let style = match line.chars().next() {
                Some('-') => BAD,
                Some('+') => GOOD,
                _ => DIM,
            };
            self.line(style, format!("  {line}").trim_end());
        }
    }

    /// What did not hold first.
    fn assumptions(&mut self, assumptions: &[Assumption]) {
        self.section("Assumptions");
        self.broken(assumptions);
        for assumption in assumptions.iter().filter(|assumption| assumption.holds) {
            self.beside(GOOD, "  held  ", DIM, &format!("{} ({})", assumption.assumed, assumption.detail));
        }
    }

    fn broken(&mut self, assumptions: &[Assumption]) {
        for assumption in assumptions.iter().filter(|assumption| !assumption.holds) {
            // The headline has told the rest of it.
            let detail = assumption.detail.lines().next().unwrap_or_default();
            self.beside(DOUBT, "  BROKEN", PLAIN, &format!("{}: {detail}", assumption.assumed));
        }
    }

    fn load(&mut self, load: &LoadSummary) {
        let totals = outcomes(&load.totals);
        let rate = rate(load.ok_per_second);
        self.section(&format!("Load {}: {totals} in {:.1} s, {rate} ok", load.load, load.seconds));
        let mut table = Table::new(&["latency", ">samples", ">average", ">p50", ">p95", ">p99", ">p99.9", ">max"]);
        for part in &load.latency {
            let figures = [part.mean_ms, part.p50_ms, part.p95_ms, part.p99_ms, part.p999_ms, part.max_ms];
            let cells = [(part.part.clone(), PLAIN), (count(part.samples), DIM)];
            table.row(cells.into_iter().chain(figures.map(|ms| (millis(ms), PLAIN))));
        }
        if !load.latency.is_empty() {
            self.table(&table);
        }
        if let Some(totals) = &load.totals.idle {
            self.beside(PLAIN, "  idle       ", DIM, &idle(totals));
        }
        self.beside(PLAIN, "  connections", DIM, &connections(&load.totals.connections));
        if load.totals.attempt_errors.is_empty() {
            return;
        }
        let mut table = Table::new(&[">attempts", "ended with", "which means"]);
        for (kind, number) in &load.totals.attempt_errors {
            let (name, meaning) = error_in_words(*kind);
            table.row([(count(*number), PLAIN), (name.to_owned(), PLAIN), (meaning.to_owned(), DIM)]);
            if let Some(reply) = load.totals.error_replies.get(kind) {
                table.note(&format!("the first: {reply}"));
            }
        }
        self.table(&table);
    }

    fn replicas(&mut self, replicas: &[ReplicaSummary]) {
        if !replicas.is_empty() {
            self.section(&replicas::title(replicas));
            self.table(&replicas::table(replicas));
        }
    }

    fn servers(&mut self, servers: &[ServerSummary]) {
        if !servers.is_empty() {
            self.section(&servers::title(servers));
            self.table(&servers::table(servers));
        }
    }

    fn settings(&mut self, settings: &[String]) {
        if settings.is_empty() {
            return;
        }
        self.section("The result is bound by");
        for setting in settings {
            self.beside(PLAIN, "", PLAIN, setting);
        }
    }
}

fn sign(number: f64) -> &'static str {
    if number < 0.0 { "" } else { "+" }
}

fn phase_at(failover: &FailoverReport, phase: FailoverPhase) -> Option<Instant> {
    failover.phases.iter().find(|time| time.phase == phase).and_then(|time| time.at)
}

/// How a failover ended: `A1 took over, first accepted write after 2,004 ms`.
pub(super) fn end_of(failover: &FailoverReport) -> String {
    let since = |at: Option<Instant>| Some(at?.millis_since(phase_at(failover, FailoverPhase::Fault)?));
    let Some(successor) = &failover.promoted else {
        let back = since(failover.returned).map(|ms| format!(", {} was back after {}", failover.failed, millis(ms)));
        return format!("nobody took over{}", back.unwrap_or_default());
    };
    let write = since_fault(failover, FailoverPhase::FirstAcceptedWrite);
    let write = write.map_or(String::new(), |ms| format!(", first accepted write after {}", millis(ms)));
    format!("{successor} took over{write}")
}

/// Milliseconds from the fault to `phase`, if both were seen.
pub(super) fn since_fault(failover: &FailoverReport, phase: FailoverPhase) -> Option<f64> {
    Some(phase_at(failover, phase)?.millis_since(phase_at(failover, FailoverPhase::Fault)?))
}

/// Where a finding is asked for: `master_kill.ron:23`.
pub(super) fn place(scenario: &str, finding: &Finding) -> String {
    let file = scenario.rsplit('/').next().unwrap_or(scenario);
    finding.line.map_or_else(|| "every run".to_owned(), |line| format!("{file}.ron:{line}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::super::sample;
    use super::*;
    use crate::verdict::TopologyState;

    const DIRECTORY: &str = "target/scenarios/failover/master_kill/20250101T120000.000Z-812";

    fn rendered(verdict: &Verdict, look: Look) -> String {
        render_verdict(verdict, Path::new(DIRECTORY), look)
    }

    #[rstest]
    #[case(60)]
    #[case(80)]
    #[case(110)]
    fn the_verdict_fits_and_says_everything(#[case] width: usize) {
        let text = rendered(&sample::differs(), Look::new(false, width));
        // A path is for copying, and stays whole.
        let prose = text.lines().filter(|line| line.trim() != DIRECTORY);
        let wide: Vec<_> = prose.filter(|line| line.chars().count() > width).collect();
        assert!(wide.is_empty(), "{wide:#?} in {text}");
        assert!(text.starts_with("\nFAIL failover/master_kill\n") && !text.contains('…'), "{text}");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(text.contains("status check limit measured samples where"), width >= 80, "{text}");
        for expected in
            ["master_kill.ron:23", "first accepted write", "not seen", "CLUSTERDOWN", "BROKEN", "on worker 2"]
        {
            assert!(text.contains(expected), "{expected} is missing:\n{text}");
        }
    }

    #[test]
    fn a_topology_that_differs_is_a_row_with_its_difference_below() {
        let text = rendered(&sample::differs(), Look::plain());
        let row = text.lines().find(|line| line.contains("topology as in")).unwrap_or_default();
        assert!(row.trim_start().starts_with("FAIL") && row.contains("differs"), "{text}");
        assert!(text.contains("\n  - b\n  + c\n") && text.contains("cargo insta review"), "{text}");
    }

    #[rstest]
    #[case(TopologyState::NotKept, "not kept")]
    #[case(TopologyState::NotCompared, "not compared")]
    fn a_topology_that_is_not_compared_is_told_as_well(#[case] state: TopologyState, #[case] words: &str) {
        let mut verdict = sample::verdict();
        verdict.topology = TopologyComparison::none(state, "for a reason");
        let text = rendered(&verdict, Look::plain());
        let row = text.lines().position(|line| line.starts_with("  -  ") && line.contains(words));
        let note = row.and_then(|row| text.lines().nth(row + 1));
        assert_eq!(note.map(str::trim), Some("for a reason"), "{text}");
    }

    #[test]
    fn a_run_that_was_not_sampled_has_no_table_of_servers() {
        assert!(rendered(&sample::verdict(), Look::plain()).contains("\nServers: "));
        let verdict = Verdict { servers: Vec::new(), ..sample::verdict() };
        assert!(!rendered(&verdict, Look::plain()).contains("\nServers: "));
    }

    #[test]
    fn a_brief_pass_is_a_line() {
        let verdict = Verdict { outcome: RunOutcome::Pass, because: "All was met.".to_owned(), ..sample::verdict() };
        let text = render_brief(&verdict, Path::new(DIRECTORY), Look::plain());
        assert_eq!(text, "PASS  failover/master_kill: All was met.\n");
    }

    #[test]
    fn a_brief_failure_says_what_and_where() {
        let text = render_brief(&sample::differs(), Path::new(DIRECTORY), Look::plain());
        assert!(text.starts_with("FAIL  failover/master_kill: p99 fault <= 10ms was not met: 1,488 ms\n"), "{text}");
        for expected in ["\n  FAIL  p99 fault <= 10ms: measured 1,488 ms, limit 10ms", "\n  - b\n  + c\n", "BROKEN"] {
            assert!(text.contains(expected), "{expected} is missing:\n{text}");
        }
        assert!(text.ends_with(&format!("\n  {DIRECTORY}\n")) && !text.contains("p99 steady"), "{text}");
    }

    #[test]
    fn colour_changes_no_character() {
        let coloured = rendered(&sample::differs(), Look::new(true, 110));
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), rendered(&sample::differs(), Look::plain()));
    }
}
