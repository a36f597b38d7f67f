//! Partitions and shapes in words: which links a step is about, as far as that is known before it runs.

use std::collections::BTreeSet;

use crate::fault::links::{Hosts, Meant};
use crate::scenario::{Partition, Shaping, Step};
use crate::vocab::{HostName, Links, NodeName};

use super::links::foreseen;
use super::types::{DisturbanceNames, Plan};

/// The partitions and shapes of a plan, as they come and go in its timeline.
pub(super) struct Disturbances<'p> {
    plan: &'p Plan,
    names: DisturbanceNames,
    in_force: Vec<String>,
}

impl<'p> Disturbances<'p> {
    pub(super) fn new(plan: &'p Plan) -> Self {
        Self { plan, names: DisturbanceNames::default(), in_force: Vec::new() }
    }

    /// What is to be said of the next step, if it is about links, beyond its own words.
    pub(super) fn next(&mut self, step: &Step) -> Vec<String> {
        let (Step::Partition(Partition { links, .. }) | Step::Shape(Shaping { links, .. })) = step else {
            return self.heal(step);
        };
        let name = self.names.next(step).unwrap_or_default();
        let mut said = vec![format!("as `{name}`: {}", links_in_words(self.plan, links))];
        self.in_force.push(name);
        if matches!(step, Step::Partition(_)) {
            said.extend(left_out(self.plan, links));
        }
        said
    }

    fn heal(&mut self, step: &Step) -> Vec<String> {
        let Step::Heal { name } = step else { return Vec::new() };
        if let Some(name) = name {
            self.in_force.retain(|active| active != name);
            return Vec::new();
        }
        vec![format!("ends {}", listed(&std::mem::take(&mut self.in_force)))]
    }
}

/// What must be seen of links for a run to be judged.
pub(super) fn proofs(plan: &Plan) -> Vec<String> {
    let any = |wanted: fn(&Step) -> bool| plan.steps.iter().any(|planned| wanted(&planned.step));
    let cut = "every cut link is proven by probes: one passed just before the cut and none after it, none just before the \
               healing and one after it";
    let shaped = "every shaped link is proven by probes that came to the device which shapes it";
    let proofs = [(any(|step| matches!(step, Step::Partition(_))), cut), (plan.needs_shaping(), shaped)];
    proofs.into_iter().filter(|(needed, _)| *needed).map(|(_, proof)| proof.to_owned()).collect()
}

fn links_in_words(plan: &Plan, links: &Links) -> String {
    match (meant(plan, links), links) {
        (Some(Meant { links, text }), _) => {
            let one = if links.len() == 1 { "link" } else { "links" };
            format!("{} {one}, each one direction: {text}", links.len())
        }
        (None, Links::Halves { .. }) => "its links are drawn from the seed when it begins".to_owned(),
        (None, _) => "its links follow from whom it chooses when it begins".to_owned(),
    }
}

/// The client hosts that no side of a partition names: they keep all their links.
fn left_out(plan: &Plan, links: &Links) -> Option<String> {
    let named: BTreeSet<_> = match links {
        Links::Split { sides } | Links::Bridge { sides, .. } => sides.values().flatten().collect(),
        Links::Halves { first, second } => first.iter().chain(second).collect(),
        _ => return None,
    };
    let clients = plan.clients.iter().map(|client| &client.name).filter(|client| !named.contains(client));
    let clients: Vec<_> = clients.map(HostName::as_str).collect();
    (!clients.is_empty()).then(|| format!("clients that still see everybody: {}", clients.join(", ")))
}

fn meant(plan: &Plan, links: &Links) -> Option<Meant> {
    let nodes: Vec<NodeName> = plan.nodes.iter().map(|node| node.name.clone()).collect();
    let clients: Vec<_> = plan.clients.iter().map(|client| client.name.clone()).collect();
    foreseen(links, Hosts { nodes: &nodes, clients: &clients })
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
