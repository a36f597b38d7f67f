//! Every failover phase by phase, each time with its source and the setting that bounds it.

use std::collections::BTreeMap;

use super::types::{FailoverReport, PhaseTime};
use crate::check::Case;
use crate::check::takedown::{Promotion, Takedown, TakedownCause};
use crate::evidence::{EventKind, FailoverPhase, Health, LogEvent, LogRecord, RecordedLoad};
use crate::vocab::{Instant, NodeName};

/// One report for each time a master that owned a shard was taken down.
pub(super) fn reports(case: &Case<'_>) -> Vec<FailoverReport> {
    case.takedowns.iter().map(|takedown| Reporter { case, takedown }.report()).collect()
}

/// When something was seen, and where.
type Seen = (Instant, String);

struct Reporter<'a> {
    case: &'a Case<'a>,
    takedown: &'a Takedown,
}

impl Reporter<'_> {
    fn report(&self) -> FailoverReport {
        let takedown = self.takedown;
        let timed = |phase, seen: Option<Seen>| self.phase(phase, seen);
        let (failed, successor) = (&takedown.failed, takedown.promotion.as_ref().map(|promotion| &promotion.node));
        // A client may find the successor before or after the last node does.
        let mut ends = [
            timed(FailoverPhase::FirstAcceptedWrite, self.first_write()),
            timed(FailoverPhase::AllAgree, self.all_agree()),
        ];
        ends.sort_by_key(|end| end.at.unwrap_or(Instant(u64::MAX)));
        let [first_end, last_end] = ends;
        let mut phases = vec![
            timed(FailoverPhase::Fault, Some((takedown.began, "the harness".to_owned()))),
            timed(FailoverPhase::Pfail, self.pfail()),
            timed(FailoverPhase::Fail, self.fail()),
            timed(
                FailoverPhase::ElectionDelayed,
                self.election(|says| matches!(says, LogEvent::ElectionDelayed { .. })),
            ),
            timed(
                FailoverPhase::ElectionStarted,
                self.election(|says| matches!(says, LogEvent::ElectionStarted { .. })),
            ),
            timed(
                FailoverPhase::SubjectivelyDown,
                self.told(|says| matches!(says, LogEvent::SubjectivelyDown { about } if about == failed)),
            ),
            timed(
                FailoverPhase::ObjectivelyDown,
                self.told(|says| matches!(says, LogEvent::ObjectivelyDown { about } if about == failed)),
            ),
            timed(FailoverPhase::FailoverTried, self.tried()),
            timed(
                FailoverPhase::LeaderElected,
                self.told(|says| matches!(says, LogEvent::LeaderElected { about } if about == failed)),
            ),
            timed(
                FailoverPhase::ReplicaSelected,
                self.told(|says| matches!(says, LogEvent::ReplicaSelected { chosen } if Some(chosen) == successor)),
            ),
            timed(FailoverPhase::Promoted, self.promoted()),
            timed(
                FailoverPhase::MasterSwitched,
                self.told(|says| matches!(says, LogEvent::MasterSwitched { from, .. } if from == failed)),
            ),
            first_end,
            last_end,
        ];
        // A system has phases of its own.
        let bounds = self.bounds();
        let is_own = |phase: &PhaseTime| {
            matches!(phase.phase, FailoverPhase::Fault | FailoverPhase::FirstAcceptedWrite)
                || bounds.is_none_or(|bounds| bounds.contains_key(&phase.phase))
        };
        phases.retain(is_own);
        // Where nobody took over, what did not happen needs no line each.
        if takedown.promotion.is_none() {
            phases.retain(|phase| phase.at.is_some());
        }
        FailoverReport {
            failed: takedown.failed.clone(),
            promoted: takedown.promotion.as_ref().map(|promotion| promotion.node.clone()),
            fault: takedown.cause.to_string(),
            returned: takedown.returned,
            phases,
        }
    }

    fn phase(&self, phase: FailoverPhase, seen: Option<Seen>) -> PhaseTime {
        let (at, source) = seen.map_or((None, "not seen".to_owned()), |(at, source)| (Some(at), source));
        PhaseTime { phase, at, source, bound_by: self.bound_by(phase) }
    }

    /// In a partition only the word of the majority's side leads to a failover; see [`Takedown::is_witness`].
    fn pfail(&self) -> Option<Seen> {
        let about = &self.takedown.failed;
        let logged = self.first_log(|record| {
            let says = matches!(&record.says, LogEvent::PossiblyFailing { about: a } if a == about);
            says && self.takedown.is_witness(&record.node)
        });
        log_and_view(logged, self.first_view(Health::Pfail))
    }

    fn fail(&self) -> Option<Seen> {
        let failed = &self.takedown.failed;
        let logged = self.first_log(|record| match &record.says {
            LogEvent::MarkedFailing { about } | LogEvent::ToldFailing { about, .. } => {
                about == failed && self.takedown.is_witness(&record.node)
            }
            _ => false,
        });
        log_and_view(logged, self.first_view(Health::Fail))
    }

    /// The first such line of the successor; of any of the master's replicas if nobody succeeded.
    fn election(&self, wanted: impl Fn(&LogEvent) -> bool) -> Option<Seen> {
        let promotion = self.takedown.promotion.as_ref();
        let candidate = |node: &NodeName| match promotion {
            Some(promotion) => promotion.node == *node,
            None => self.takedown.replicas.contains(node),
        };
        let won = promotion.and_then(Promotion::at).unwrap_or(Instant(u64::MAX));
        let lines: Vec<_> =
            self.logs(|record| candidate(&record.node) && wanted(&record.says)).filter(|(at, _)| *at <= won).collect();
        let (at, node) = lines.iter().min_by_key(|(at, _)| *at)?;
        let rounds = if lines.len() > 1 { format!(", the first of {} rounds", lines.len()) } else { String::new() };
        Some((*at, format!("{node}'s log{rounds}")))
    }

    /// The first such line of a sentinel on the majority's side.
    fn told(&self, wanted: impl Fn(&LogEvent) -> bool) -> Option<Seen> {
        let logged = self.first_log(|record| self.takedown.is_witness(&record.node) && wanted(&record.says));
        log_and_view(logged, None)
    }

    /// The first try of a sentinel; also why some came to nothing, if any did.
    fn tried(&self) -> Option<Seen> {
        let failed = &self.takedown.failed;
        let (at, source) = self.told(|says| matches!(says, LogEvent::FailoverTried { about } if about == failed))?;
        let in_vain = self.case.evidence.events.iter().filter_map(|event| match &event.kind {
            EventKind::Log(LogRecord { node, says: LogEvent::FailoverBlocked { reason }, .. })
                if self.takedown.is_witness(node) && self.takedown.covers(event.at) =>
            {
                Some(reason.as_str())
            }
            _ => None,
        });
        let in_vain: Vec<_> = in_vain.collect();
        let source = match &in_vain[..] {
            [] => source,
            reasons => format!("{source}; {} in vain: {}", reasons.len(), reasons.join(", ")),
        };
        Some((at, source))
    }

    fn promoted(&self) -> Option<Seen> {
        let promotion = self.takedown.promotion.as_ref()?;
        let logged = promotion.logged.map(|at| (at, promotion.node.clone()));
        log_and_view(logged, promotion.viewed.clone())
    }

    fn first_write(&self) -> Option<Seen> {
        let write = self.takedown.first_write.as_ref()?;
        let node = self.case.node_name(write.node).map_or_else(|| "another node".to_owned(), ToString::to_string);
        Some((write.ended, format!("history: {node}, {}", self.case.key_text(write))))
    }

    fn all_agree(&self) -> Option<Seen> {
        let promoted = self.takedown.promotion.as_ref()?.at()?;
        let own = self.case.plan.system_of(&self.takedown.failed);
        let is_settled = |kind: &EventKind| match kind {
            EventKind::Settled { .. } => true,
            // Of several systems each agrees by itself.
            EventKind::SystemSettled { system } => *system == own,
            _ => false,
        };
        let mut settled = self.case.evidence.events.iter().filter(|event| is_settled(&event.kind));
        let first = settled.find(|event| event.at >= promoted && self.takedown.covers(event.at))?;
        let whole = self.case.reaches.at(first.at).is_whole();
        Some((first.at, if whole { "every view" } else { "every view, side by side" }.to_owned()))
    }

    /// The lines of this failover's time that are wanted: when, and whose log.
    fn logs(&self, wanted: impl Fn(&LogRecord) -> bool) -> impl Iterator<Item = (Instant, NodeName)> {
        self.case.evidence.events.iter().filter_map(move |event| match &event.kind {
            EventKind::Log(record) if wanted(record) => Some((self.takedown.logged(record)?, record.node.clone())),
            _ => None,
        })
    }

    fn first_log(&self, wanted: impl Fn(&LogRecord) -> bool) -> Option<(Instant, NodeName)> {
        self.logs(wanted).min_by_key(|(at, _)| *at)
    }

    /// The first view of a node on the majority's side that flags the master so.
    fn first_view(&self, health: Health) -> Option<(Instant, NodeName)> {
        let failed = &self.takedown.failed;
        let flags = self.case.evidence.topology.iter().filter(|record| {
            let member = record.view.as_ref().and_then(|view| view.members.get(failed));
            self.takedown.is_witness(&record.node)
                && self.takedown.covers(record.at)
                && member.is_some_and(|member| member.health == health)
        });
        flags.map(|record| (record.at, record.node.clone())).min_by_key(|(at, _)| *at)
    }

    /// What the system says of the server that took over, and the client's part.
    fn bound_by(&self, phase: FailoverPhase) -> String {
        if phase == FailoverPhase::FirstAcceptedWrite {
            return self.bound_of_first_write();
        }
        self.bounds().and_then(|bounds| bounds.get(&phase)).cloned().unwrap_or_default()
    }

    fn bounds(&self) -> Option<&BTreeMap<FailoverPhase, String>> {
        let successor = self.takedown.promotion.as_ref().map(|promotion| &promotion.node);
        let servers = &self.case.evidence.info.servers;
        let of = |node: Option<&NodeName>| servers.iter().find(|server| Some(&server.node) == node);
        of(successor).or_else(|| of(Some(&self.takedown.failed))).map(|server| &server.failover_bounds)
    }

    /// A silent master keeps an attempt for as long as its client waits; one that is gone, or links that reject, refuse it.
    fn bound_of_first_write(&self) -> String {
        let first = self.takedown.first_write.map(|write| usize::from(write.load));
        let loads = self.case.plan.loads.iter().enumerate();
        // Without a first write any of them might have been the one.
        let clients = loads.filter(|(index, _)| first.is_none_or(|first| first == *index)).map(|(_, load)| load);
        let slowest =
            clients.max_by_key(|load| (load.map_refresh.is_none(), load.timeout, load.retry_wait, load.map_refresh));
        let Some(RecordedLoad { timeout, retry_wait: retry, map_refresh, .. }) = slowest else { return String::new() };
        let look = match map_refresh {
            Some(refresh) => format!("its next look at the map <= {refresh}"),
            None => "that no error makes it look at the map".to_owned(),
        };
        match self.takedown.cause {
            TakedownCause::Fault { silences: false, .. } => format!("the client's retry_wait {retry} and {look}"),
            TakedownCause::Fault { silences: true, .. } | TakedownCause::Partition => {
                format!("the client's timeout {timeout}, retry_wait {retry} and {look}")
            }
        }
    }
}

/// The log's time where there is one, with how far the view is from it; else the view's.
fn log_and_view(logged: Option<(Instant, NodeName)>, viewed: Option<(Instant, NodeName)>) -> Option<Seen> {
    match (logged, viewed) {
        (Some((at, node)), None) => Some((at, format!("{node}'s log"))),
        (None, Some((at, node))) => Some((at, format!("{node}'s view"))),
        (Some((at, node)), Some((seen, witness))) => {
            let sign = if seen >= at { '+' } else { '-' };
            let apart_ms = seen.0.abs_diff(at.0) as f64 / 1e6;
            Some((at, format!("{node}'s log ({witness}'s view {sign}{apart_ms:.1} ms)")))
        }
        (None, None) => None,
    }
}
