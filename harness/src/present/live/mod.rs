//! The run as it happens: a few dozen lines that a person can follow.
//!
//! Each line: seconds of the run's clock, seconds since the last fault, who, and what happened in plain words. What
//! several nodes say about one thing is one line.

mod load;
mod log;

use std::collections::BTreeMap;

use anstyle::Style;

use self::load::LoadLines;
use self::log::LogLines;
use super::paint::{BAD, BOLD, DIM, DOUBT, GOOD, Look, NEWS, PLAIN, wrap};
use super::words::{count, error_in_words, list, millis};
use crate::evidence::{
    Effect, Event, EventKind, ExitCause, LinkChange, MachineSample, NetworkChange, RecordedPlan, RecordedStep, Waits,
};
use crate::vocab::{Instant, NodeName};

/// A machine that took less than this in a tenth of a second is no news.
const TOOK_MS_SHOWN: f64 = 20.0;

/// Text is no narrower than this, or it would be a word a line.
const LEAST_TEXT: usize = 20;

/// When the loads' regular reports are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgressLines {
    /// Every second, the figures of that second: for a terminal.
    EverySecond,
    /// Every 5 s, with everything so far and the step at hand, since nobody sees the lines before it: for a log file.
    EveryFiveSeconds,
}

/// Turns events into lines, one event at a time.
#[derive(Debug)]
pub struct LiveView {
    look: Look,
    who_width: usize,
    nodes: usize,
    steps: Vec<RecordedStep>,
    formed: bool,
    first_start: Option<Instant>,
    last_fault: Option<Instant>,
    /// The step that began last.
    step: Option<usize>,
    /// Steps that wait for something: when they began.
    waiting: BTreeMap<usize, Instant>,
    took_ms_max: f64,
    log: LogLines,
    load: LoadLines,
}

/// One line of the view before it is laid out.
#[derive(Debug)]
pub(super) struct Line {
    at: Instant,
    who: String,
    text: String,
    style: Style,
}

impl Line {
    fn new(at: Instant, who: &(impl ToString + ?Sized), style: Style, text: impl Into<String>) -> Self {
        Self { at, who: who.to_string(), text: text.into(), style }
    }
}

impl LiveView {
    /// A view of a run of `plan`.
    pub fn new(plan: &RecordedPlan, progress: ProgressLines, look: Look) -> Self {
        let nodes = plan.nodes.iter().map(|node| node.name.as_str().len());
        let loads = plan.loads.iter().map(|load| load.name.len());
        Self {
            look,
            who_width: nodes
                .chain(loads)
                .chain([step_name(plan.steps.len(), plan.steps.len()).len()])
                .max()
                .unwrap_or(0),
            nodes: plan.nodes.len(),
            steps: plan.steps.clone(),
            formed: false,
            first_start: None,
            last_fault: None,
            step: None,
            waiting: BTreeMap::new(),
            took_ms_max: TOOK_MS_SHOWN,
            log: LogLines::default(),
            load: LoadLines::new(progress),
        }
    }

    /// What a person wants to know of `event`, in whole lines; often nothing.
    pub fn show(&mut self, event: &Event) -> String {
        let mut lines = self.load.before(event);
        lines.extend(self.lines(event));
        lines.iter().map(|line| self.lay_out(line)).collect()
    }

    /// The columns, and the text beside them in as many lines as it takes.
    fn lay_out(&self, line: &Line) -> String {
        let seconds = format!("{:>7.3} s", line.at.0 as f64 / 1e9);
        let since = self.last_fault.filter(|fault| line.at >= *fault);
        let since = since.map_or(String::new(), |fault| format!("+{:.3} s", line.at.millis_since(fault) / 1e3));
        let columns = format!("{seconds}  {since:>9}");
        let width = self.who_width;
        let indent = columns.len() + 2 + width + 2;
        let text_width = self.look.width.saturating_sub(indent).max(LEAST_TEXT);
        // What fits keeps its own columns.
        let fits = line.text.chars().count() <= text_width;
        let parts = if fits { vec![line.text.clone()] } else { wrap(&line.text, text_width) };
        let lines = parts.into_iter().enumerate().map(|(index, part)| {
            let part = self.look.style(line.style, part);
            let lead = format!("{}  {:<width$}  ", self.look.style(DIM, &columns), line.who);
            let text = if index == 0 { lead + &part } else { format!("{:indent$}{part}", "") };
            text.trim_end().to_owned() + "\n"
        });
        lines.collect()
    }

    fn lines(&mut self, event: &Event) -> Vec<Line> {
        let at = event.at;
        match &event.kind {
            EventKind::NodeStarted { node, .. } => self.started(at, node),
            EventKind::NodeExited { node, cause, expected } => exited(at, node, *cause, *expected),
            EventKind::Formed => {
                self.formed = true;
                let took_ms = at.millis_since(self.first_start.unwrap_or_default());
                let text = format!("formed: all nodes agree, {} after the first of them was started", millis(took_ms));
                vec![Line::new(at, "", GOOD, text)]
            }
            EventKind::StepStarted { step, text } => {
                self.step = Some(*step);
                // Only a wait has an end worth a line; other steps are over when the next begins.
                if self.steps.get(*step).is_some_and(|planned| planned.waits) {
                    self.waiting.insert(*step, at);
                }
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), BOLD, text)]
            }
            EventKind::StepEnded { step } => self.step_ended(at, *step),
            EventKind::UntilMissed { step, last_state } => {
                self.waiting.remove(step);
                let text = format!("NOT MET in time: {last_state}");
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), BAD, text)]
            }
            EventKind::StepFailed { step, node, reason, .. } => {
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), BAD, format!("NOT DONE: {node} {reason}"))]
            }
            EventKind::ProgramEnded { step, cause, cpu_ms, .. } => {
                let text = format!("ended with {cause}, after {} of processor time", millis(*cpu_ms));
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), PLAIN, text)]
            }
            EventKind::ActedOnNode { action, effect, node, began, proof, .. } => {
                self.acted((action, effect), node, *began, proof.as_deref())
            }
            EventKind::Network(change) => self.network(change),
            // While the cluster forms, every node reports what every new cluster reports.
            EventKind::Log(record) if self.formed => self.log.line(record).into_iter().collect(),
            EventKind::Settled { .. } if self.last_fault.is_some() => {
                vec![Line::new(at, "", GOOD, "settled: every running node agrees")]
            }
            EventKind::Waiting { what, within_ms } => {
                let seconds = count(within_ms.div_ceil(1_000));
                vec![Line::new(at, "", DOUBT, format!("waits, at most {seconds} s, for {what}"))]
            }
            EventKind::FinalRead { keys, unreadable: 0, .. } => {
                vec![Line::new(at, "", PLAIN, format!("final read: {} keys, 0 unreadable", count(*keys)))]
            }
            EventKind::FinalRead { keys, unreadable, unserved, errors } => {
                let errors = errors.iter().map(|(kind, keys)| format!("{} {}", count(*keys), error_in_words(*kind).0));
                let why = list(unserved.iter().cloned().chain(errors));
                let text = format!("final read: {} of {} keys unreadable: {why}", count(*unreadable), count(*keys));
                vec![Line::new(at, "", BAD, text)]
            }
            EventKind::Machine(sample) => self.machine(at, sample).into_iter().collect(),
            EventKind::Triggered { step, seen } => {
                let ms = at.millis_since(*seen);
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), GOOD, format!("seen {ms:.1} ms ago"))]
            }
            EventKind::UntilMetLate { step, late_nanos } => {
                let text = format!("met {} too late", millis(*late_nanos as f64 / 1e6));
                vec![Line::new(at, &step_name(step + 1, self.steps.len()), DOUBT, text)]
            }
            EventKind::Aborted { reason } => {
                // The verdict tells the rest of it, such as a server's log.
                let reason = reason.lines().next().unwrap_or_default();
                vec![Line::new(at, "", BAD, format!("ABORTED: {reason}"))]
            }
            EventKind::Interrupted => vec![Line::new(at, "", BAD, "INTERRUPTED: ending the run")],
            EventKind::LoadStarted { .. }
            | EventKind::Preloaded { .. }
            | EventKind::PaceChanged { .. }
            | EventKind::ClimbEnded { .. }
            | EventKind::GaveUp { .. }
            | EventKind::IdleConnections { .. }
            | EventKind::Subscriptions { .. }
            | EventKind::Progress(_)
            | EventKind::SlowOperation { .. }
            | EventKind::LoadEnded { .. } => self.load.lines(event, &step_at_hand(self.step, &self.steps)),
            EventKind::Log(_)
            | EventKind::Settled { .. }
            | EventKind::SystemSettled { .. }
            | EventKind::Unsettled { .. }
            | EventKind::Unscanned { .. }
            | EventKind::FinalReadStarted
            | EventKind::KeysListed { .. }
            | EventKind::KeysNotListed { .. }
            | EventKind::PreloadFound { .. }
            | EventKind::Ended => Vec::new(),
        }
    }

    /// A sample that is worse than all before it.
    fn machine(&mut self, at: Instant, sample: &MachineSample) -> Option<Line> {
        let (took_ms, late_ms) = (sample.operation_delay_nanos() as f64 / 1e6, sample.timer_late_nanos as f64 / 1e6);
        if took_ms <= self.took_ms_max {
            return None;
        }
        self.took_ms_max = took_ms;
        let longest =
            sample.waits.as_ref().and_then(Waits::longest).filter(|(_, nanos)| *nanos > sample.timer_late_nanos);
        let why = match longest {
            Some((node, nanos)) => format!("{node} waited {} for a processor", millis(nanos as f64 / 1e6)),
            None => format!("the harness' own timer was {} late", millis(late_ms)),
        };
        Some(Line::new(at, "", DOUBT, format!("the machine is busy: {why}")))
    }

    fn started(&mut self, at: Instant, node: &NodeName) -> Vec<Line> {
        // A later start is a step's, which has its own line with its proof.
        self.log.forget(node);
        if self.first_start.replace(self.first_start.unwrap_or(at)).is_some() {
            return Vec::new();
        }
        vec![Line::new(at, "", PLAIN, format!("starting {} servers", self.nodes))]
    }

    fn step_ended(&mut self, at: Instant, step: usize) -> Vec<Line> {
        let Some(began) = self.waiting.remove(&step) else { return Vec::new() };
        let text = format!("met after {}", millis(at.millis_since(began)));
        vec![Line::new(at, &step_name(step + 1, self.steps.len()), GOOD, text)]
    }

    fn acted(
        &mut self,
        (action, effect): (&str, &Effect),
        node: &NodeName,
        began: Instant,
        proof: Option<&str>,
    ) -> Vec<Line> {
        // A command in the middle of a failover does not begin to count anew.
        if !effect.is_none() || self.last_fault.is_none() {
            self.last_fault = Some(began);
        }
        if effect.takes_down() {
            self.log.forget(node);
        }
        let (style, proof) = match proof {
            Some(proof) => (NEWS, format!("{action}: {proof}")),
            None => (DOUBT, format!("{action}: NO PROOF that it happened")),
        };
        vec![Line::new(began, node, style, proof)]
    }

    fn network(&mut self, change: &NetworkChange) -> Vec<Line> {
        self.last_fault = Some(change.began);
        let (what, name) = (network_change(change), &change.name);
        let (style, proof) = match (&change.proof, &change.doubt) {
            (Some(proof), _) => (NEWS, proof.clone()),
            (None, Some(why)) => (DOUBT, format!("NO PROOF that it happened: {why}")),
            (None, None) => (DOUBT, "NO PROOF that it happened".to_owned()),
        };
        let text = format!("{name}: {what}: {proof}");
        vec![Line::new(change.began, "net", style, text)]
    }
}

/// `A | B C A1 B1 C1: 10 links cut (drop)`; the sides only where they are new.
fn network_change(change: &NetworkChange) -> String {
    let links =
        format!("{} {}", count(change.links.len() as u64), if change.links.len() == 1 { "link" } else { "links" });
    let sides = if change.text.is_empty() { String::new() } else { format!("{}: ", change.text) };
    match change.change {
        LinkChange::Cut(by) => format!("{sides}{links} cut ({by})"),
        LinkChange::CutPort(port) => format!("{sides}{links}: {port} cut"),
        LinkChange::Shape(shape) => format!("{sides}{links} shaped ({shape})"),
        LinkChange::HealCut => format!("{links} healed"),
        LinkChange::HealShape => format!("{links} shaped no longer"),
    }
}

fn exited(at: Instant, node: &NodeName, cause: ExitCause, expected: bool) -> Vec<Line> {
    // An expected exit is a fault's, which has its own line with its proof, or the end of the run.
    if expected {
        return Vec::new();
    }
    vec![Line::new(at, node, BAD, format!("THE SERVER ENDED BY ITSELF: {cause}"))]
}

/// `3/7 Until A1 is promoted`: what the timeline is doing.
fn step_at_hand(step: Option<usize>, steps: &[RecordedStep]) -> String {
    let step = step.and_then(|step| Some((step_name(step + 1, steps.len()), steps.get(step)?)));
    step.map_or_else(|| "before the first step".to_owned(), |(name, step)| format!("{name} {}", step.heading))
}

/// `2/7`.
fn step_name(step: usize, steps: usize) -> String {
    format!("{step}/{steps}")
}

#[cfg(test)]
mod tests;
