//! A plan in words.

use std::fmt::{self, Write as _};
use std::time::Duration;

use crate::load::{KeySpace, Load, Op};
use crate::step::links::Hosts;
use crate::step::{Healing, LinkDisturbance};
use crate::system::{Deployed, NodeSpec};
use crate::vocab::{HostName, Role, SystemAbility};

use super::types::{Plan, PlannedStep};

/// What a plan will do, for people.
pub fn explain(plan: &Plan) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_all(&mut text, plan);
    text
}

fn write_all(text: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(text, "{}\n  {}", plan.name, plan.about)?;
    for part in plan.systems().parts() {
        let nodes: Vec<_> = plan.nodes.iter().filter(|node| part.has(&node.name)).collect();
        write_system(text, plan, part, &nodes)?;
        write_config(text, &nodes)?;
    }
    write_loads(text, plan)?;
    writeln!(text, "\nTimeline")?;
    let mut in_force = Vec::new();
    for (index, planned) in plan.steps.iter().enumerate() {
        let which = planned.round.map(|(time, times)| format!(" ({time} of {times})")).unwrap_or_default();
        writeln!(text, "  {:>2}. line {:<4} {}{which}", index + 1, planned.location.line, planned.step)?;
        let demand = plan.demand(&planned.step);
        let demand = demand.map(|demand| format!("it must {} within {}", demand.what, round(demand.within)));
        for detail in of_links(plan, planned, &mut in_force).into_iter().chain(demand) {
            writeln!(text, "{:16}{detail}", "")?;
        }
    }
    write_slos(text, plan)?;
    writeln!(text, "\nAssumes, else the run is inconclusive")?;
    for assumption in assumptions(plan) {
        writeln!(text, "  - {assumption}")?;
    }
    let (least, most) = duration(plan);
    let systems = plan.systems();
    let (forming, noun) = (systems.forming().as_secs(), systems.noun());
    writeln!(text, "\nTakes {} to {} ({forming} s of it to form the {noun})", round(least), round(most))
}

fn write_system(text: &mut String, plan: &Plan, part: &Deployed, nodes: &[&NodeSpec]) -> fmt::Result {
    let of_role = |role| nodes.iter().filter(|node| node.role == role).count() as u64;
    let tls = plan.tls().map(|tls| format!("{tls}, ")).unwrap_or_default();
    let system = &part.system;
    let timeout = system.abilities().contains(&SystemAbility::Refusing).then(|| plan.node_timeout_ms_of(part));
    let timeout = timeout.map(|timeout| format!("cluster-node-timeout {timeout} ms, ")).unwrap_or_default();
    let (masters, replicas) = (counted(of_role(Role::Master), "master"), counted(of_role(Role::Replica), "replica"));
    let noun = system.noun();
    let of = match (nodes.len(), of_role(Role::Sentinel)) {
        (1, _) => String::new(),
        (_, 0) => format!(" of {masters} and {replicas}"),
        (_, sentinels) => format!(" of {masters}, {replicas} and {}", counted(sentinels, "sentinel")),
    };
    writeln!(text, "\nA {noun}{of}, {tls}{timeout}{} of storage each", plan.storage)?;
    for node in nodes {
        let does = match (&node.master, node.role) {
            (Some(master), _) => format!("replica of {master}"),
            (None, Role::Master) if system.abilities().contains(&SystemAbility::NumberedKeys) => {
                format!("master of {}s {}", system.position_noun(), node.owns)
            }
            (None, role) => role.to_string(),
        };
        let beside = if node.host.is(&node.name) { String::new() } else { format!(", on the host of {}", node.host) };
        writeln!(text, "  {:<4} {:<19} {does}{beside}", node.name, node.address)?;
    }
    Ok(())
}

/// Directives and binaries: the system's, then what differs on single nodes.
fn write_config(text: &mut String, nodes: &[&NodeSpec]) -> fmt::Result {
    let Some(first) = nodes.first() else { return Ok(()) };
    let common = |key: &String, value: &String| nodes.iter().all(|node| node.config.get(key) == Some(value));
    writeln!(text, "\nConfiguration")?;
    let common_program = program(first).filter(|first| nodes.iter().all(|node| program(node).as_ref() == Some(first)));
    match &common_program {
        Some(program) => writeln!(text, "  {program}")?,
        None if nodes.iter().all(|node| program(node).is_some()) => {}
        None => writeln!(text, "  binary as found on this machine")?,
    }
    for (key, value) in first.config.iter().filter(|(key, value)| common(key, value)) {
        writeln!(text, "  {key} {}", shown(value))?;
    }
    for node in nodes {
        if let (None, Some(own)) = (&common_program, program(node)) {
            writeln!(text, "  {} only: {own}", node.name)?;
        }
        for (key, value) in node.config.iter().filter(|(key, value)| !common(key, value)) {
            writeln!(text, "  {} only: {key} {}", node.name, shown(value))?;
        }
    }
    Ok(())
}

/// What the scenario has a node run, if it says so.
fn program(node: &NodeSpec) -> Option<String> {
    let image = node.image.as_ref().map(|image| format!("image {image}"));
    image.or_else(|| node.binary.as_ref().map(|binary| format!("binary {binary}")))
}

/// A directive's value as `redis.conf` has it: an empty one is written with quotes.
fn shown(value: &str) -> &str {
    if value.is_empty() { "\"\"" } else { value }
}

fn write_loads(text: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(text, "\nLoad")?;
    if plan.loads.is_empty() {
        writeln!(text, "  none")?;
    }
    for load in &plan.loads {
        let host = load.host();
        let client = plan.clients.iter().find(|client| client.name == host).map(|client| client.ip);
        let node = || plan.nodes.iter().find(|node| node.host == host).map(|node| node.address.ip());
        let ip = client.or_else(node).map_or_else(String::new, |ip| format!(", {ip}"));
        let whose =
            if client.is_some() { format!("the client host {host}") } else { format!("the host of node {host}") };
        let systems = plan.systems();
        let noun = systems.parts()[plan.driven_by(load)].system.noun();
        let drives = if systems.parts().len() > 1 { format!("drives the {noun}, ") } else { String::new() };
        writeln!(text, "  {} ({drives}on {whose}{ip}): {}", load.name, sentence(plan, load))?;
    }
    Ok(())
}

/// A load in a sentence.
fn sentence(plan: &Plan, load: &Load) -> String {
    let begins = if plan.begins_later(load) { "when a step starts it, " } else { "" };
    let idle = load.idle.map(|idle| format!("{idle} idle connections that come back when they are lost"));
    if let Some(idle) = idle.as_ref().filter(|_| load.is_idle()) {
        return format!("{begins}{idle}; {}", load.client);
    }
    let workers = counted(load.workers().into(), "worker");
    let threads = load.threads();
    let workers = if threads > 1 { format!("{workers} on {threads} threads") } else { workers };
    let pace = match (load.pace.is_closed(), load.think) {
        (false, _) => format!("{}, at most {workers} busy with a shard", load.pace),
        (true, None) => format!("{workers}, {}", load.pace),
        (true, Some(think)) => format!("{workers}, {} and {think} have passed", load.pace),
    };
    let pipeline = load.pipeline();
    let pipeline = if pipeline > 1 { format!(", up to {pipeline} commands together") } else { String::new() };
    let pipeline = if load.per_shard { format!("{pipeline}, each on one shard") } else { pipeline };
    let total: u64 = load.mix.iter().map(|op| u64::from(op.weight())).sum();
    let share = |op: &Op| 100.0 * f64::from(op.weight()) / total.max(1) as f64;
    let mix: Vec<_> = load.mix.iter().map(|op| format!("{:.0} % {}", share(op), op.text())).collect();
    let (space, keys) = (KeySpace::of(load, &*plan.systems().parts()[plan.driven_by(load)].system), &load.keys);
    let data = load.data_type().unwrap_or_default();
    let [first, last] = [space.number(0), space.highest()].map(|number| space.names().text(data, number));
    let only = load.only.as_ref().map(|place| format!(", the {} in {place}", load.keys.count())).unwrap_or_default();
    let contended = if load.contended { ", which its workers write at the same time" } else { "" };
    let preload = match load.preload() {
        0 => String::new(),
        keys => {
            format!(", the first {keys} of them written with {} each before the timeline begins", load.preload_value())
        }
    };
    let end = match load.operations {
        Some(operations) => format!("{operations} operations in all"),
        None if load.pace.ends() => "to the end of its pace".to_owned(),
        None if load.keys.writes_once() => "until each key is written, or to the end of the timeline".to_owned(),
        None => "to the end of the timeline".to_owned(),
    };
    format!(
        "{begins}{pace}{pipeline}{}: {}; on the keys {first} to {last}{only}{keys}{contended}{preload}; {end}; {}",
        load.connections,
        mix.join(", "),
        load.client
    ) + &idle.map(|idle| format!("; beside that {idle}")).unwrap_or_default()
        + &subscribers(load)
}

/// Who hears what the load publishes.
fn subscribers(load: &Load) -> String {
    let Some(count) = load.subscribers else { return String::new() };
    let count = counted(count.into(), "subscriber");
    let host = load.subscribers_host();
    let from = if host == load.host() { String::new() } else { format!(" on {host}") };
    format!("; beside that {count}{from} to each of its channels")
}

fn write_slos(text: &mut String, plan: &Plan) -> fmt::Result {
    writeln!(text, "\nMust hold")?;
    if plan.slos.is_empty() {
        writeln!(text, "  every step is done, every condition is met in time")?;
    }
    for planned in &plan.slos {
        writeln!(text, "  line {:<4} {}", planned.location.line, planned.slo)?;
    }
    if plan.snapshot {
        writeln!(text, "  the topology's transitions are those of the recorded snapshot")?;
    }
    Ok(())
}

/// What must have been so for a verdict to mean anything.
fn assumptions(plan: &Plan) -> Vec<String> {
    let mut assumptions = vec!["every node was healthy before the first step".to_owned()];
    for load in &plan.loads {
        if let Some(arrivals) = load.pace.arrivals() {
            assumptions.push(format!("every start of load {}, {arrivals}, is accounted for", load.name));
        }
    }
    if plan.steps.iter().any(|planned| planned.step.kind().acts()) {
        assumptions.push("every step left its proof".to_owned());
        assumptions.extend(proofs(plan));
    }
    if plan.steps.iter().any(|planned| planned.step.is_fault()) {
        assumptions
            .extend(plan.slos.iter().filter_map(|planned| planned.slo.kind().own_assumption()).map(str::to_owned));
    }
    assumptions
        .push("neither the machine nor a late client may have taken as much time as a limit was missed by".to_owned());
    assumptions
}

/// The least and the most that the run takes, without judging it.
fn duration(plan: &Plan) -> (Duration, Duration) {
    let forming = plan.systems().forming();
    plan.steps
        .iter()
        .map(|planned| planned.step.kind().duration())
        .fold((forming, forming), |(least, most), (l, m)| (least.saturating_add(l), most.saturating_add(m)))
}

/// What is to be said of a step that is about links, beyond its own words. `in_force` are the partitions and shapes before it.
fn of_links(plan: &Plan, planned: &PlannedStep, in_force: &mut Vec<String>) -> Vec<String> {
    if let (Some(disturbance), Some(name)) = (planned.step.kind().disturbance(), &planned.disturbance) {
        in_force.push(name.clone());
        let links = format!("as `{name}`: {}", links_in_words(plan, disturbance));
        let left_out = Some(disturbance).filter(|disturbance| disturbance.cuts);
        return std::iter::once(links).chain(left_out.and_then(|cut| left_out_of(plan, cut))).collect();
    }
    match planned.step.kind().healing() {
        Some(Healing::Named(name)) => in_force.retain(|active| active != name),
        Some(Healing::All) => {
            let ended: Vec<_> = in_force.drain(..).map(|name| format!("`{name}`")).collect();
            return vec![format!("ends {}", ended.join(", "))];
        }
        None => {}
    }
    Vec::new()
}

fn links_in_words(plan: &Plan, disturbance: LinkDisturbance<'_>) -> String {
    let nodes = plan.node_hosts();
    let clients: Vec<_> = plan.clients.iter().map(|client| client.name.clone()).collect();
    let links = disturbance.links.kind();
    match links.foreseen(Hosts { nodes: &nodes, clients: &clients }) {
        Some(chosen) => {
            let one = if chosen.links.len() == 1 { "link" } else { "links" };
            format!("{} {one}, each one direction: {}", chosen.links.len(), chosen.text)
        }
        None if links.is_drawn() => "its links are drawn from the seed when it begins".to_owned(),
        None => "its links follow from the nodes that it chooses when it begins".to_owned(),
    }
}

/// The client hosts that no side of a partition names: they keep all their links.
fn left_out_of(plan: &Plan, disturbance: LinkDisturbance<'_>) -> Option<String> {
    let links = disturbance.links.kind();
    let named = links.hosts();
    let clients = plan.clients.iter().map(|client| &client.name).filter(|client| !named.contains(client));
    let clients: Vec<_> = clients.map(HostName::as_str).collect();
    (links.leaves_clients_out() && !clients.is_empty())
        .then(|| format!("clients that still see everybody: {}", clients.join(", ")))
}

/// What must be seen of links for a run to be judged.
fn proofs(plan: &Plan) -> Vec<String> {
    let disturbances: Vec<_> = plan.steps.iter().filter_map(|planned| planned.step.kind().disturbance()).collect();
    let cut = "every cut link is proven by probes: one passed just before the cut and none after it, none just before the \
               healing and one after it";
    let port = "every cut port of a link is proven by probes to it and from it: one of each passed just before the cut and none \
                after it, while one of another port did";
    let shaped = "every shaped link is proven by probes that came to the device which shapes it";
    let any = |is: &dyn Fn(&LinkDisturbance<'_>) -> bool| disturbances.iter().any(is);
    let proofs = [
        (any(&|one| one.cuts && one.port.is_none()), cut),
        (any(&|one| one.port.is_some()), port),
        (any(&|one| !one.cuts), shaped),
    ];
    proofs.into_iter().filter(|(needed, _)| *needed).map(|(_, proof)| proof.to_owned()).collect()
}

fn round(duration: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
}

fn counted(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
