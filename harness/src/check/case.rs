//! Everything a check may look at, worked out once.

use std::any::Any;

use super::census::Census;
use super::finding::{self, Finding, Status};
use super::healthy::HealthyTimes;
use super::machine::Machine;
use super::reach::Reaches;
use super::successor;
use super::takedown::Takedown;
use super::window::Windows;
use crate::evidence::{Evidence, LoadIndex, Operation, Outcome, RecordedLoad, RecordedPlan};
use crate::vocab::{HostName, Instant, NodeName};

/// A run to be judged.
pub(crate) struct Case<'a> {
    /// What should have happened.
    pub(crate) plan: &'a RecordedPlan,
    /// What happened.
    pub(crate) evidence: &'a Evidence,
    /// What one look at all operations tells.
    pub(crate) census: Census,
    /// When the cluster was healthy.
    pub(crate) healthy: HealthyTimes,
    /// What the machine took.
    pub(crate) machine: Machine<'a>,
    /// The parts of the run.
    pub(crate) windows: Windows,
    /// Every time a master that owned a shard was taken down, in order.
    pub(crate) takedowns: Vec<Takedown>,
    /// Which hosts could reach each other.
    pub(crate) reaches: Reaches,
    /// What was asked of every key, with its answers (`check/key_question.rs`).
    pub(crate) of_keys: Vec<Box<dyn Any + Send + Sync>>,
}

impl<'a> Case<'a> {
    /// Works out what several checks need.
    pub(crate) fn new(evidence: &'a Evidence) -> Self {
        let (plan, census) = (&evidence.plan, Census::of(evidence));
        let healthy = HealthyTimes::of(evidence);
        let windows = Windows::of(evidence, &census, &healthy);
        let takedowns = successor::find(evidence);
        let (machine, reaches) = (Machine::of(evidence), Reaches::of(evidence));
        Self { plan, evidence, census, healthy, machine, windows, takedowns, reaches, of_keys: Vec::new() }
    }

    /// The clients' operations; the harness' own final read is none of them.
    pub(crate) fn client_operations(&self) -> impl Iterator<Item = Operation> + 'a + use<'a> {
        self.evidence.history.iter().filter(|operation| !operation.is_final_read())
    }

    /// A load's operations.
    pub(crate) fn operations_of(&self, load: usize) -> impl Iterator<Item = Operation> + 'a + use<'a> {
        let own = self.evidence.history.of_load(load.try_into().unwrap_or(LoadIndex::MAX));
        own.filter(|operation| !operation.is_final_read())
    }

    /// The positions of the loads that an SLO is about: of the one that it names, or of all.
    pub(crate) fn loads(&self, named: Option<&str>) -> Vec<usize> {
        let loads = self.plan.loads.iter().enumerate();
        loads.filter(|(_, load)| named.is_none_or(|name| load.name == name)).map(|(index, _)| index).collect()
    }

    /// The operations of these loads.
    pub(crate) fn operations_of_loads(&self, named: Option<&str>) -> impl Iterator<Item = Operation> + 'a + use<'a> {
        let loads = named.map(|_| self.loads(named));
        let is_theirs = move |load| loads.as_ref().is_none_or(|loads| loads.contains(&usize::from(load)));
        self.client_operations().filter(move |operation| is_theirs(operation.load))
    }

    /// What must hold for each of these loads by itself, so that a busy one hides nothing of another: the worst finding on any,
    /// with the load's name where there are several. `judge` also says how bad it is, to compare findings of the same status.
    pub(crate) fn each_load(&self, named: Option<&str>, judge: impl Fn(usize) -> (Finding, f64)) -> Finding {
        let asked = |(_, finding, _): &(usize, Finding, f64)| finding.samples > 0;
        let loads = self.loads(named);
        // Without a load there is one that did nothing.
        let none = if loads.is_empty() { Some(self.plan.loads.len()) } else { None };
        let mut found: Vec<_> = loads
            .into_iter()
            .chain(none)
            .map(|load| {
                let (finding, measure) = judge(load);
                (load, finding, measure)
            })
            .collect();
        let several = found.iter().filter(|found| asked(found)).count() > 1;
        found.sort_by(|(_, one, a), (_, other, b)| {
            let severity = |finding: &Finding| match finding.status {
                Status::Fail => 2,
                Status::Inconclusive => 1,
                Status::Pass => 0,
            };
            severity(one).cmp(&severity(other)).then(a.total_cmp(b)).then(one.samples.cmp(&other.samples))
        });
        // A load that had nothing to do in the part says nothing about it, unless none had.
        let worst = found.iter().rposition(asked).unwrap_or(0);
        let (load, finding, _) = found.swap_remove(worst);
        let name = self.plan.loads.get(load).filter(|_| several).map(|load| format!("load {}", load.name));
        Finding { note: finding::note(name.into_iter().chain([finding.note])), ..finding }
    }

    /// The name of the node at an index of the plan.
    pub(crate) fn node_name(&self, index: Option<u16>) -> Option<&'a NodeName> {
        self.plan.nodes.get(usize::from(index?)).map(|node| &node.name)
    }

    /// The host that an operation's client is on.
    pub(crate) fn client_host(&self, operation: &Operation) -> Option<HostName> {
        self.plan.loads.get(usize::from(operation.load)).map(|load| load.host.clone())
    }

    /// Whether an operation's client and a node had a connection at a moment.
    pub(crate) fn could_ask(&self, operation: &Operation, node: &NodeName, at: Instant) -> bool {
        let host = self.client_host(operation);
        host.is_some_and(|host| self.reaches.at(at).connected(&host, node))
    }

    /// The writes to a failed master's shard by clients that were on its side when they learned the outcome, or still waited,
    /// between the fault and its return.
    pub(crate) fn writes_on_the_side_of<'t>(&'t self, takedown: &'t Takedown) -> impl Iterator<Item = Operation> + 't {
        let end = takedown.end();
        self.client_operations().filter(move |write| {
            write.writes()
                && write.ended >= takedown.began
                && write.intended < end
                && takedown.is_about(write)
                && self.could_ask(write, &takedown.failed, write.ended.min(Instant(end.0.saturating_sub(1))))
        })
    }

    /// The writes that a failed master acknowledged between the fault and its return, to clients on its side.
    pub(crate) fn acknowledged_after<'t>(&'t self, takedown: &'t Takedown) -> impl Iterator<Item = Operation> + 't {
        self.writes_on_the_side_of(takedown).filter(|write| {
            write.outcome == Outcome::Ok
                && write.ended < takedown.end()
                && self.node_name(write.node) == Some(&takedown.failed)
        })
    }

    /// The key as it is in the server, such as `app:17`.
    pub(crate) fn key_text(&self, operation: &Operation) -> String {
        match self.plan.loads.get(usize::from(operation.load)) {
            Some(load) => load.key_names.text(operation.data, operation.key),
            None => operation.key.to_string(),
        }
    }

    /// Whether the load of an operation has several workers write a key at the same time.
    pub(crate) fn is_contended(&self, operation: &Operation) -> bool {
        self.plan.loads.get(usize::from(operation.load)).is_some_and(|load| load.contended)
    }

    /// Whether none of these loads has a schedule, so that an operation that was late in starting is not seen to be late.
    pub(crate) fn all_closed(&self, named: Option<&str>) -> bool {
        let loads = self.loads(named).into_iter().filter_map(|load| self.plan.loads.get(load));
        // Idle connections start nothing at all.
        loads.filter(|load| !load.mix.is_empty()).all(RecordedLoad::is_closed)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::check::testing::Story;
    use crate::evidence::testing::load;

    /// What is found of each load: how it ended, from how many samples, and how bad it is. Which of them counts, and whether it is told
    /// whose it is.
    #[rstest]
    #[case::a_miss_is_the_worst(&[(Status::Fail, 5, 1.0), (Status::Pass, 9, 9.0), (Status::Inconclusive, 9, 9.0)], 0, true)]
    #[case::the_worst_of_two_misses(&[(Status::Fail, 5, 2.0), (Status::Fail, 9, 1.0)], 0, true)]
    #[case::then_what_cannot_be_told(&[(Status::Inconclusive, 5, 1.0), (Status::Pass, 9, 9.0)], 0, true)]
    #[case::the_worst_of_what_was_met(&[(Status::Pass, 5, 2.0), (Status::Pass, 9, 1.0)], 0, true)]
    #[case::the_most_samples_of_what_is_alike(&[(Status::Pass, 9, 1.0), (Status::Pass, 5, 1.0)], 0, true)]
    #[case::who_did_nothing_does_not_count(&[(Status::Pass, 5, 1.0), (Status::Inconclusive, 0, 9.0)], 0, false)]
    #[case::nobody_did_anything(&[(Status::Inconclusive, 0, 1.0), (Status::Inconclusive, 0, 2.0)], 0, false)]
    #[case::there_is_none(&[], 0, false)]
    fn the_worst_load_counts(#[case] found: &[(Status, u64, f64)], #[case] worst: usize, #[case] named: bool) {
        let mut story = Story::formed();
        story.evidence.plan.loads = (0..found.len()).map(|nth| load(&nth.to_string())).collect();
        let judge = |nth: usize| {
            let (status, samples, measure) = found.get(nth).copied().unwrap_or((Status::Inconclusive, 0, 0.0));
            let nothing = Finding::nothing(&"p99", String::new(), "as measured");
            (Finding { status, samples, measured: nth.to_string(), ..nothing }, measure)
        };
        let counts = story.case().each_load(None, judge);
        let note = if named { format!("load {worst}; as measured") } else { "as measured".to_owned() };
        assert_eq!((counts.measured, counts.note), (worst.to_string(), note));
    }

    /// A load of idle connections starts nothing that could be late.
    #[test]
    fn idle_connections_have_no_schedule() {
        let mut story = Story::formed();
        let open = RecordedLoad { arrivals: Some(crate::vocab::Arrivals::constant(1)), ..load("open") };
        let idle = RecordedLoad { mix: Vec::new(), ..RecordedLoad { name: "idle".to_owned(), ..open.clone() } };
        story.evidence.plan.loads.extend([open, idle]);
        let closed = [Some("app"), Some("open"), Some("idle"), None].map(|load| story.case().all_closed(load));
        assert_eq!(closed, [true, false, true, false]);
    }
}
