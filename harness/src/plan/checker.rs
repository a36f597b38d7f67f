//! What the semantic checks share: the scenario, where it stands, and what is certain about it.

use crate::scenario::{Cursor, MASTERS_MAX, NODES_MAX, Problem, Read, Scenario, Span, suggest};
use crate::system::{Cluster, Deployment};
use crate::vocab::NodeName;

use super::nodes::{Member, members};

/// The semantic checks' common ground.
pub(super) struct Checker<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) root: Cursor<'a>,
    /// The nodes; empty when the topology is not certain.
    pub(super) members: Vec<Member>,
    pub(super) sound: Sound,
    /// Where the file is not as it was meant.
    broken: Vec<Span>,
    problems: Vec<Problem>,
}

/// Which parts of the scenario are as written. About the others no conclusion is drawn: it might be a false one.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "one for each section of the file")]
pub(super) struct Sound {
    pub(super) topology: bool,
    pub(super) load: bool,
    pub(super) timeline: bool,
    pub(super) slos: bool,
}

impl<'a> Checker<'a> {
    pub(super) fn new(scenario: &'a Scenario, read: &'a Read<'_>) -> Self {
        let mut sound = Sound {
            topology: is_sound(read, "topology"),
            load: is_sound(read, "load"),
            timeline: is_sound(read, "timeline"),
            slos: is_sound(read, "slos"),
        };
        let in_bounds = within_bounds(scenario.topology);
        sound.topology &= in_bounds;
        let members = if sound.topology { members(scenario.topology) } else { Vec::new() };
        let broken = read.problems.iter().map(|problem| &problem.span).chain(&read.damaged).cloned().collect();
        Self { scenario, root: read.tree.root(), members, sound, broken, problems: Vec::new() }
    }

    /// Whether a value is as written, with all that is in it: what it lacks it was meant to lack.
    pub(super) fn is_as_written(&self, at: Cursor<'_>) -> bool {
        let span = at.span();
        !self.broken.iter().any(|broken| broken.start < span.end && span.start < broken.end.max(broken.start + 1))
    }

    /// How many problems were reported so far.
    pub(super) fn reported(&self) -> usize {
        self.problems.len()
    }

    pub(super) fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// All problems, without those about places that are not as written.
    pub(super) fn finish(self, read: &Read<'_>) -> Vec<Problem> {
        let mut problems = self.problems;
        problems.retain(|problem| {
            !read.damaged.iter().any(|span| span.start <= problem.span.start && problem.span.end <= span.end)
        });
        problems
    }

    pub(super) fn member(&self, name: &NodeName) -> Option<&Member> {
        self.members.iter().find(|member| member.name == *name)
    }

    /// Reports a name that no node has.
    pub(super) fn known(&mut self, name: &NodeName, at: Cursor<'_>) {
        if !self.sound.topology || self.member(name).is_some() {
            return;
        }
        let help = suggest(name.as_str(), "nodes", self.members.iter().map(|member| member.name.as_str()));
        let message = if self.sound.load && self.scenario.load.iter().any(|load| load.host().is(name)) {
            format!("`{name}` is a client host, and this is about nodes")
        } else {
            format!("unknown node `{name}`")
        };
        let problem = Problem::new(at.head(), message);
        self.report(help.into_iter().fold(problem, Problem::help));
    }

    /// The masters and the replicas of each.
    pub(super) fn shape(&self) -> (u16, u16) {
        let Deployment::Cluster(Cluster { masters, replicas }) = self.scenario.topology;
        (masters, replicas)
    }

    /// Whether any load writes; taken for granted when the loads are not as written.
    pub(super) fn writes(&self) -> bool {
        !self.sound.load || self.scenario.load.iter().any(|load| load.mix.iter().any(crate::load::Op::writes))
    }
}

/// Whether `field` is as written: no error lies in it, and if it is left out, that was not by accident.
fn is_sound(read: &Read<'_>, field: &str) -> bool {
    let root = read.tree.root();
    let lies_in = |problem: &Problem, name: &str| {
        root.field_span(name).is_some_and(|span| span.start <= problem.span.start && problem.span.start <= span.end)
    };
    if root.field_span(field).is_some() {
        return !read.problems.iter().any(|problem| lies_in(problem, field));
    }
    let fields = ["about", "topology", "server", "load", "timeline", "slos", "snapshot", "seed"];
    read.problems.iter().all(|problem| fields.iter().any(|name| lies_in(problem, name)))
}

fn within_bounds(topology: Deployment) -> bool {
    let Deployment::Cluster(Cluster { masters, replicas }) = topology;
    (1..=MASTERS_MAX).contains(&masters) && u32::from(masters) * (u32::from(replicas) + 1) <= NODES_MAX
}
