//! How far replicas are behind their masters, in time.
//!
//! The observer asks every node for its replication offset again and again. Each time a master says that it has come further, the time
//! counts until its replica says that it has all of that: then whatever was acknowledged before can be read there. Both are known to
//! within the time between two questions, 10 ms (20 ms with more than 12 nodes), so a lag is known as a least and a most.
//! (`master_repl_offset` and `slave_repl_offset` of `INFO replication`, Redis `replication.c`.)

use std::collections::BTreeMap;

use super::case::Case;
use super::samples;
use super::window::During;
use crate::evidence::{Evidence, ReplicationRecord, TopologyRecord};
use crate::vocab::{Instant, NodeName, Percent};

/// The quantiles that are shown of each replica: the median, the 99th percentile and the longest.
pub(crate) const SHOWN: [Percent; 3] = [Percent::HALF, Percent::ALL_BUT_ONE, Percent::ALL];

/// How long a replica took to come as far as its master had been.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lag {
    /// When the master was asked.
    pub(crate) asked: Instant,
    /// The least that it can have taken.
    pub(crate) least_nanos: u64,
    /// The most; none if it never came so far.
    pub(crate) most_nanos: Option<u64>,
}

impl Lag {
    /// The least that it can have taken, in nanoseconds.
    pub(crate) fn least(&self) -> u64 {
        self.least_nanos
    }

    /// The most that it can have taken, in nanoseconds; all the time that there is if it never came so far.
    pub(crate) fn most(&self) -> u64 {
        self.most_nanos.unwrap_or(u64::MAX)
    }
}

/// How long one replica took, again and again.
pub(crate) struct ReplicaLags<'a> {
    pub(crate) replica: &'a NodeName,
    /// One for each position of a master that it followed, in order.
    pub(crate) lags: Vec<Lag>,
}

impl ReplicaLags<'_> {
    /// A quantile of its lags, in nanoseconds.
    pub(crate) fn quantile(&self, of: impl Fn(&Lag) -> u64, quantile: Percent) -> u64 {
        let mut nanos: Vec<_> = self.lags.iter().map(of).collect();
        samples::quantile(&mut nanos, quantile.fraction()).unwrap_or(0)
    }
}

/// Every replica that had anything to follow, with all of its lags.
pub(crate) fn all(evidence: &Evidence) -> Vec<ReplicaLags<'_>> {
    let mut views = BTreeMap::<_, Vec<_>>::new();
    for record in &evidence.topology {
        views.entry(&record.node).or_default().push(record);
    }
    let mut offsets = Offsets::new();
    for record in &evidence.replication {
        offsets.entry(&record.node).or_default().push(record);
    }
    // To the end of the evidence: what the last writes of the loads became is seen after them.
    let end = evidence.events.last().map_or(Instant::default(), |event| event.at);
    let followers = views.into_iter().map(|(replica, views)| {
        let stretches = followed(&views, end);
        ReplicaLags { replica, lags: stretches.iter().flat_map(|stretch| stretch.lags(&offsets, replica)).collect() }
    });
    followers.filter(|follower| !follower.lags.is_empty()).collect()
}

/// The same of a part of the run.
pub(crate) fn during<'a>(case: &Case<'a>, during: During) -> Vec<ReplicaLags<'a>> {
    let within = |lag: Lag| {
        let least = case.windows.nanos_in(during, lag.asked, lag.asked.plus_nanos(lag.least_nanos))?;
        let most = match lag.most_nanos {
            Some(most) => Some(case.windows.nanos_in(during, lag.asked, lag.asked.plus_nanos(most))?),
            // What a fault cut short lasted until then in the steady part.
            None => Some(least).filter(|least| *least < lag.least_nanos),
        };
        Some(Lag { least_nanos: least, most_nanos: most, ..lag })
    };
    let followers = all(case.evidence).into_iter().map(|ReplicaLags { replica, lags }| {
        let lags = lags.into_iter().filter_map(within).collect();
        ReplicaLags { replica, lags }
    });
    followers.filter(|follower| !follower.lags.is_empty()).collect()
}

/// How far each node was, in the order in which it was asked.
type Offsets<'a> = BTreeMap<&'a NodeName, Vec<&'a ReplicationRecord>>;

/// A time in which a replica followed one master.
struct Stretch<'a> {
    from: Instant,
    to: Instant,
    master: &'a NodeName,
}

/// Which masters a replica followed and when, by its own word. One that does not answer follows none.
fn followed<'a>(views: &[&'a TopologyRecord], end: Instant) -> Vec<Stretch<'a>> {
    let mut stretches = Vec::<Stretch<'_>>::new();
    let mut open: Option<Stretch<'_>> = None;
    for record in views {
        let master = master_of(record);
        match &mut open {
            Some(stretch) if Some(stretch.master) == master => continue,
            Some(stretch) => stretch.to = record.at,
            None => {}
        }
        stretches.extend(open.take());
        open = master.map(|master| Stretch { from: record.at, to: end.max(record.at), master });
    }
    stretches.extend(open);
    stretches
}

fn master_of(record: &TopologyRecord) -> Option<&NodeName> {
    record.view.as_ref()?.members.get(&record.node)?.master.as_ref()
}

impl Stretch<'_> {
    fn lags(&self, offsets: &Offsets<'_>, replica: &NodeName) -> Vec<Lag> {
        let (positions, own) = (self.offsets_of(offsets, self.master), self.offsets_of(offsets, replica));
        let (mut next, mut before) = (0, i64::MIN);
        let lags = positions.iter().map(|position| {
            // A master that was started again begins anew: what its replica had of the history before says nothing of this one.
            let anew = position.offset < before;
            before = position.offset;
            // Of a replica that began anew the offset is smaller for a while: it is behind until it is as far again.
            while own.get(next).is_some_and(|own| own.offset < position.offset || anew && own.asked < position.asked) {
                next += 1;
            }
            let reached = own.get(next);
            // It had not come so far when it was asked before; one that never did had not when it ceased to follow.
            let not_yet = reached.map_or(self.to, |own| own.before.unwrap_or(own.asked));
            Lag {
                asked: position.asked,
                least_nanos: not_yet.nanos_since(position.at),
                most_nanos: reached.map(|own| own.at.nanos_since(position.asked)),
            }
        });
        lags.collect()
    }

    /// What a node said of itself while this lasted.
    fn offsets_of<'o, 'a>(&self, offsets: &'o Offsets<'a>, node: &NodeName) -> &'o [&'a ReplicationRecord] {
        let all = offsets.get(node).map(Vec::as_slice).unwrap_or_default();
        let from = all.partition_point(|record| record.asked < self.from);
        let to = all.partition_point(|record| record.asked <= self.to);
        all.get(from..to).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::{LOAD_STARTS, Story};

    /// When A, and A1 that follows it, said how far they were, in milliseconds; how long A1 took at most to come as far each time.
    #[rstest]
    #[case::the_same_position_again(&[(0, 100), (50, 100)], &[(5, 100)], &[Some(5), Some(0)])]
    #[case::the_master_begins_anew(&[(0, 100), (50, 40)], &[(5, 100)], &[Some(5), None])]
    #[case::asked_in_the_moment_it_begins_anew(&[(0, 100), (50, 40)], &[(5, 100), (50, 60)], &[Some(5), Some(0)])]
    fn a_replica_comes_as_far(
        #[case] master: &[(u64, i64)],
        #[case] replica: &[(u64, i64)],
        #[case] most_ms: &[Option<u64>],
    ) {
        let mut story = Story::formed();
        story.end(LOAD_STARTS + 1_000);
        for (node, said) in [("A", master), ("A1", replica)] {
            for (ms, offset) in said {
                let at = Instant::from_millis(LOAD_STARTS + ms);
                let record = ReplicationRecord { asked: at, at, before: None, node: node.into(), offset: *offset };
                story.evidence.replication.push(record);
            }
        }
        let [a1] = &all(&story.evidence)[..] else { panic!("one replica followed") };
        let most: Vec<_> = a1.lags.iter().map(|lag| lag.most_nanos.map(|nanos| nanos / 1_000_000)).collect();
        assert_eq!((a1.replica.as_str(), &most[..]), ("A1", most_ms));
    }
}
