//! What is wrong with the SLOs.

use std::collections::HashMap;
use std::mem::{Discriminant, discriminant};

use crate::check::{ClaimedRate, During, FaultScope, NeededLoad, Slo, SloKind};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, LoadFacts, Meant, StepFacts};
use crate::vocab::HostName;

/// The fewest masters of which a majority is left when one is cut off.
const MASTERS_MIN: u16 = 3;

impl Checker<'_> {
    /// Every SLO: whether it can be judged, and whether it can be met.
    pub(super) fn check_slos(&mut self, all: &[Slo]) {
        for (index, slo) in all.iter().enumerate() {
            let at = self.root.field("slos").index(index);
            let name = slo.name();
            let slo = slo.kind();
            if let Some(ability) = slo.needed_ability() {
                let meant = slo.load().map_or(Meant::Faults, Meant::Load);
                self.needs(ability, meant, name, at);
            }
            self.check_numbers(slo, at);
            if let Some(loads) = self.loads_meant(slo, at) {
                self.check_load(slo, &loads, at);
                self.check_demand(slo, &loads, at);
            }
            self.check_fault(slo, at);
            if slo.needs_failover() {
                self.check_failover(at);
            }
            if slo.needs_key_lists() {
                self.check_several_masters(at);
            }
        }
        if self.sound.slos {
            self.check_twins(all);
        }
    }

    /// SLOs about the same: of two bounds the stricter one decides, and the other would be read for what holds.
    fn check_twins(&mut self, all: &[Slo]) {
        let mut first_of = HashMap::new();
        let slos = self.root.field("slos");
        for (index, slo) in all.iter().enumerate() {
            let first = *first_of.entry(subject(slo)).or_insert(index);
            if first == index {
                continue;
            }
            let message = if all[first] == *slo {
                "this SLO stands here twice"
            } else {
                "another SLO bounds the same: the stricter of the two decides"
            };
            let problem = Problem::new(slos.index(index).head(), message).also(slos.index(first).head(), "the first");
            self.report(problem.help("keep one of them"));
        }
    }

    fn check_numbers(&mut self, slo: &dyn SloKind, at: Cursor<'_>) {
        for wrong in slo.wrong_numbers() {
            if wrong.is_relative && !self.is_as_written(at) {
                continue;
            }
            let problem = Problem::new(at.field(wrong.field).head(), wrong.message);
            self.report(match wrong.help {
                Some(help) => problem.help(help),
                None => problem,
            });
        }
    }

    /// The loads that an SLO is about; none if it names one that nobody knows.
    fn loads_meant(&mut self, slo: &dyn SloKind, at: Cursor<'_>) -> Option<Vec<LoadFacts>> {
        match slo.load() {
            Some(name) => self.known_load(name, at.field("load")).map(|load| vec![load]),
            None => Some(self.loads.clone()),
        }
    }

    /// An SLO about operations that nobody does.
    fn check_load(&mut self, slo: &dyn SloKind, loads: &[LoadFacts], at: Cursor<'_>) {
        const WRITE: &str = "add a load that writes: `mix: [Set(value: \"16B\"), Get()]`";
        const READ: &str = "add a load that reads what is written: `mix: [Set(value: \"16B\"), Get()]`";
        const STAY: &str = "leave `expires` out, or name a load whose values stay: `load: \"app\"`";
        const ELEMENTS: &str = "add a load that adds and reads some: `mix: [Sadd(), Smembers()]`";
        const BANK: &str = "add operations that do: `mix: [Transfer(accounts: 8), Balances(accounts: 8)]`";
        const TOTAL: &str = "`TotalHolds()` is about transfers";
        const GROUPS: &str = "add operations that do: `mix: [Transaction(keys: 3, value: \"16B\"), Mget(keys: 3)]`";
        const SCAN: &str = "add a load that writes and scans: `mix: [Set(value: \"16B\"), Scan(count: 100)]`";
        const SUBSCRIBERS: &str = "give a load that publishes some: `mix: [Publish(value: \"16B\")], subscribers: 4`";
        const CLIMB: &str = "give a load a pace that climbs, such as `Staircase`";
        const LOCK: &str = "add a load that does: `mix: [Redlock(ttl: \"10s\", hold: \"100ms\")]`";
        let in_stages = loads.iter().any(|load| load.stages_max.is_some());
        let (message, help) = match slo.needed_load() {
            NeededLoad::None => return,
            _ if self.sound.load && loads.is_empty() => ("this cannot be judged without a load".to_owned(), WRITE),
            NeededLoad::ReadingWhatIsWritten if self.sound.load && !loads.iter().any(|load| load.reads) => {
                ("this cannot be judged: no load reads values".to_owned(), READ)
            }
            NeededLoad::ReadingWhatIsWritten | NeededLoad::Writing | NeededLoad::WritingWhatCanBeLost
                if !self.writes() =>
            {
                ("this cannot be judged: no load writes".to_owned(), WRITE)
            }
            NeededLoad::WritingWhatCanBeLost
                if self.sound.load && !loads.iter().any(|load| load.writes_what_may_be_lost) =>
            {
                ("this cannot be judged: balances do not tell which transfers are lost".to_owned(), TOTAL)
            }
            NeededLoad::Registers if self.sound.load && !loads.iter().any(|load| load.reads_registers) => {
                ("this cannot be judged: no load is told what a value or a counter holds".to_owned(), READ)
            }
            NeededLoad::Registers if !self.writes() => ("this cannot be judged: no load writes".to_owned(), WRITE),
            NeededLoad::Registers if self.sound.load && loads.iter().any(|load| load.writes_what_expires) => {
                ("this cannot be judged: nobody is told when a value has expired".to_owned(), STAY)
            }
            NeededLoad::ReadingElements if self.sound.load && !self.loads.iter().any(|load| load.reads_elements) => {
                ("this cannot be judged: no load reads what elements are added to".to_owned(), ELEMENTS)
            }
            NeededLoad::Transferring if self.sound.load && !loads.iter().any(|load| load.transfers) => {
                ("this cannot be judged: no load transfers amounts and reads balances".to_owned(), BANK)
            }
            NeededLoad::WritingGroups if self.sound.load && !loads.iter().any(|load| load.writes_groups) => {
                ("this cannot be judged: no load writes several keys together".to_owned(), GROUPS)
            }
            NeededLoad::Scanning if self.sound.load && !loads.iter().any(|load| load.looks_for_keys) => {
                ("this cannot be judged: no load scans keys that it neither removes nor lets expire".to_owned(), SCAN)
            }
            NeededLoad::Subscribers if self.sound.load && !loads.iter().any(|load| load.has_subscribers) => {
                ("this cannot be judged: no load has subscribers".to_owned(), SUBSCRIBERS)
            }
            NeededLoad::Locking if self.sound.load && !loads.iter().any(|load| load.locks) => {
                ("this cannot be judged: no load takes locks".to_owned(), LOCK)
            }
            NeededLoad::InStages if self.sound.load && !in_stages => {
                let who = slo.load().map_or_else(|| "no load goes".to_owned(), |load| format!("`{load}` does not go"));
                (format!("this cannot be judged: {who} from one rate to another"), CLIMB)
            }
            _ => return,
        };
        self.report(Problem::new(at.head(), message).help(help));
    }

    /// A rate above what the loads ask for.
    fn check_demand(&mut self, slo: &dyn SloKind, loads: &[LoadFacts], at: Cursor<'_>) {
        if !self.sound.load {
            return;
        }
        match slo.claimed_rate() {
            Some(ClaimedRate::Together(claimed)) => self.check_demand_together(claimed, slo.load(), loads, at),
            Some(ClaimedRate::OfStages(claimed)) => self.check_demand_of_stages(claimed, loads, at),
            None => {}
        }
    }

    /// A closed loop asks for as much as it gets.
    fn check_demand_together(&mut self, claimed: f64, named: Option<&str>, loads: &[LoadFacts], at: Cursor<'_>) {
        let demand: Option<u64> = loads.iter().map(|load| load.per_second_max).sum();
        let Some(demand) = demand.filter(|demand| *demand > 0 && claimed > *demand as f64) else { return };
        let message = match named {
            Some(name) => {
                format!("`{name}` does not ask for that much: it demands at most {demand} operations a second")
            }
            None => {
                format!("no load asks for that much: the loads demand at most {demand} operations a second together")
            }
        };
        let problem = Problem::new(at.field("min").head(), message);
        self.report(problem.help("a rate that is reached lies a little below what the loads demand"));
    }

    /// Each load in stages is judged by itself, so each must get so far.
    fn check_demand_of_stages(&mut self, claimed: u32, loads: &[LoadFacts], at: Cursor<'_>) {
        let in_stages = || loads.iter().filter_map(|load| Some((&load.name, load.stages_max?)));
        let Some((name, highest)) = in_stages().find(|(_, highest)| u64::from(claimed) > *highest) else { return };
        let message =
            format!("the stages of `{name}` do not get so far: the highest has {highest} operations a second");
        let problem = Problem::new(at.field("min").head(), message);
        self.report(match in_stages().find(|(_, highest)| u64::from(claimed) <= *highest) {
            Some((other, _)) => {
                problem.help(format!("every load in stages must carry it; `load: \"{other}\"` is about that one alone"))
            }
            None => problem.help("let the load climb higher, or claim less"),
        });
    }

    /// An SLO about a fault that does not happen.
    fn check_fault(&mut self, slo: &dyn SloKind, at: Cursor<'_>) {
        let Some(needed) = slo.needed_fault().filter(|_| self.sound.timeline) else { return };
        if self.steps.iter().any(|step| does(step, needed.does)) {
            if needed.does == FaultScope::CutsLinks {
                self.check_minority(at);
            }
            return;
        }
        let place = if at.field("during").is_exact() { at.field("during") } else { at };
        let message = format!("the timeline has no {} that this could be about", needed.name);
        self.report(Problem::new(place.head(), message).help(needed.help));
    }

    /// A single partition that cuts one node off from everybody who writes: what it acknowledges alone is nothing. With other
    /// faults beside it others may be in a minority, too.
    fn check_minority(&mut self, at: Cursor<'_>) {
        let faults: Vec<_> = self.steps.iter().filter(|step| step.takes_away).collect();
        let [StepFacts { cuts: true, isolates: Some((node, with)), at: cut, .. }] = faults[..] else { return };
        let clients = self.client_hosts();
        let writers: Vec<_> = self.loads.iter().filter(|load| load.writes).map(|load| &load.host).collect();
        let Some(first) = writers.first() else { return };
        let reaches = |host: &&HostName| host.is(node) || with.contains(host);
        let masters = self.system_of(node).map_or(0, |system| system.masters);
        let certain = self.sound.topology && self.sound.load && masters >= MASTERS_MIN;
        // A node on its side may make it the majority; an unknown host may be meant to be the one that writes.
        if certain && with.iter().all(|host| clients.contains(host)) && !writers.iter().any(reaches) {
            let message = format!("this cannot be judged: no write reaches `{node}` after the cut");
            let place = cut.field("links");
            let problem = Problem::new(at.head(), message).also(place.head(), "nobody who writes is on its side");
            self.report(problem.help(format!("put a client there: `Isolate(node: \"{node}\", with: [\"{first}\"])`")));
        }
    }

    /// What a single master holds no other one does.
    fn check_several_masters(&mut self, at: Cursor<'_>) {
        let systems = &self.topology.systems;
        let Some(first) = systems.first().filter(|_| self.sound.topology) else { return };
        if systems.iter().all(|system| system.masters < 2) {
            let problem =
                Problem::new(at.head(), "this cannot be missed: a single master is the only one that holds keys");
            let masters = first.at.field("masters");
            self.report(problem.also(masters.head(), "the reason").help("take two masters or more: `masters: 3`"));
        }
    }

    fn check_failover(&mut self, at: Cursor<'_>) {
        if let Some((why, place)) = self.no_failover(Meant::Faults) {
            let problem = Problem::new(at.head(), format!("this cannot be met: {why}"));
            self.report(problem.also(place, "the reason"));
        }
    }
}

/// What an SLO is about: its kind, the part of the run, the load that it names, and what else it distinguishes.
fn subject(slo: &Slo) -> (Discriminant<Slo>, Option<During>, Option<&str>, u64) {
    (discriminant(slo), slo.kind().during(), slo.kind().load(), slo.kind().variant())
}

/// Whether a step does what an SLO needs.
fn does(step: &StepFacts<'_>, needed: FaultScope) -> bool {
    match needed {
        FaultScope::Any => step.is_fault,
        FaultScope::TakesNodesAway => step.takes_away,
        FaultScope::CutsLinks => step.cuts,
    }
}
