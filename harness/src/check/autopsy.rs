//! Why acknowledged writes are gone: what happened to the node that acknowledged each, and what would have kept it.

use std::collections::{BTreeMap, BTreeSet};

use super::case::Case;
use super::finding;
use super::takedown::{Takedown, TakedownCause};
use crate::evidence::{DataEffect, EventKind, LogEvent, LogRecord, Operation, ReplicationRecord};
use crate::vocab::{Instant, NodeName, Role};

/// Why a write is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    /// A replica took over that had not received it.
    ReplicaBehind,
    /// A master acknowledged it that was cut off from the majority, and was replaced.
    Isolated,
    /// A master acknowledged it that had been replaced and did not know.
    Replaced,
    /// Its server was told to follow another, which had not got it.
    Overwritten,
    /// The server's data was emptied.
    Wiped,
    /// A file of the server's data was damaged.
    Damaged,
    /// The server keeps snapshots only, and the last was older, or there was none.
    OlderSnapshot,
    /// The power failed before it had been synchronised.
    NotSynced,
    /// The server had acknowledged it and held it back.
    HeldBack,
    /// The server was started again without it.
    RestartedWithout,
    /// The server had evicted keys for want of memory.
    Evicted,
    /// Nothing that happened explains it.
    Unexplained,
}

impl Cause {
    /// In words, after a number of writes.
    const fn text(self) -> &'static str {
        match self {
            Self::ReplicaBehind => "not on the replica that took over",
            Self::Isolated => "acknowledged by a master that was cut off from the majority",
            Self::Replaced => "acknowledged by a master that had been replaced and did not know",
            Self::Overwritten => "on a server that was told to follow one that had not got them",
            Self::Wiped => "on a server whose data was wiped",
            Self::Damaged => "on a server of which a file was damaged",
            Self::OlderSnapshot => "not in the RDB file that their server was started again from",
            Self::NotSynced => "not synchronised (fsync) when the power of their server failed",
            Self::HeldBack => "not written to the append-only file yet when their server was taken down",
            Self::RestartedWithout => "gone when their server was started again",
            Self::Evicted => "on a server that evicted keys for want of memory",
            Self::Unexplained => "EXPLAINED BY NOTHING THAT HAPPENED",
        }
    }
}

/// A lost write, and what explains it.
struct Explained<'a> {
    cause: Cause,
    write: &'a Operation,
    /// Those that may have cost it, in order.
    takedowns: Vec<&'a Takedown>,
}

impl<'a> Explained<'a> {
    /// The last one that may have cost it.
    fn takedown(&self) -> Option<&'a Takedown> {
        self.takedowns.last().copied()
    }
}

/// A line for each cause, and the first write of each in full.
pub(super) fn lines(case: &Case<'_>, lost: &[Operation]) -> Vec<String> {
    let (autopsy, mut by_cause) = (Autopsy::of(case), BTreeMap::<_, Vec<_>>::new());
    for write in lost {
        let explained = autopsy.explain(write);
        by_cause.entry(explained.cause).or_default().push(explained);
    }
    let lines = by_cause.into_iter().map(|(cause, explained)| {
        let count = finding::count(explained.len() as u64, "lost write");
        let first = explained.iter().min_by_key(|explained| explained.write.ended);
        let first = first.map(|first| story(case, first)).unwrap_or_default();
        let remedy = remedy(case, cause, &explained);
        format!("{count} {}: {}", cause.text(), finding::note([first, remedy]))
    });
    lines.collect()
}

/// What happened to the nodes that may have cost a write.
pub(super) struct Autopsy<'a> {
    case: &'a Case<'a>,
    /// When the server of each node was started, in order.
    starts: BTreeMap<&'a NodeName, Vec<Instant>>,
    evicting: BTreeSet<&'a NodeName>,
    /// What was done to the data of nodes.
    losses: Vec<(&'a NodeName, Instant, DataEffect)>,
}

impl<'a> Autopsy<'a> {
    pub(super) fn of(case: &'a Case<'_>) -> Self {
        let mut starts = BTreeMap::<_, Vec<_>>::new();
        for event in &case.evidence.events {
            if let EventKind::NodeStarted { node, .. } = &event.kind {
                starts.entry(node).or_default().push(event.at);
            }
        }
        let losses = case.evidence.events.iter().filter_map(|event| match &event.kind {
            EventKind::ActedOnNode { node, began, effect, .. } => Some((node, *began, effect.data)),
            _ => None,
        });
        let losses = losses.filter(|(_, _, data)| *data != DataEffect::Kept).collect();
        Self { case, starts, evicting: case.evidence.evicting_nodes(), losses }
    }

    /// The faults of which one cost a write, in order; none if no fault did.
    pub(super) fn takedowns(&self, write: &'a Operation) -> Vec<&'a Takedown> {
        self.explain(write).takedowns
    }

    fn explain(&self, write: &'a Operation) -> Explained<'a> {
        let case = self.case;
        let explained =
            |cause, takedown: Option<_>| Explained { cause, write, takedowns: takedown.into_iter().collect() };
        let Some(node) = case.node_name(write.node) else { return explained(Cause::Unexplained, None) };
        let own = || case.takedowns.iter().filter(|takedown| takedown.failed == *node && takedown.is_about(write));
        let replaced = || own().filter(|takedown| takedown.promotion.is_some());
        // What a client was told just after a fault had begun had been done before it.
        let during = replaced().rfind(|takedown| takedown.began <= write.ended && write.ended < takedown.end());
        if let Some(takedown) = during {
            let is_cut_off = takedown.cause == TakedownCause::Partition;
            return explained(if is_cut_off { Cause::Isolated } else { Cause::ReplicaBehind }, Some(takedown));
        }
        let came_back = |takedown: &&Takedown| takedown.returned.is_some_and(|returned| returned <= write.ended);
        if let Some(takedown) = replaced().rfind(came_back).filter(|takedown| !was_demoted(case, takedown, write.ended))
        {
            return explained(Cause::Replaced, Some(takedown));
        }
        let started_again = self.next_start(node, write.ended);
        // Here too it may have been told just after the process had ended.
        let cost = |takedown: &&Takedown| {
            takedown.began > write.ended || (takedown.ended_process() && takedown.end() > write.ended)
        };
        let takedowns = self.may_have_cost(write, own().filter(cost).collect());
        match takedowns.last() {
            Some(takedown) if takedown.promotion.is_some() => {
                Explained { cause: Cause::ReplicaBehind, write, takedowns }
            }
            Some(takedown) => {
                let (began, started) = (takedown.began, self.next_start(node, takedown.began));
                Explained { cause: self.without(node, began, started), write, takedowns }
            }
            None if self.was_told_to_follow(node, write.started) => explained(Cause::Overwritten, None),
            None if self.evicting.contains(node) => explained(Cause::Evicted, None),
            None if started_again.is_some() && !own().any(|takedown| cost(&takedown)) => {
                explained(self.without(node, write.started, started_again), None)
            }
            None => explained(Cause::Unexplained, None),
        }
    }

    /// Whether a server was told to follow another after that moment: by a step, or by others, as its own log says.
    fn was_told_to_follow(&self, node: &NodeName, after: Instant) -> bool {
        let by_step = |(of, at, data): &(&NodeName, Instant, DataEffect)| {
            *of == node && *at >= after && *data == DataEffect::Replaced
        };
        self.losses.iter().any(by_step)
            || self.case.evidence.events.iter().any(|event| match &event.kind {
                EventKind::Log(LogRecord { node: of, says: LogEvent::Demoted { .. }, .. }) => {
                    of == node && event.at >= after
                }
                _ => false,
            })
    }

    /// Which of the faults after a write may have cost it: a server that only dies and is started again keeps what its files have,
    /// so that a later fault that took something of those away is to blame. Where none should have cost it, any of them may have.
    fn may_have_cost(&self, write: &Operation, after: Vec<&'a Takedown>) -> Vec<&'a Takedown> {
        let is_started_again = |takedown: &Takedown| {
            self.next_start(&takedown.failed, takedown.began).is_some_and(|at| at < takedown.until)
        };
        let may = |takedown: &&Takedown| match takedown.promotion {
            Some(_) => was_behind(self.case, takedown, write),
            None => is_started_again(takedown),
        };
        let may: Vec<_> = after.into_iter().filter(may).collect();
        let first = may.iter().find(|takedown| takedown.promotion.is_none()).map(|takedown| takedown.began);
        let ought = |takedown: &&Takedown| {
            let is_first = first == Some(takedown.began) && !self.writes_before_it_acknowledges(&takedown.failed);
            takedown.promotion.is_some() || is_first || self.took_data(takedown)
        };
        let ought: Vec<_> = may.iter().copied().filter(ought).collect();
        if ought.is_empty() { may } else { ought }
    }

    /// Whether something of a node's files was gone or changed when it was started again.
    fn took_data(&self, takedown: &Takedown) -> bool {
        let during = |at: Instant| (takedown.began..=takedown.end()).contains(&at);
        self.losses.iter().any(|(of, at, _)| **of == takedown.failed && during(*at))
    }

    /// Whether a write is in the append-only file before a client is told: not with `everysec`, which may hold it back.
    fn writes_before_it_acknowledges(&self, node: &NodeName) -> bool {
        self.is_set(node, "appendonly", "no", "yes") && !self.is_set(node, "appendfsync", "everysec", "everysec")
    }

    /// When the server of a node was started next.
    fn next_start(&self, node: &NodeName, after: Instant) -> Option<Instant> {
        self.starts.get(node)?.iter().copied().find(|started| *started > after)
    }

    /// Why a server is without a write that was started again then, by what happened to it from a moment on.
    fn without(&self, node: &NodeName, from: Instant, started: Option<Instant>) -> Cause {
        let happened = |wanted: DataEffect| {
            let between = |at: Instant| at >= from && started.is_none_or(|started| at <= started);
            self.losses.iter().any(|(of, at, data)| *of == node && between(*at) && *data == wanted)
        };
        match () {
            () if happened(DataEffect::Emptied) => Cause::Wiped,
            () if happened(DataEffect::Damaged) => Cause::Damaged,
            () if !self.is_set(node, "appendonly", "no", "yes") => Cause::OlderSnapshot,
            () if happened(DataEffect::Synced) => Cause::NotSynced,
            () if self.is_set(node, "appendfsync", "everysec", "everysec") => Cause::HeldBack,
            () => Cause::RestartedWithout,
        }
    }

    /// Whether a node was configured so; `default` is what holds if nothing is said.
    fn is_set(&self, node: &NodeName, directive: &str, default: &str, value: &str) -> bool {
        let config = self.case.plan.node(node).map(|node| &node.config);
        let set = config.into_iter().flatten().find(|(name, _)| name.eq_ignore_ascii_case(directive));
        set.map_or(default, |(_, set)| set).eq_ignore_ascii_case(value)
    }
}

/// Whether a master that had been replaced was seen to know it by then, after it had come back.
fn was_demoted(case: &Case<'_>, takedown: &Takedown, by: Instant) -> bool {
    let returned = takedown.returned.unwrap_or(takedown.began);
    let own = case.evidence.topology.iter().filter(|record| record.node == takedown.failed);
    let mut between = own.filter(|record| (returned..=by).contains(&record.at));
    between.any(|record| {
        let own = record.view.as_ref().and_then(|view| view.members.get(&takedown.failed));
        own.is_some_and(|own| own.role == Role::Replica)
    })
}

/// Whether the replica that took over may have lacked a write: not if it was as far as its master had been after the write.
fn was_behind(case: &Case<'_>, takedown: &Takedown, write: &Operation) -> bool {
    let Some(promotion) = &takedown.promotion else { return false };
    let promoted = promotion.at().unwrap_or(takedown.began);
    let records = || case.evidence.replication.iter();
    let after = records().find(|record| record.node == takedown.failed && record.asked >= write.ended);
    let had = records().rfind(|record| record.node == promotion.node && record.at <= promoted);
    after.zip(had).is_none_or(|(after, had)| had.offset < after.offset)
}

/// What happened to a write, in one sentence.
fn story(case: &Case<'_>, explained: &Explained<'_>) -> String {
    let write = explained.write;
    let node = case.node_name(write.node).map_or_else(|| "an unknown node".to_owned(), ToString::to_string);
    let key = case.key_text(write);
    let acknowledged = format!("the first, of {key}, was acknowledged by {node} at {}", write.ended);
    let Some(takedown) = explained.takedown() else { return acknowledged };
    let began = takedown.began;
    let when = match () {
        () if write.ended < began => format!("{} before {} began", nanos_between(write.ended, began), takedown.cause),
        () => format!("{} after {} began", nanos_between(began, write.ended), takedown.cause),
    };
    let Some(promotion) = &takedown.promotion else { return format!("{acknowledged}, {when}") };
    let at = promotion.at().unwrap_or(began);
    let offsets = offsets(case, takedown, &promotion.node, at, write).unwrap_or_default();
    format!("{acknowledged}, {when}; {} took over at {at} without it{offsets}", promotion.node)
}

fn nanos_between(from: Instant, to: Instant) -> String {
    finding::time(to.nanos_since(from))
}

/// How far the successor was when it was promoted, and how far the failed master when it acknowledged the write.
fn offsets(
    case: &Case<'_>,
    takedown: &Takedown,
    successor: &NodeName,
    promoted: Instant,
    write: &Operation,
) -> Option<String> {
    let of = |node: &NodeName, by: Instant| {
        let is_before = |record: &&ReplicationRecord| record.node == *node && record.at <= by;
        case.evidence.replication.iter().rfind(is_before)
    };
    let had = of(successor, promoted)?.offset;
    let then = of(&takedown.failed, write.started)?;
    let last = of(&takedown.failed, takedown.began.max(write.ended))?;
    let behind = last.offset.saturating_sub(had);
    let behind =
        if behind > 0 { format!(", {behind} bytes behind what {} last said", takedown.failed) } else { String::new() };
    Some(format!(
        " (at replication offset {had}{behind}; {} was at {} or later when it acknowledged the write)",
        takedown.failed, then.offset
    ))
}

/// Which setting would have narrowed the window, and by how much.
fn remedy(case: &Case<'_>, of: Cause, explained: &[Explained<'_>]) -> String {
    match of {
        Cause::ReplicaBehind => {
            "a `WAIT 1` behind each write tells that it is on one node only, and costs a round trip to \
                                 the replica"
                .to_owned()
        }
        Cause::Isolated => {
            // A master refuses when its replicas have been silent for that long, which it looks at once a second
            // (`replicationCron` in Redis' replication.c).
            let lag_s = 10;
            let after = |s: u64| {
                let late = |explained: &&Explained<'_>| {
                    let began = explained.takedown().map(|takedown| takedown.began.plus_nanos(s * 1_000_000_000));
                    began.is_some_and(|limit| explained.write.ended >= limit)
                };
                explained.iter().filter(late).count()
            };
            let (all, with_1, with_default) = (explained.len(), after(2), after(lag_s + 1));
            let failed = explained.iter().find_map(Explained::takedown).map(|takedown| &takedown.failed);
            let system = failed.and_then(|failed| case.plan.systems.get(case.plan.system_of(failed)));
            let node_timeout = system.map_or(0, |system| system.node_timeout_ms);
            let is_bounded =
                system.is_some_and(|system| system.directives.iter().any(|(name, _)| name == "cluster-node-timeout"));
            let bound = if is_bounded {
                format!("`cluster-node-timeout` ({node_timeout} ms) bounds how long that goes on")
            } else {
                "nothing bounds how long that goes on".to_owned()
            };
            format!(
                "{bound}; with `min-replicas-to-write 1` and \
                 `min-replicas-max-lag 1` {with_1} of these {all} would have been refused, with the default lag of {lag_s} s \
                 {with_default}"
            )
        }
        Cause::Replaced => "clients that ask for a quorum's word (`WAIT 1`) learn that its replicas left it".to_owned(),
        Cause::Overwritten => {
            "nobody tells a master that it was replaced: with `min-replicas-to-write 1` it refuses writes once it has had no replica \
             for `min-replicas-max-lag`"
                .to_owned()
        }
        Cause::Wiped => "only a replica that takes over before would have kept it".to_owned(),
        Cause::Damaged => {
            "a server that goes on with what is left of a file (`aof-load-truncated yes`) says so in its log alone"
                .to_owned()
        }
        Cause::OlderSnapshot => {
            "`appendonly yes` keeps what was written since the last snapshot: with `appendfsync everysec` all \
                                 but the last second or two"
                .to_owned()
        }
        Cause::NotSynced => {
            "`appendfsync always` synchronises before it acknowledges; `everysec` does within a second or two if the disk is quick, \
                             `no` leaves it to the kernel"
                .to_owned()
        }
        // `flushAppendOnlyFile` in Redis' aof.c.
        Cause::HeldBack => {
            "`appendfsync everysec` holds writes back for up to 2 s while an fsync is under way, as on a slow disk; \
                            `always` and `no` write before they acknowledge"
                .to_owned()
        }
        Cause::RestartedWithout => "`appendonly yes` with `appendfsync always` keeps what was acknowledged".to_owned(),
        Cause::Evicted => "`maxmemory-policy noeviction` refuses writes instead".to_owned(),
        Cause::Unexplained => String::new(),
    }
}
