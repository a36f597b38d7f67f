//! What is wrong with a topology and with what runs on its nodes.

use std::collections::BTreeMap;

use crate::scenario::{MASTERS_MAX, NODES_MAX, Scenario};
use crate::system::{NodeSpec, ShapeProblem, System, Systems};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, SystemFacts};
use crate::vocab::{NodeName, Role, SystemAbility, Tls};

use super::nodes::specs;

/// The least that a node can do its work in.
const STORAGE_MIN_BYTES: u64 = 1 << 20;
/// The directives that say from when on, and which, keys are evicted.
const LIMIT: &str = "maxmemory";
const POLICY: &str = "maxmemory-policy";

impl Checker<'_> {
    /// The systems' shapes.
    pub(super) fn check_topology(&mut self, systems: &Systems) {
        let facts = self.topology.systems.clone();
        for (part, facts) in systems.parts().iter().zip(&facts) {
            self.check_system(&*part.system, facts);
        }
        let topology = self.root.field("topology");
        if topology.name() == Some("Beside") && facts.len() < 2 && self.is_as_written(topology) {
            let problem = Problem::new(topology.head(), "`Beside` is about several systems");
            self.report(problem.help(
                "write two or more: `Beside(cluster: Cluster(masters: 3, replicas: 1), standalone: Standalone())`",
            ));
        }
        let nodes: usize = systems.parts().iter().map(|part| part.system.size().nodes()).sum();
        if facts.len() > 1 && nodes > NODES_MAX as usize {
            let problem = Problem::new(topology.head(), format!("{nodes} nodes are too many"));
            self.report(problem.help(format!("at most {NODES_MAX} nodes in all")));
        }
    }

    fn check_system(&mut self, system: &dyn System, facts: &SystemFacts<'_>) {
        let SystemFacts { masters, replicas, sentinels, at, noun, .. } = *facts;
        if !(1..=MASTERS_MAX).contains(&masters) {
            let message = format!("a {noun} has 1 to {MASTERS_MAX} masters, not {masters}");
            self.report(Problem::new(at.field("masters").head(), message));
            return;
        }
        for ShapeProblem { field, message, help } in system.problems() {
            self.report(Problem::new(at.field(field).head(), message).help(help));
        }
        let nodes = u32::from(masters) * (u32::from(replicas) + 1) + u32::from(sentinels);
        if u32::from(sentinels) > NODES_MAX {
            let problem = Problem::new(at.field("sentinels").head(), format!("{sentinels} sentinels are too many"));
            self.report(problem.help("three survive the loss of one, five of two"));
        } else if nodes > NODES_MAX {
            let most = NODES_MAX.saturating_sub(sentinels.into()) / u32::from(masters);
            let most = most.saturating_sub(1);
            let (masters, have) =
                if masters == 1 { ("a master".to_owned(), "can") } else { (format!("{masters} masters"), "each can") };
            let problem = Problem::new(at.field("replicas").head(), format!("{nodes} nodes are too many"))
                .label(format!("{masters} with {replicas} replicas"))
                .help(format!("at most {NODES_MAX} nodes: {masters} {have} have {most} replicas"));
            self.report(problem);
        }
    }

    /// What runs on the nodes.
    pub(super) fn check_server(&mut self, scenario: &Scenario) {
        let server = &scenario.server;
        let at = self.root.field("server");
        self.check_program(server.binary.as_deref(), server.image.as_deref(), at);
        self.check_config(&server.config, None, server.tls, at.field("config"));
        self.check_keys(at.field("nodes"));
        for (name, node) in &server.nodes {
            self.known(name, at.field("nodes").key(name.as_str()));
            let own = at.field("nodes").entry(name.as_str());
            self.check_program(node.binary.as_deref(), node.image.as_deref(), own);
            self.check_config(&node.config, Some(name), server.tls, own.field("config"));
        }
        self.check_providers(scenario);
        self.check_priorities(scenario);
        self.warn_of_evictions(scenario);
        if server.storage.is_some_and(|storage| storage.bytes < STORAGE_MIN_BYTES) {
            let problem = Problem::new(at.field("storage").head(), "a node cannot work in so little storage");
            self.report(problem.help("give each node 1 MiB at least: `storage: \"256MiB\"`"));
        }
    }

    /// Replicas that sentinels may never choose, all of them (Redis `sentinel.c`, `sentinelSelectSlave`).
    fn check_priorities(&mut self, scenario: &Scenario) {
        if !self.sound.topology {
            return;
        }
        let watched = |node: &NodeName| self.system_of(node).is_some_and(|system| system.can(SystemAbility::Sentinels));
        let mut nodes = specs(&scenario.topology.systems(), &scenario.server);
        nodes.retain(|node| watched(&node.name));
        let barred = |node: &NodeSpec| {
            let directive =
                ["replica-priority", "slave-priority"].into_iter().find(|name| node.number(name) == Some(0));
            directive.map(|directive| (node.name.clone(), directive))
        };
        for master in nodes.iter().filter(|node| node.role == Role::Master) {
            let replicas = nodes.iter().filter(|node| node.master.as_ref() == Some(&master.name));
            let all_barred = replicas.map(barred).collect::<Option<Vec<_>>>();
            let Some((last, directive)) = all_barred.and_then(|mut barred| barred.pop()) else { continue };
            let message = format!("no replica of `{}` may ever take over: each has priority 0", master.name);
            let problem = Problem::new(self.directive_place(&last, directive).head(), message);
            self.report(problem.help("leave one of them its priority, which is 100"));
        }
    }

    /// Where a node's directive is written: for itself, or for all.
    fn directive_place(&self, node: &NodeName, directive: &str) -> Cursor<'_> {
        let server = self.root.field("server");
        let own = server.field("nodes").entry(node.as_str()).field("config").entry(directive);
        if own.is_exact() { own } else { server.field("config").entry(directive) }
    }

    /// A node that evicts keys to make room: the harness' keys have no time to live, so nothing else is evicted.
    fn warn_of_evictions(&mut self, scenario: &Scenario) {
        if !self.sound.topology || !self.sound.load || !self.writes() {
            return;
        }
        for node in specs(&scenario.topology.systems(), &scenario.server) {
            let (Some(policy), Some(limit)) = (node.config.get(POLICY), node.config.get(LIMIT)) else { continue };
            if policy.starts_with("allkeys-") && limit.contains(|c: char| matches!(c, '1'..='9')) {
                let problem = Problem::warning(
                    self.directive_place(&node.name, POLICY).head(),
                    format!("`{policy}` evicts keys that were written"),
                );
                let limit = self.directive_place(&node.name, LIMIT).head();
                let problem = problem.also(limit, "once this much is stored");
                let problem = problem.help("an evicted write cannot be told from a lost one: `LostWrites` counts both");
                self.report(problem.help("take `noeviction`, or a `volatile-` policy: the loads' keys never expire"));
            }
        }
    }

    /// What runs: a binary, or an image.
    fn check_program(&mut self, binary: Option<&str>, image: Option<&str>, at: Cursor<'_>) {
        if binary.is_some_and(|binary| binary.trim().is_empty()) {
            let problem = Problem::new(at.field("binary").head(), "the binary's name is empty");
            self.report(problem.help("write a path or a name on PATH, or leave `binary` out"));
        }
        if image.is_some_and(|image| image.trim().is_empty()) {
            let problem = Problem::new(at.field("image").head(), "the image's name is empty");
            self.report(problem.help("write a name as `docker run` takes it: `image: \"redis:7.4\"`"));
        }
        if binary.is_some() && image.is_some() {
            let problem = Problem::new(at.field("image").head(), "a server is of an image or a binary, not of both");
            let problem = problem.also(at.field("binary").head(), "the binary is named here");
            self.report(problem.help("an image has its own binary: leave `binary` out"));
        }
    }

    /// A run has one provider: whose hosts are containers, all are.
    fn check_providers(&mut self, scenario: &Scenario) {
        if !self.sound.topology {
            return;
        }
        let nodes = specs(&scenario.topology.systems(), &scenario.server);
        let server = self.root.field("server");
        let in_container = nodes.iter().find(|node| node.image.is_some() && node.binary.is_none());
        let outside = nodes.iter().find(|node| node.binary.is_some() && node.image.is_none());
        let (Some(inside), Some(outside)) = (in_container, outside) else { return };
        let own = server.field("nodes").entry(inside.name.as_str()).field("image");
        let at = if own.is_exact() { own } else { server.field("image") };
        let message = format!("{} has an image, and {} a binary", inside.name, outside.name);
        let problem = Problem::new(at.head(), message);
        self.report(problem.help("the servers of a scenario are all of images or all of binaries"));
    }

    fn check_config(
        &mut self,
        config: &BTreeMap<String, String>,
        node: Option<&NodeName>,
        tls: Option<Tls>,
        at: Cursor<'_>,
    ) {
        if at.is_exact() {
            self.check_keys(at);
        }
        for (directive, value) in config {
            if let Some(problem) = self.directive_problem(directive, node, at.key(directive)) {
                self.report(problem);
            } else if directive.starts_with("tls-") && tls.is_none() {
                let message = format!("`{directive}` means nothing to servers that speak no TLS");
                let problem = Problem::new(at.key(directive).head(), message);
                self.report(
                    problem.help("write `server: (tls: Only)` or `tls: BesidePlain`, or leave the directive out"),
                );
            } else if let Some(problem) = value_problem(directive, value, at.entry(directive)) {
                self.report(problem);
            }
        }
    }
}

fn value_problem(directive: &str, value: &str, at: Cursor<'_>) -> Option<Problem> {
    if value.contains(char::is_control) {
        // A new line would smuggle in another directive.
        return Some(Problem::new(at.head(), format!("the value of `{directive}` must be one line of text")));
    }
    let milliseconds = || value.parse::<u32>().is_ok_and(|number| number > 0);
    if directive == "cluster-node-timeout" && !milliseconds() {
        let problem = Problem::new(at.head(), format!("`{value}` is not a number of milliseconds"));
        return Some(problem.help("the server takes whole milliseconds without a unit: `\"1000\"` for a second"));
    }
    None
}
