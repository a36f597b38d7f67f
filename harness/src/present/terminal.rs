//! The verdict for the terminal.

use std::fmt::Write;
use std::path::Path;

use super::paint::{BAD, BOLD, DIM, DOUBT, GOOD, PLAIN, Paint, WIDTH, outcome_style, wrap};
use super::snapshot::SnapshotStatus;
use super::table::Table;
use super::words::{count, error_in_words, millis, outcomes, rate};
use crate::verdict::{Assumption, FailoverReport, Finding, LoadSummary, Outcome, Phase, Verdict};
use crate::vocab::Instant;

/// The verdict as text, at most 110 columns wide; `directory` is where the evidence is.
pub fn render_verdict(verdict: &Verdict, directory: &Path, colour: bool) -> String {
    let mut report = Report { paint: Paint { colour }, text: String::new() };
    report.headline(verdict);
    for failover in &verdict.failovers {
        report.failover(failover);
    }
    report.findings(verdict);
    report.assumptions(&verdict.assumptions);
    for load in &verdict.loads {
        report.load(load);
    }
    report.settings(&verdict.settings);
    report.section("Evidence");
    report.line(PLAIN, &format!("  {}", directory.display()));
    report.text
}

/// What became of the comparison with the recorded snapshot, and what to do about it.
pub fn render_snapshot_status(status: &SnapshotStatus, colour: bool) -> String {
    let mut report = Report { paint: Paint { colour }, text: String::new() };
    let pending = match status {
        SnapshotStatus::Unchanged => {
            report.beside(GOOD, "Snapshot", PLAIN, "unchanged");
            return report.text;
        }
        SnapshotStatus::Recorded { path } => {
            report.beside(GOOD, "Snapshot", PLAIN, &format!("recorded in {}", path.display()));
            return report.text;
        }
        SnapshotStatus::New { pending } => {
            report.beside(DOUBT, "Snapshot", PLAIN, "none is recorded yet");
            pending
        }
        SnapshotStatus::Changed { diff, pending } => {
            report.beside(BAD, "Snapshot", PLAIN, "the topology changed in another way (- recorded, + this run)");
            for line in diff.lines() {
                let style = match line.chars().next() {
                    Some('-') => BAD,
                    Some('+') => GOOD,
                    _ => DIM,
                };
                report.line(style, &format!("  {line}"));
            }
            pending
        }
    };
    let advice = match pending {
        Some(path) => format!("to accept it: `cargo insta review` ({})", path.display()),
        None => "nothing was written: run it with INSTA_UPDATE=new, outside of CI, and review".to_owned(),
    };
    report.beside(PLAIN, "        ", PLAIN, &advice);
    report.text
}

struct Report {
    paint: Paint,
    text: String,
}

impl Report {
    fn line(&mut self, style: anstyle::Style, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{}", self.paint.style(style, line));
    }

    /// `lead` in its style, then `text` wrapped beside it.
    fn beside(&mut self, style: anstyle::Style, lead: &str, text_style: anstyle::Style, text: &str) {
        let indent = lead.chars().count() + 2;
        let width = WIDTH.saturating_sub(indent).max(20);
        // A server's log lines are lines.
        let lines = text.lines().flat_map(|line| wrap(line, width));
        for (index, line) in lines.enumerate() {
            let lead = if index == 0 { self.paint.style(style, lead) } else { " ".repeat(indent - 2) };
            let line = format!("{lead}  {}", self.paint.style(text_style, &line));
            self.line(PLAIN, line.trim_end());
        }
    }

    fn section(&mut self, title: &str) {
        self.text.push('\n');
        self.line(BOLD, title);
    }

    fn table(&mut self, table: &Table) {
        self.text += &table.render(self.paint);
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
                    let fault = phase_at(failover, Phase::Fault);
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
            let quiet = if finding.status == Outcome::Pass { PLAIN } else { BOLD };
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
        self.table(&table);
    }

    /// What did not hold first and in full.
    fn assumptions(&mut self, assumptions: &[Assumption]) {
        self.section("Assumptions");
        let (held, broken): (Vec<_>, Vec<_>) = assumptions.iter().partition(|assumption| assumption.holds);
        for assumption in broken {
            // The headline has told the rest of it.
            let detail = assumption.detail.lines().next().unwrap_or_default();
            self.beside(DOUBT, "  BROKEN", PLAIN, &format!("{}: {detail}", assumption.assumed));
        }
        for assumption in held {
            let text = format!("{} ({})", assumption.assumed, assumption.detail);
            let width = WIDTH - "  held    ".len();
            let line =
                if text.chars().count() > width { text.chars().take(width - 1).chain(['…']).collect() } else { text };
            self.beside(GOOD, "  held  ", DIM, &line);
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

fn phase_at(failover: &FailoverReport, phase: Phase) -> Option<Instant> {
    failover.phases.iter().find(|time| time.phase == phase).and_then(|time| time.at)
}

/// How a failover ended: `A1 took over, first accepted write after 2,004 ms`.
pub(super) fn end_of(failover: &FailoverReport) -> String {
    let since = |at: Option<Instant>| Some(at?.millis_since(phase_at(failover, Phase::Fault)?));
    let Some(successor) = &failover.promoted else {
        let back = since(failover.returned).map(|ms| format!(", {} was back after {}", failover.failed, millis(ms)));
        return format!("nobody took over{}", back.unwrap_or_default());
    };
    let write = since_fault(failover, Phase::FirstAcceptedWrite);
    let write = write.map_or(String::new(), |ms| format!(", first accepted write after {}", millis(ms)));
    format!("{successor} took over{write}")
}

/// Milliseconds from the fault to `phase`, if both were seen.
pub(super) fn since_fault(failover: &FailoverReport, phase: Phase) -> Option<f64> {
    Some(phase_at(failover, phase)?.millis_since(phase_at(failover, Phase::Fault)?))
}

/// Where a finding is asked for: `master_kill.ron:23`.
pub(super) fn place(scenario: &str, finding: &Finding) -> String {
    let file = scenario.rsplit('/').next().unwrap_or(scenario);
    finding.line.map_or_else(|| "every run".to_owned(), |line| format!("{file}.ron:{line}"))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn rendered(colour: bool) -> String {
        render_verdict(&sample::verdict(), Path::new("target/scenarios/failover/master_kill/20250101-120000"), colour)
    }

    #[test]
    fn the_verdict_fits_and_says_everything() {
        let text = rendered(false);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(text.starts_with("\nFAIL failover/master_kill\n"), "{text}");
        for expected in ["master_kill.ron:23", "first accepted write", "not seen", "CLUSTERDOWN", "BROKEN", "held"] {
            assert!(text.contains(expected), "{expected} is missing:\n{text}");
        }
    }

    #[test]
    fn a_changed_snapshot_says_how_and_what_to_do() {
        let pending = Some("snapshots/a__b.snap.new".into());
        let changed = SnapshotStatus::Changed { diff: "  a\n- b\n+ c\n".to_owned(), pending };
        let text = render_snapshot_status(&changed, false);
        assert!(text.contains("\n  - b\n  + c\n"), "{text}");
        assert!(text.contains("cargo insta review"), "{text}");
        let unwritten = render_snapshot_status(&SnapshotStatus::New { pending: None }, false);
        assert!(unwritten.contains("nothing was written"), "{unwritten}");
    }

    #[test]
    fn colour_changes_no_character() {
        assert_eq!(anstream::adapter::strip_str(&rendered(true)).to_string(), rendered(false));
    }
}
