//! What the servers' logs say, once for all nodes that say it.

use std::collections::BTreeSet;

use anstyle::Style;

use super::super::paint::{BAD, DIM, DOUBT, GOOD, NEWS, PLAIN};
use super::Line;
use crate::evidence::{LogEvent, LogRecord};
use crate::vocab::NodeName;

/// Remembers what was said already.
#[derive(Debug, Default)]
pub(super) struct LogLines {
    /// What was said about which node: only the first to say it is shown.
    said: BTreeSet<(NodeName, String)>,
    /// The cluster's state as last shown is fail.
    state_is_fail: bool,
}

impl LogLines {
    /// A new chapter begins for the node: what was said about it may be said again.
    pub(super) fn forget(&mut self, node: &NodeName) {
        self.said.retain(|(about, _)| about != node);
    }

    /// The line for a record, if it is news.
    pub(super) fn line(&mut self, record: &LogRecord) -> Option<Line> {
        let (style, text) = self.news(record)?;
        Some(Line::new(record.logged, &record.node, style, text))
    }

    fn news(&mut self, record: &LogRecord) -> Option<(Style, String)> {
        let node = &record.node;
        match &record.says {
            LogEvent::PossiblyFailing { about } => {
                self.first(about, "pfail").then(|| (DOUBT, format!("suspects {about} (PFAIL)")))
            }
            LogEvent::MarkedFailing { about } => {
                self.first(about, "fail").then(|| (BAD, format!("marks {about} as failed: a majority agrees (FAIL)")))
            }
            LogEvent::ToldFailing { by, about } => {
                self.first(about, "fail").then(|| (BAD, format!("learns from {by} that {about} has failed (FAIL)")))
            }
            LogEvent::FailCleared { about } => {
                self.said.retain(|(node, topic)| node != about || topic == "cleared");
                self.first(about, "cleared").then(|| (PLAIN, format!("sees {about} again: FAIL is cleared")))
            }
            LogEvent::ElectionDelayed { delay_ms, rank } => {
                Some((DIM, format!("will ask for votes in {delay_ms} ms (rank {rank} among the replicas)")))
            }
            LogEvent::ElectionStarted { version } => {
                Some((NEWS, format!("asks for votes for version {version} of the configuration")))
            }
            LogEvent::ElectionWon => Some((GOOD, "PROMOTED: won the election, now a master".to_owned())),
            LogEvent::SubjectivelyDown { about } => Some((DOUBT, format!("holds {about} for down (+sdown)"))),
            LogEvent::ObjectivelyDown { about } => {
                self.first(about, "odown").then(|| (BAD, format!("{about} is down: a quorum agrees (+odown)")))
            }
            LogEvent::FailoverTried { about } => Some((NEWS, format!("asks to replace {about}"))),
            LogEvent::LeaderElected { about } => Some((NEWS, format!("is let replace {about} by a majority"))),
            LogEvent::ReplicaSelected { chosen } => Some((NEWS, format!("has chosen {chosen} to take over"))),
            LogEvent::MasterSwitched { from, to } => self
                .first(to, "switched")
                .then(|| (GOOD, format!("tells clients of {to} instead of {from} (+switch-master)"))),
            LogEvent::MadeMaster => Some((GOOD, "PROMOTED: told to follow nobody, now a master".to_owned())),
            LogEvent::FailoverBlocked { reason } => {
                self.first(node, reason).then(|| (DOUBT, format!("cannot fail over: {reason}")))
            }
            LogEvent::Demoted { master } => Some((NEWS, format!("becomes a replica of {master}"))),
            LogEvent::StateChanged { ok } => self.state(*ok),
            LogEvent::FullResync => Some((PLAIN, "full resync: copies its master's whole data set".to_owned())),
            LogEvent::PartialResync => Some((PLAIN, "partial resync: catches up from its master's backlog".to_owned())),
            LogEvent::SyncFinished => Some((PLAIN, "resync finished".to_owned())),
            LogEvent::ReportedFailing { .. } | LogEvent::VoteGranted { .. } | LogEvent::SyncStarted => None,
        }
    }

    fn state(&mut self, ok: bool) -> Option<(Style, String)> {
        if self.state_is_fail != ok {
            return None;
        }
        self.state_is_fail = !ok;
        Some(if ok {
            (GOOD, "cluster state: ok again".to_owned())
        } else {
            (BAD, "cluster state: FAIL, requests are refused (CLUSTERDOWN)".to_owned())
        })
    }

    fn first(&mut self, about: &NodeName, topic: &str) -> bool {
        self.said.insert((about.clone(), topic.to_owned()))
    }
}
