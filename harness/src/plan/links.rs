//! What is wrong with the links that a step means: hosts that do not exist, sides that overlap or leave somebody out, and
//! words that mean no link at all.

use std::collections::BTreeSet;
use std::slice;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::fault::links::{Hosts, Meant, meant};
use crate::load::Load;
use crate::scenario::{Cursor, Problem, suggest};
use crate::vocab::{HostName, Isolated, Links, NodeName, Sides};

use super::checker::Checker;

/// The fewest nodes of which a ring leaves some link to cut.
const RING_MIN: usize = 4;

/// The links that a step means, if that is known before it runs: they are neither drawn nor chosen from the topology.
pub(super) fn foreseen(links: &Links, hosts: Hosts<'_>) -> Option<Meant> {
    let chosen = match links {
        Links::Halves { .. } | Links::Isolate(Isolated { node: None, .. }) => return None,
        Links::Isolate(Isolated { node: Some(node), .. }) => slice::from_ref(node),
        _ => &[],
    };
    // Of what is left nothing is drawn.
    Some(meant(links, hosts, chosen, &mut ChaCha8Rng::seed_from_u64(0)))
}

/// A side of a network: its name, its hosts, and where they stand.
type Side<'a> = (&'a str, &'a [HostName], Cursor<'a>);

impl Checker<'_> {
    pub(super) fn check_links(&mut self, links: &Links, at: Cursor<'_>) {
        let reported = self.reported();
        self.check_kind(links, at);
        let certain = self.sound.topology && self.sound.load && self.is_as_written(at);
        if certain && self.reported() == reported && self.means_nothing(links) {
            let everybody = at.field("with");
            self.report(match links {
                Links::Halves { .. } => Problem::new(at.head(), "a single node has no halves"),
                Links::Isolate(_) if everybody.is_exact() => {
                    Problem::new(everybody.head(), "nobody is left to be isolated from: every other host is in `with`")
                }
                _ => Problem::new(at.head(), "this is about no link: there is no other host"),
            });
        }
    }

    fn check_kind(&mut self, links: &Links, at: Cursor<'_>) {
        match links {
            Links::Split { sides } => self.check_sides(sides, None, at),
            Links::Bridge { node, sides } => {
                self.known(node, at.field("node"));
                self.check_sides(sides, Some(node), at);
            }
            Links::Isolate(isolated) => self.check_isolated(isolated, at),
            Links::Halves { first, second } => {
                let halves = [("first", first.as_slice(), at.field("first")), ("second", second, at.field("second"))];
                for (_, hosts, at) in halves {
                    self.check_clients(hosts, at);
                }
                self.check_disjoint(&halves);
            }
            Links::Ring => self.check_ring(at),
            Links::OneWay { from, to } => {
                self.check_hosts(from, at.field("from"));
                self.check_hosts(to, at.field("to"));
                self.check_direction(from, to, at);
            }
            Links::Of(hosts) => self.check_hosts(hosts, at.index(0)),
            Links::All => {}
        }
    }

    /// Whether links are meant by name, and none is.
    fn means_nothing(&self, links: &Links) -> bool {
        let nodes: Vec<_> = self.members.iter().map(|member| member.name.clone()).collect();
        let clients: Vec<_> = self.client_hosts().into_iter().collect();
        match links {
            // Whoever is chosen: everybody stays with them.
            Links::Isolate(Isolated { select: Some(_), with, .. }) => with.len() == nodes.len() + clients.len(),
            Links::Halves { .. } => nodes.len() < 2,
            _ => {
                let meant = foreseen(links, Hosts { nodes: &nodes, clients: &clients });
                meant.is_some_and(|meant| meant.links.is_empty())
            }
        }
    }

    /// The client hosts: loads may share one, and may come from a node's.
    pub(super) fn client_hosts(&self) -> BTreeSet<HostName> {
        let is_node = |host: &HostName| self.members.iter().any(|member| host.is(&member.name));
        self.scenario.load.iter().map(Load::host).filter(|host| !is_node(host)).collect()
    }

    fn check_ring(&mut self, at: Cursor<'_>) {
        if self.sound.topology && self.members.len() < RING_MIN {
            let nodes = if self.members.len() == 1 { "node" } else { "nodes" };
            let message = format!("a ring of {} {nodes} has no link to cut", self.members.len());
            self.report(Problem::new(at.head(), message).help(format!("it takes {RING_MIN} nodes or more")));
        }
    }

    /// The sides of a `Split`, or of a `Bridge` with the node that is on none of them.
    fn check_sides(&mut self, sides: &Sides, bridge: Option<&NodeName>, links: Cursor<'_>) {
        let at = links.field("sides");
        let certain = self.is_as_written(links);
        let head = links.field_name("sides").unwrap_or_else(|| links.head());
        let reported = self.reported();
        self.check_keys(at);
        let placed: Vec<_> =
            sides.iter().map(|(name, hosts)| (name.as_str(), hosts.as_slice(), at.entry(name))).collect();
        for &(name, hosts, hosts_at) in &placed {
            self.check_label(name, at.key(name));
            self.check_hosts(hosts, hosts_at);
        }
        self.check_disjoint(&placed);
        if let Some(bridge) = bridge {
            self.check_bridge(bridge, &placed, links.field("node"));
        }
        if certain && sides.len() < 2 && self.reported() == reported {
            let problem = Problem::new(head, "a split has at least two sides");
            self.report(problem.help("write `sides: {\"west\": [\"A\", ...], \"east\": [\"B\", ...]}`"));
        } else if certain && self.reported() == reported {
            // A name that is not as it was meant leaves another one out.
            self.check_all_are_placed(sides, bridge, Problem::new(head, ""));
        }
    }

    fn check_bridge(&mut self, bridge: &NodeName, sides: &[Side<'_>], at: Cursor<'_>) {
        for (name, hosts, hosts_at) in sides {
            if let Some(index) = hosts.iter().position(|host| host.is(bridge)) {
                let message = format!("`{bridge}` sees both sides and is on one of them, `{name}`");
                let problem = Problem::new(hosts_at.index(index).head(), message);
                self.report(problem.also(at.head(), "the bridge").help("the bridge is on no side"));
            }
        }
    }

    /// Forgetting a node would make it a bridge without a word.
    fn check_all_are_placed(&mut self, sides: &Sides, bridge: Option<&NodeName>, problem: Problem) {
        let placed: BTreeSet<_> = sides.values().flatten().collect();
        let is_placed = |node: &NodeName| placed.contains(&HostName::from(node)) || bridge == Some(node);
        let missing = self.members.iter().map(|member| &member.name).filter(|node| !is_placed(node));
        let missing: Vec<_> = missing.map(|node| format!("`{node}`")).collect();
        if !missing.is_empty() {
            let (is, it) = if missing.len() == 1 { ("is", "it") } else { ("are", "each") };
            let problem = Problem { message: format!("{} {is} on no side", missing.join(", ")), ..problem };
            self.report(problem.help(format!("put {it} on a side; a node that sees both sides is a `Bridge`")));
        }
    }

    fn check_isolated(&mut self, isolated: &Isolated, at: Cursor<'_>) {
        self.check_chosen("Isolate", &isolated.target(), "MinorityOfMasters", at);
        if !isolated.with.is_empty() {
            self.check_hosts(&isolated.with, at.field("with"));
        }
        let Some(node) = &isolated.node else { return };
        if let Some(index) = isolated.with.iter().position(|host| host.is(node)) {
            let place = at.field("with").index(index).head();
            self.report(Problem::new(place, format!("`{node}` is isolated already: `with` names the others")));
        }
    }

    /// Hosts of a step: at least one, each known and named once.
    fn check_hosts(&mut self, hosts: &[HostName], at: Cursor<'_>) {
        if hosts.is_empty() && at.is_exact() {
            self.report(Problem::new(at.head(), "no host is named here"));
        }
        for index in 0..hosts.len() {
            self.check_host_at(hosts, index, at);
        }
    }

    fn check_host_at(&mut self, hosts: &[HostName], index: usize, at: Cursor<'_>) {
        let host = &hosts[index];
        if let Some(first) = hosts[..index].iter().position(|other| other == host) {
            let problem = Problem::new(at.index(index).head(), format!("`{host}` is named twice here"));
            self.report(problem.also(at.index(first).head(), "the first"));
        } else {
            self.known_host(host, at.index(index));
        }
    }

    /// Client hosts only: the nodes are drawn.
    fn check_clients(&mut self, hosts: &[HostName], at: Cursor<'_>) {
        for (index, host) in hosts.iter().enumerate() {
            if self.members.iter().any(|member| host.is(&member.name)) {
                let problem = Problem::new(at.index(index).head(), format!("`{host}` is a node: the halves are drawn"));
                self.report(problem.help("name client hosts here; to say who is where use `Split`"));
            } else {
                self.check_host_at(hosts, index, at);
            }
        }
    }

    /// Reports a name that no host has.
    fn known_host(&mut self, host: &HostName, at: Cursor<'_>) {
        if !self.sound.topology || !self.sound.load || self.members.iter().any(|member| host.is(&member.name)) {
            return;
        }
        let clients = self.client_hosts();
        if clients.contains(host) {
            return;
        }
        if let Some(load) = self.scenario.load.iter().find(|load| load.name == host.as_str()) {
            let problem = Problem::new(at.head(), format!("`{host}` is a load, and no host has that name"));
            return self.report(problem.help(format!("its connections come from `{}`: name that host", load.host())));
        }
        let nodes = self.members.iter().map(|member| member.name.as_str());
        let help = suggest(host.as_str(), "hosts", nodes.chain(clients.iter().map(HostName::as_str)));
        let message =
            format!("unknown host `{}`: it is no node, and no load comes from it", host.as_str().escape_debug());
        self.report(help.into_iter().fold(Problem::new(at.head(), message), Problem::help));
    }

    /// A host cannot be on two sides.
    fn check_disjoint(&mut self, sides: &[Side<'_>]) {
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

    /// A host has no link to itself.
    fn check_direction(&mut self, from: &[HostName], to: &[HostName], at: Cursor<'_>) {
        for (position, host) in to.iter().enumerate() {
            if let Some(first) = from.iter().position(|other| other == host) {
                let place = at.field("to").index(position).head();
                let problem = Problem::new(place, format!("`{host}` is on both ends: a host has no link to itself"));
                self.report(problem.also(at.field("from").index(first).head(), "the other end"));
            }
        }
    }
}
