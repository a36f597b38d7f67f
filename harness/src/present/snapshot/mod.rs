//! The topology's transitions as text: who owned what, who became what, in the order the timeline forces.
//!
//! Nothing in it depends on time, ids, ports, versions of the configuration or the order of gossip, so the same scenario yields the same bytes.

mod compare;
mod naming;
mod replay;

use std::collections::BTreeSet;
use std::fmt::Write;

pub use compare::{SnapshotError, UpdatePolicy, compare_topology, recorded_snapshot, update_snapshot};

use self::naming::{Naming, Winners};
use self::replay::{Segment, segments};
use super::paint::wrap;
use super::words::list;
use crate::evidence::{Agreement, ClusterState, Evidence, LinkChange, RecordedPlan, Side, Topology};
use crate::vocab::NodeName;

const WIDTH: usize = 100;

/// The snapshot of a run: a section when the cluster had formed, one for each step that acted, one at the end.
///
/// A section lists each node whose place changed between the last topology that had settled before the step and the
/// last that settled after it. See the module `naming` for runs that can legally end in several ways.
pub fn topology_snapshot(evidence: &Evidence) -> String {
    let (plan, segments) = (&evidence.plan, segments(evidence));
    let mut writer =
        Writer { plan, naming: Naming::new(plan), text: String::new(), drawn: false, before: None, since: None };
    for (index, segment) in segments.iter().enumerate() {
        let until = if index + 1 == segments.len() { "the end" } else { "the next step" };
        writer.segment(index, segment, until);
    }
    writer.end(segments.last());
    writer.finish()
}

/// What had settled last before the servers were shut down, if the run's last segment had anything.
pub(super) fn last_settled(evidence: &Evidence) -> Option<Agreement> {
    segments(evidence).pop()?.settled
}

struct Writer<'a> {
    plan: &'a RecordedPlan,
    naming: Naming<'a>,
    text: String,
    /// Whether some election could have been won by another.
    drawn: bool,
    before: Option<&'a Agreement>,
    /// The first step that acted since `before`.
    since: Option<usize>,
}

impl<'a> Writer<'a> {
    fn segment(&mut self, index: usize, segment: &'a Segment, until: &str) {
        let heading = if index == 0 { "formed".to_owned() } else { self.heading(segment) };
        self.line(&format!("\n{heading}"));
        self.since = self.since.or(segment.step);
        let Some(after) = &segment.settled else {
            return self.line(&format!("  (the {} did not settle before {until})", self.plan.noun()));
        };
        match self.before {
            Some(before) => self.transition(before, after),
            None => self.places(after),
        }
        self.before = Some(after);
        self.since = None;
    }

    /// What changed, system by system.
    fn transition(&mut self, before: &Agreement, after: &Agreement) {
        let mut winners = Winners::new();
        for (was, is) in before.mains().zip(after.mains()) {
            winners.extend(self.naming.after_elections(was, is, self.since));
        }
        self.drawn |= !winners.is_empty();
        let length = self.text.len();
        for (was, sides) in before.mains().zip(after.systems()) {
            match sides {
                [side] => self.changes(was, side, &winners),
                sides => sides.iter().for_each(|side| self.side(before, side, &winners)),
            }
        }
        if self.text.len() == length {
            self.line("  (nothing changed)");
        }
    }

    /// What changed for the nodes on one side of a partition.
    fn side(&mut self, before: &Agreement, side: &Side, winners: &Winners) {
        let members = side.members.iter().map(|node| self.naming.shown(node).clone()).collect();
        let serves = if side.topology.state == ClusterState::Ok { "serves" } else { "refuses to serve" };
        let heading =
            format!("  seen by {}, where the {} {serves}:", list(self.in_order(members).iter()), self.noun(side));
        self.line(&heading);
        let Some(was) = side.members.first().or(side.topology.nodes.keys().next()) else { return };
        if !self.place_changes(before.of(was), &side.topology, winners, "    ") {
            self.line("    (nothing changed)");
        }
    }

    /// What the system of a side is called.
    fn noun(&self, side: &Side) -> &'a str {
        self.plan.systems.get(side.system).map_or("system", |system| &system.noun)
    }

    fn end(&mut self, last: Option<&Segment>) {
        self.line("\nend");
        match last.and_then(|segment| segment.settled.as_ref()) {
            Some(agreement) => self.places(agreement),
            None => self.line(&format!("  (the {} had not settled)", self.plan.noun())),
        }
    }

    /// The step's own words, with the nodes behind them where it chose them itself.
    fn heading(&self, segment: &Segment) -> String {
        let mut nodes: Vec<&NodeName> = segment.actions.iter().map(|(_, node)| node).collect();
        nodes.sort_by(|one, other| {
            self.naming.rank(self.naming.shown(one)).cmp(&self.naming.rank(self.naming.shown(other)))
        });
        nodes.dedup();
        let planned = segment.step.and_then(|step| self.plan.steps.get(step));
        let Some(planned) = planned else { return self.healed(segment, &nodes) };
        if let [change] = &segment.network[..]
            && planned.disturbs_links
        {
            let links = self.naming.rename_links(&change.text);
            return match change.change {
                LinkChange::CutPort(port) => format!("{} {links} ({port})", planned.kind),
                _ => format!("{} {links}", planned.kind),
            };
        }
        if nodes.is_empty() || nodes.iter().any(|node| planned.names.contains(node)) {
            return planned.heading.clone();
        }
        format!("{}: {}", planned.heading, list(nodes.iter().map(|node| self.naming.shown(node))))
    }

    fn healed(&self, segment: &Segment, nodes: &[&NodeName]) -> String {
        let kinds: BTreeSet<_> = segment.actions.iter().map(|(kind, _)| kind).collect();
        let healed = kinds.into_iter().map(|kind| {
            let healed = nodes.iter().filter(|node| segment.actions.contains(&(kind.clone(), (**node).clone())));
            format!("{kind} {}", list(healed.map(|node| self.naming.shown(node))))
        });
        let links = segment.network.iter().map(|change| format!("`{}`", change.name));
        format!("healed at the end: {}", healed.chain(links).collect::<Vec<_>>().join("; "))
    }

    fn places(&mut self, agreement: &Agreement) {
        for topology in agreement.mains() {
            let topology = self.naming.rename(topology);
            for name in self.in_order(topology.nodes.keys().cloned().collect()) {
                if let Some(place) = topology.nodes.get(&name) {
                    self.node("  ", &name, &place.to_string());
                }
            }
        }
    }

    /// What changed in a system that is whole.
    fn changes(&mut self, before: &Topology, after: &Side, winners: &Winners) {
        let noun = self.noun(after);
        match (before.state, after.topology.state) {
            (ClusterState::Ok, ClusterState::Fail) => {
                self.line(&format!("  the {noun} serves -> refuses to serve"));
            }
            (ClusterState::Fail, ClusterState::Ok) => {
                self.line(&format!("  the {noun} refuses to serve -> serves"));
            }
            _ => {}
        }
        self.place_changes(before, &after.topology, winners, "  ");
    }

    /// Whether there are any.
    fn place_changes(&mut self, before: &Topology, after: &Topology, winners: &Winners, indent: &str) -> bool {
        let (before, after) = (self.naming.rename(before), self.naming.rename(after));
        let mut changed = false;
        for name in self.in_order(before.nodes.keys().chain(after.nodes.keys()).cloned().collect()) {
            let (was, is) = (before.nodes.get(&name), after.nodes.get(&name));
            if was == is {
                continue;
            }
            changed = true;
            let drawn = winners.get(&name).map_or(String::new(), |names| {
                let names: Vec<_> = names.iter().map(NodeName::as_str).collect();
                format!("  (one of {})", names.join(", "))
            });
            self.node(indent, &name, &format!("{} -> {}{drawn}", in_words(was), in_words(is)));
        }
        changed
    }

    fn in_order(&self, names: BTreeSet<NodeName>) -> Vec<NodeName> {
        let mut names: Vec<_> = names.into_iter().collect();
        names.sort_by(|one, other| self.naming.rank(one).cmp(&self.naming.rank(other)));
        names
    }

    fn node(&mut self, indent: &str, name: &NodeName, text: &str) {
        let width = self.plan.nodes.iter().map(|node| node.name.as_str().len()).max().unwrap_or(0);
        self.line(&format!("{indent}{name:<width$}  {text}"));
    }

    fn line(&mut self, line: &str) {
        // Writing into a string cannot fail.
        let _ = writeln!(self.text, "{line}");
    }

    fn finish(self) -> String {
        let mut text = format!("{}\n{}\n", self.plan.name, wrap(&self.plan.about, WIDTH).join("\n"));
        if self.drawn {
            text += "\n(one of ...): any of these could have won that election. The winner is called by the first of the names\n\
                     from there on, and who had that name by the winner's.\n";
        }
        text + &self.text
    }
}

/// The place of a node that the others do not know.
const NOT_A_MEMBER: &str = "not in the cluster";

fn in_words(place: Option<&impl ToString>) -> String {
    place.map_or_else(|| NOT_A_MEMBER.to_owned(), ToString::to_string)
}

#[cfg(test)]
mod partition_tests;
#[cfg(test)]
mod tests;
