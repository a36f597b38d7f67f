//! Partitions and shapes in words: which links a step is about, as far as that is known before it runs.

use std::collections::BTreeSet;

use crate::fault::links::{Hosts, Meant};
use crate::scenario::{Partition, Shaping, Step};
use crate::vocab::{HostName, Links, NodeName};

use super::links::foreseen;
use super::types::Plan;

/// What is to be said of a step about links, beyond its own words.
pub(super) fn details(plan: &Plan, step: usize) -> Vec<String> {
    let name = || plan.disturbance_name(step);
    match &plan.steps[step].step {
        Step::Partition(Partition { links, .. }) => [format!("as `{}`: {}", name(), links_in_words(plan, links))]
            .into_iter()
            .chain(left_out(plan, links))
            .collect(),
        Step::Shape(Shaping { links, .. }) => vec![format!("as `{}`: {}", name(), links_in_words(plan, links))],
        Step::Heal { name: None } => vec![format!("ends {}", listed(&in_force(plan, step)))],
        _ => Vec::new(),
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

/// The partitions and shapes in force when a step begins, the oldest first.
fn in_force(plan: &Plan, before: usize) -> Vec<String> {
    let mut names = Vec::new();
    for (index, planned) in plan.steps[..before].iter().enumerate() {
        match &planned.step {
            Step::Partition(_) | Step::Shape(_) => names.push(plan.disturbance_name(index)),
            Step::Heal { name } => names.retain(|active| name.as_ref().is_some_and(|name| name != active)),
            _ => {}
        }
    }
    names
}

fn listed(names: &[String]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}
