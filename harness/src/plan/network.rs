//! What is wrong with a step about links: hosts that do not exist, sides that overlap, shapes that no link can have.

use std::collections::BTreeSet;

use crate::scenario::{Cursor, Partition, Problem, Shaping, Step, suggest};
use crate::vocab::{Duration, HostName, Isolated, Links, NodeName, Selector, Sides};

use super::checker::Checker;
use super::life::Lives;
use super::types::disturbance_name;

/// The fewest nodes of which a ring leaves some link to cut.
const RING_MIN: usize = 4;

/// No link of the world is slower, and every bound of a scenario would be.
const DELAY_MAX: Duration = Duration::from_millis(10_000);

impl Checker<'_> {
    /// What can be said of a step about links by itself.
    pub(super) fn check_network(&mut self, step: &Step, at: Cursor<'_>) {
        match step {
            Step::Partition(Partition { links, name, .. }) => {
                self.check_links(links, at.field("links"));
                self.check_disturbance_name(name.as_deref(), at.field("name"));
            }
            Step::Shape(shaping) => {
                self.check_links(&shaping.links, at.field("links"));
                self.check_disturbance_name(shaping.name.as_deref(), at.field("name"));
                self.check_shape(shaping, at);
            }
            _ => {}
        }
    }

    fn check_disturbance_name(&mut self, name: Option<&str>, at: Cursor<'_>) {
        if name.is_some_and(|name| name.trim().is_empty()) {
            self.report(Problem::new(at.head(), "a name has at least one letter").help("or leave `name` out"));
        }
    }

    fn check_shape(&mut self, shaping: &Shaping, at: Cursor<'_>) {
        let shape = shaping.shape();
        if shape.is_nothing() {
            let problem = Problem::new(at.head(), "this shape does nothing");
            self.report(problem.help("say what the links do: `delay: \"40ms\"`, `loss: 5`, `rate: \"10Mbit\"`"));
        }
        if shape.jitter > shape.delay {
            let place = at.field("jitter").head();
            let message = format!("the jitter {} is more than the delay {}", shape.jitter, shape.delay);
            self.report(Problem::new(place, message).help("no packet arrives before it was sent"));
        }
        if shape.delay > DELAY_MAX {
            let message = format!("a delay of {} is too long", shape.delay);
            self.report(Problem::new(at.field("delay").head(), message).help(format!("it is at most {DELAY_MAX}")));
        }
        if shape.loss.value() >= 100.0 {
            let problem = Problem::new(at.field("loss").head(), "a link that loses everything is cut");
            self.report(problem.help("write a `Partition` with the same `links`: a cut is proven, and settles"));
        }
        if shape.corrupt.value() >= 100.0 {
            let problem = Problem::new(at.field("corrupt").head(), "a link that damages everything is cut");
            self.report(problem.help("write a `Partition` with the same `links`: a cut is proven, and settles"));
        }
    }

    fn check_links(&mut self, links: &Links, at: Cursor<'_>) {
        match links {
            Links::Split { sides } => {
                self.check_sides(sides, at.field("sides"));
                self.check_all_are_placed(sides, None, at.field("sides"));
            }
            Links::Bridge { node, sides } => {
                self.known(node, at.field("node"));
                self.check_sides(sides, at.field("sides"));
                self.check_all_are_placed(sides, Some(node), at.field("sides"));
            }
            Links::Isolate(isolated) => self.check_isolated(isolated, at),
            Links::Halves { first, second } => {
                let clients = [(first, at.field("first")), (second, at.field("second"))];
                for (hosts, at) in clients {
                    self.check_clients(hosts, at);
                }
                self.check_disjoint(&[("first", first, at.field("first")), ("second", second, at.field("second"))]);
            }
            Links::Ring => self.check_ring(at),
            Links::OneWay { from, to } => {
                for (hosts, at) in [(from, at.field("from")), (to, at.field("to"))] {
                    self.check_hosts(hosts, at);
                }
                self.check_disjoint(&[("from", from, at.field("from")), ("to", to, at.field("to"))]);
            }
            Links::Of(hosts) => self.check_hosts(hosts, at.index(0)),
            Links::All => {}
        }
    }

    fn check_ring(&mut self, at: Cursor<'_>) {
        if self.sound.topology && self.members.len() < RING_MIN {
            let message = format!("a ring of {} nodes has no link to cut", self.members.len());
            self.report(Problem::new(at.head(), message).help(format!("it takes {RING_MIN} nodes or more")));
        }
    }

    fn check_sides(&mut self, sides: &Sides, at: Cursor<'_>) {
        if sides.len() < 2 {
            let problem = Problem::new(at.head(), "a split has at least two sides");
            self.report(problem.help("write `sides: {\"west\": [\"A\", ...], \"east\": [\"B\", ...]}`"));
        }
        let placed: Vec<_> = sides.iter().map(|(name, hosts)| (name.as_str(), hosts, at.entry(name))).collect();
        for (_, hosts, at) in &placed {
            self.check_hosts(hosts, *at);
        }
        self.check_disjoint(&placed);
    }

    /// Forgetting a node would make it a bridge without a word.
    fn check_all_are_placed(&mut self, sides: &Sides, bridge: Option<&NodeName>, at: Cursor<'_>) {
        if !self.sound.topology {
            return;
        }
        let placed: BTreeSet<_> = sides.values().flatten().collect();
        if let Some(bridge) = bridge
            && placed.contains(&HostName::from(bridge))
        {
            let message = format!("`{bridge}` sees both sides and is on one of them");
            self.report(Problem::new(at.head(), message).help("the bridge is on no side"));
        }
        let is_placed = |node: &NodeName| placed.contains(&HostName::from(node)) || bridge == Some(node);
        let missing: Vec<_> = self
            .members
            .iter()
            .filter(|member| !is_placed(&member.name))
            .map(|member| format!("`{}`", member.name))
            .collect();
        if !missing.is_empty() {
            let (is, it) = if missing.len() == 1 { ("is", "it") } else { ("are", "each") };
            let problem = Problem::new(at.head(), format!("{} {is} on no side", missing.join(", ")));
            self.report(problem.help(format!("put {it} on a side; a node that sees both is a `Bridge`")));
        }
    }

    fn check_isolated(&mut self, isolated: &Isolated, at: Cursor<'_>) {
        match (&isolated.node, &isolated.select) {
            (Some(node), None) => {
                self.known(node, at.field("node"));
                if isolated.with.contains(&HostName::from(node)) {
                    self.report(Problem::new(at.field("with").head(), format!("`{node}` is with itself already")));
                }
            }
            (None, Some(selector)) => self.check_isolated_selector(selector, at.field("select")),
            (Some(_), Some(_)) => {
                let problem = Problem::new(at.field("select").head(), "`Isolate` takes `node` or `select`, not both");
                self.report(problem.also(at.field("node").head(), "the other one"));
            }
            (None, None) => {
                let problem = Problem::new(at.head(), "`Isolate` does not say which node");
                self.report(problem.help("write `node: \"A\"`, or `select: MinorityOfMasters` to have them chosen"));
            }
        }
        if !isolated.with.is_empty() {
            self.check_hosts(&isolated.with, at.field("with"));
        }
    }

    fn check_isolated_selector(&mut self, selector: &Selector, at: Cursor<'_>) {
        let (masters, _) = self.shape();
        if self.sound.topology && masters < 3 && *selector == Selector::MinorityOfMasters {
            let message = format!("of {masters} masters none is a minority");
            let topology = self.root.field("topology").field("masters").head();
            self.report(Problem::new(at.head(), message).also(topology, "the reason").help("name one: `node: \"A\"`"));
        }
    }

    /// Hosts of a step: at least one, each known and named once.
    fn check_hosts(&mut self, hosts: &[HostName], at: Cursor<'_>) {
        if hosts.is_empty() {
            self.report(Problem::new(at.head(), "no host is named here"));
        }
        for (index, host) in hosts.iter().enumerate() {
            if hosts[..index].contains(host) {
                self.report(Problem::new(at.index(index).head(), format!("`{host}` is named twice here")));
            } else {
                self.known_host(host, at.index(index));
            }
        }
    }

    /// Client hosts only: the nodes are drawn.
    fn check_clients(&mut self, hosts: &[HostName], at: Cursor<'_>) {
        for (index, host) in hosts.iter().enumerate() {
            if self.members.iter().any(|member| host.is(&member.name)) {
                let problem = Problem::new(at.index(index).head(), format!("`{host}` is a node: the halves are drawn"));
                self.report(problem.help("name client hosts here; to say who is where use `Split`"));
            } else {
                self.known_host(host, at.index(index));
            }
        }
    }

    /// Reports a name that no host has.
    fn known_host(&mut self, host: &HostName, at: Cursor<'_>) {
        if !self.sound.topology || !self.sound.load || self.members.iter().any(|member| host.is(&member.name)) {
            return;
        }
        let clients: BTreeSet<_> = self.scenario.load.iter().map(crate::load::Load::host).collect();
        if clients.contains(host) {
            return;
        }
        if let Some(load) = self.scenario.load.iter().find(|load| load.name == host.as_str()) {
            let problem = Problem::new(at.head(), format!("`{host}` is a load, and no host has that name"));
            return self.report(problem.help(format!("its connections come from `{}`: name that host", load.host())));
        }
        let nodes = self.members.iter().map(|member| member.name.as_str());
        let valid = nodes.chain(clients.iter().map(HostName::as_str));
        let help = suggest(host.as_str(), "hosts", valid);
        let problem =
            Problem::new(at.head(), format!("unknown host `{host}`: it is no node, and no load comes from it"));
        self.report(help.into_iter().fold(problem, Problem::help));
    }

    /// A host cannot be on two sides.
    fn check_disjoint(&mut self, sides: &[(&str, &Vec<HostName>, Cursor<'_>)]) {
        for (index, (name, hosts, at)) in sides.iter().enumerate() {
            for (position, host) in hosts.iter().enumerate() {
                let first = sides[..index]
                    .iter()
                    .find_map(|(other, hosts, at)| Some((other, at.index(hosts.iter().position(|one| one == host)?))));
                if let Some((other, first)) = first {
                    let message = format!("`{host}` is on two sides: `{other}` and `{name}`");
                    let problem = Problem::new(at.index(position).head(), message);
                    self.report(problem.also(first.head(), "the first").help("sides must not overlap"));
                }
            }
        }
    }

    /// What can be said of a step about links after those before it.
    pub(super) fn follow_network(&mut self, lives: &mut Lives, index: usize, step: &Step, at: Cursor<'_>) {
        match step {
            Step::Partition(_) | Step::Shape(_) => {
                lives.disturbed = true;
                let name = disturbance_name(self.scenario.timeline.iter(), index);
                if let Some((_, first)) = lives.disturbances.iter().find(|(active, _)| *active == name) {
                    let first = self.root.field("timeline").index(*first).head();
                    let problem = Problem::new(at.field("name").head(), format!("`{name}` is still there"));
                    self.report(problem.also(first, "since here").help("`Heal` it first, or take another name"));
                } else {
                    lives.disturbances.push((name, index));
                }
            }
            Step::Heal { name: None } => {
                if lives.disturbances.is_empty() {
                    self.report(Problem::new(at.head(), "there is nothing to heal here: no link is cut or shaped"));
                }
                lives.disturbances.clear();
            }
            Step::Heal { name: Some(name) } => {
                let position = lives.disturbances.iter().position(|(active, _)| active == name);
                if let Some(position) = position {
                    lives.disturbances.remove(position);
                } else {
                    let problem = Problem::new(at.field("name").head(), format!("there is no `{name}` to heal here"));
                    let active = lives.disturbances.iter().map(|(active, _)| active.as_str());
                    let help = suggest(name, "partitions and shapes", active);
                    self.report(help.into_iter().fold(problem, Problem::help));
                }
            }
            _ => {}
        }
    }
}
