//! What is wrong with the loads.

use std::collections::BTreeSet;

use super::keys::keys_coincide;
use crate::evidence::DataType;
use crate::load::op::Wait;
use crate::load::{Connections, Load, Op};
use crate::scenario::{IDLE_MAX, KEYS_MAX, PIPELINE_MAX, WORKERS_MAX, WORKERS_OF_ALL_SHARDS_MAX};
use crate::system::ReadsFrom;
use crate::text::{Cursor, Problem, suggest};
use crate::validate::{Checker, Meant, SystemFacts};
use crate::vocab::{Duration, HostName, NodeName, SystemAbility, Tls};

impl<'a> Checker<'a> {
    /// Every load, and every pair of loads.
    pub(super) fn check_loads(&mut self, loads: &[Load], tls: Option<Tls>) {
        for (index, load) in loads.iter().enumerate() {
            let at = self.root.field("load").index(index);
            self.check_name(load, index, at);
            self.check_driven(load, at);
            self.check_size(load, at);
            self.check_mix(load, at);
            self.check_client(load, at);
            self.check_tls(load, tls, at.field("client").field("tls"));
        }
        self.check_prefixes(loads);
        self.warn_of_even_masters(loads);
    }

    /// A lock on an even number of masters.
    fn warn_of_even_masters(&mut self, loads: &[Load]) {
        let takes_locks = |load: &&Load| load.mix.iter().any(|op| op.kind().lock().is_some());
        let mut driven = loads.iter().filter(takes_locks).filter_map(|load| self.driven_by(load));
        let is_even = |system: &SystemFacts<'_>| system.masters > 0 && system.masters.is_multiple_of(2);
        // Only one system can be one of independent masters.
        let Some(system) = driven.find(is_even).filter(|_| self.sound.topology) else { return };
        let masters = system.masters;
        let message = format!("a lock on {masters} masters survives no more failures than one on {}", masters - 1);
        let problem = Problem::warning(system.at.field("masters").head(), message);
        self.report(problem.help("a majority of an even number is one more than half of it: take an odd one"));
    }

    fn check_name(&mut self, load: &Load, index: usize, at: Cursor<'_>) {
        let name = &load.name;
        let letters = name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
        if name.is_empty() || !letters {
            let message = format!("`{}` is not a load's name", name.escape_debug());
            let problem = Problem::new(at.field("name").head(), message);
            self.report(problem.help("a name is made of the letters a to z and A to Z, digits, `-` and `_`"));
        }
        self.check_host(load, at);
        let first = self.loads[..index].iter().position(|other| other.name == *name);
        if let Some(first) = first {
            let other = self.root.field("load").index(first).field("name").head();
            let problem = Problem::new(at.field("name").head(), format!("two loads are named `{name}`"));
            self.report(problem.also(other, "the first"));
        }
    }

    /// What is known of the system that a load drives; none if it is not known which.
    fn driven_by(&self, load: &Load) -> Option<SystemFacts<'a>> {
        self.systems_meant(Meant::Load(&load.name)).first().copied()
    }

    /// Which system the load drives.
    fn check_driven(&mut self, load: &Load, at: Cursor<'_>) {
        let names: Vec<_> = self.topology.systems.iter().map(|system| system.name).collect();
        let topology = self.root.field("topology");
        if !self.is_as_written(topology) {
            return;
        }
        let problem = match &load.on {
            Some(name) if !names.contains(&name.as_str()) => {
                let problem = Problem::new(at.field("on").head(), format!("unknown system `{}`", name.escape_debug()));
                suggest(name, "systems", names).into_iter().fold(problem, Problem::help)
            }
            None if names.len() > 1 => {
                let problem = Problem::new(at.head(), format!("`{}` does not say which system it drives", load.name));
                let problem = problem.also(topology.head(), format!("{} systems", names.len()));
                let choices: Vec<_> = names.iter().map(|name| format!("`on: \"{name}\"`")).collect();
                problem.help(format!("write {}", choices.join(" or ")))
            }
            _ => return,
        };
        self.report(problem);
    }

    /// Where the load's connections come from.
    fn check_host(&mut self, load: &Load, at: Cursor<'_>) {
        if let Some(from) = &load.from {
            self.check_host_name(from, at.field("from"));
        } else if let Some(node) = self.member(&NodeName::from(load.name.as_str())) {
            let message = format!("a load named `{}` needs a host of another name: that is a node's", load.name);
            let help = format!(
                "name the load otherwise, or write `from: \"{}\"` if its clients live on the node's host",
                node.host
            );
            self.report(Problem::new(at.field("name").head(), message).help(help));
        }
    }

    /// The name of a host that clients come from.
    pub(super) fn check_host_name(&mut self, host: &HostName, at: Cursor<'_>) {
        let name = host.as_str();
        let is_word =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
        if is_word {
            return self.check_near_host(host, at);
        }
        let problem = Problem::new(at.head(), format!("`{}` is not a host's name", name.escape_debug()));
        self.report(problem.help("a name is made of the letters a to z and A to Z, digits, `-` and `_`"));
    }

    /// A host that is named almost as a node would silently be one more client host.
    fn check_near_host(&mut self, from: &HostName, at: Cursor<'_>) {
        let name = from.as_str();
        let is_load = self.loads.iter().any(|load| load.name == name);
        let is_known = self.is_node(from) || self.check_own_host(&NodeName::from(name), at);
        if !self.sound.topology || is_load || is_known {
            return;
        }
        let nodes = self.topology.members.iter().map(|member| member.name.as_str());
        let other_case = nodes.clone().find(|node| node.eq_ignore_ascii_case(name));
        let (letter, number) = name.split_at(1);
        let like_a_node =
            letter.bytes().all(|byte| byte.is_ascii_uppercase()) && number.bytes().all(|byte| byte.is_ascii_digit());
        if other_case.is_some() || like_a_node {
            let help = suggest(name, "nodes", nodes);
            let problem = Problem::new(at.head(), format!("`{name}` is named like a node, and there is no such node"));
            let problem = help.into_iter().fold(problem, Problem::help);
            self.report(problem.help("for a client host take a name that no node could have, such as `clients`"));
        }
    }

    fn check_size(&mut self, load: &Load, at: Cursor<'_>) {
        let workers = load.workers();
        let masters = self.driven_by(load).map_or(0, |system| system.masters);
        if !(1..=WORKERS_MAX).contains(&workers) {
            let message = format!("a load has 1 to {WORKERS_MAX} workers, not {workers}");
            self.report(Problem::new(at.field("workers").head(), message));
        } else if !load.pace.is_closed() && u32::from(workers) * u32::from(masters) > WORKERS_OF_ALL_SHARDS_MAX {
            let message = format!("{workers} workers for each of {masters} shards are too many");
            let problem = Problem::new(at.field("workers").head(), message);
            self.report(
                problem.help(format!("an open load has at most {WORKERS_OF_ALL_SHARDS_MAX} on all shards together")),
            );
        }
        let pipeline = load.pipeline();
        if !(1..=PIPELINE_MAX).contains(&pipeline) {
            let message = format!("a worker sends 1 to {PIPELINE_MAX} commands together, not {pipeline}");
            let problem = Problem::new(at.field("pipeline").head(), message);
            self.report(problem.help("leave `pipeline` out for one command after the other"));
        }
        let threads = load.threads();
        if !load.pace.is_closed() && load.threads.is_some() {
            let problem = Problem::new(at.field("threads").head(), "a schedule is kept by one thread");
            self.report(problem.help("leave `threads` out, or write `pace: Closed`, whose workers can be divided"));
        } else if !(1..=workers.max(1)).contains(&threads) {
            let message = format!("{workers} workers cannot be divided over {threads} threads");
            let problem = Problem::new(at.field("threads").head(), message);
            self.report(problem.help("each thread has one worker at least"));
        }
        if threads > 1 && load.mix.iter().any(|op| op.kind().iterates()) {
            let problem = Problem::new(at.field("threads").head(), "a load that scans has one thread");
            self.report(problem.help("leave `threads` out, or put `Scan` into a load of its own"));
        }
        if pipeline > 1 && load.mix.iter().any(|op| op.kind().lock().is_some()) {
            let problem = Problem::new(at.field("pipeline").head(), "who holds a lock does nothing else meanwhile");
            self.report(problem.help("leave `pipeline` out, or put `Redlock` into a load of its own"));
        }
        if load.per_shard && !load.pace.is_closed() {
            let problem = Problem::new(at.field("per_shard").head(), "on a schedule every worker keeps to one shard");
            self.report(problem.help("leave `per_shard` out"));
        }
        let mut types = load.mix.iter().map(|op| op.kind().data());
        if load.per_shard && types.next().is_some_and(|first| types.any(|other| other != first)) {
            let problem = Problem::new(at.field("per_shard").head(), "keys of several types lie in different shards");
            self.report(problem.help("leave `per_shard` out, or give each type of key a load of its own"));
        }
        let keys = load.keys.count();
        let keys_written = u32::from(workers) * u32::from(pipeline.min(PIPELINE_MAX));
        if load.is_idle() {
            self.check_only_idle(load, at);
        } else if keys == 0 {
            self.report(Problem::new(at.field("keys").head(), "a load needs at least one key"));
        } else if keys > KEYS_MAX {
            let problem = Problem::new(at.field("keys").head(), format!("{keys} keys are too many"));
            let why = "every key that was written is read back at the end";
            self.report(problem.help(format!("a load has at most {KEYS_MAX} keys: {why}")));
        } else if load.pace.is_closed()
            && !load.contended
            && load.mix.iter().any(Op::takes_turns)
            && keys < keys_written
        {
            let each = if pipeline > 1 { format!(" with a pipeline of {pipeline} each") } else { String::new() };
            let message = format!("{keys} keys are too few for {workers} workers{each}");
            let problem = Problem::new(at.field("keys").head(), message);
            let why = if pipeline > 1 { ", and a pipeline writes each key once" } else { "" };
            self.report(problem.help(format!("in a closed loop each worker writes keys of its own{why}")));
        }
        load.pace.kind().problems(at.field("pace")).into_iter().for_each(|problem| self.report(problem));
        self.check_key_space(load, at);
        self.check_idle(load, at);
        self.check_connections(load, at);
        self.check_subscribers(load, at);
        self.check_think(load, at.field("think"));
        self.check_contended(load, at.field("contended"));
        if load.operations == Some(0) {
            let problem = Problem::new(at.field("operations").head(), "a load with no operations does nothing");
            self.report(problem.help("leave `operations` out for a load that goes on to the timeline's end"));
        }
    }

    /// What a load that only has idle connections says in vain.
    fn check_only_idle(&mut self, load: &Load, at: Cursor<'_>) {
        let said = [
            ("pace", !load.pace.is_closed()),
            ("workers", load.workers.is_some()),
            ("threads", load.threads.is_some()),
            ("pipeline", load.pipeline.is_some()),
            ("think", load.think.is_some()),
            ("per_shard", load.per_shard),
            ("contended", load.contended),
            ("connections", load.connections != Connections::PerWorker),
            ("operations", load.operations.is_some()),
            ("keys", load.keys.count() > 0),
        ];
        for (field, _) in said.into_iter().filter(|(_, said)| *said) {
            let problem = Problem::new(at.field(field).head(), "a load of idle connections does no operations");
            self.report(problem.help(format!("leave `{field}` out, or add a `mix`")));
        }
    }

    fn check_idle(&mut self, load: &Load, at: Cursor<'_>) {
        let Some(idle) = load.idle else { return };
        if !(1..=IDLE_MAX).contains(&idle) {
            let message = format!("a load has 1 to {IDLE_MAX} idle connections, not {idle}");
            let problem = Problem::new(at.field("idle").head(), message);
            let ports = "a host has about 28000 ports for the connections to one node: take several loads";
            self.report(problem.help(if idle == 0 { "leave `idle` out" } else { ports }));
        }
    }

    fn check_think(&mut self, load: &Load, at: Cursor<'_>) {
        let Some(think) = load.think else { return };
        if !load.pace.is_closed() {
            let problem = Problem::new(at.head(), "nobody thinks between the operations of a schedule");
            self.report(
                problem.help("leave `think` out, or write `pace: Closed`, in which each worker waits for its replies"),
            );
        } else if think == Duration::default() {
            let problem = Problem::new(at.head(), "this takes no time at all");
            self.report(problem.help("leave `think` out for workers that go on at once"));
        }
    }

    /// Keys that several write at the same time, and nobody else.
    fn check_contended(&mut self, load: &Load, at: Cursor<'_>) {
        if !load.contended || load.is_idle() {
            return;
        }
        let (message, help) = if !load.mix.is_empty() && !load.mix.iter().any(Op::takes_turns) {
            ("nothing in the mix writes these keys", "leave `contended` out, or add a `Set(..)` to the mix")
        } else if load.keys.writes_once() {
            ("a key that is written once has one writer", "leave `contended` out, or take `Uniform`")
        } else if load.workers() == 1 && load.pipeline() == 1 {
            ("one worker contends with nobody", "leave `contended` out, or give the load more `workers`")
        } else {
            return;
        };
        self.report(Problem::new(at.head(), message).help(help));
    }

    fn check_mix(&mut self, load: &Load, at: Cursor<'_>) {
        let mix = at.field("mix");
        if load.is_idle() {
            return;
        }
        if load.mix.is_empty() {
            let problem = Problem::new(mix.head(), "the mix is empty: the load has nothing to do");
            let problem = problem.help("write what it does: `mix: [Set(value: \"16B\"), Get()]`");
            self.report(problem.help("or, if all it has is connections, how many: `idle: 5_000`"));
        } else if load.mix.iter().all(|op| op.weight() == 0) {
            self.report(Problem::new(mix.head(), "every weight is 0: no operation would ever be chosen"));
        }
        let any_weight = load.mix.iter().any(|op| op.weight() > 0);
        for (index, op) in load.mix.iter().enumerate() {
            if op.weight() == 0 && any_weight {
                let problem =
                    Problem::new(mix.index(index).field("weight").head(), "a weight of 0: this is never chosen");
                self.report(problem.help("leave the operation out, or give it a weight of at least 1"));
            }
            if let Some(value) = op.kind().value() {
                self.check_value(value, mix.index(index).field("value"));
            }
            if let Some(wait) = op.kind().wait() {
                self.check_wait(load, wait, mix.index(index).field("wait"));
            }
            op.kind().problems(mix.index(index)).into_iter().for_each(|problem| self.report(problem));
            if let Some(ability) = op.kind().needed_ability() {
                self.needs(ability, Meant::Load(&load.name), op.name(), mix.index(index));
            }
        }
        self.check_groups(load, mix);
    }

    /// All that work on groups of keys work on the same ones.
    fn check_groups(&mut self, load: &Load, mix: Cursor<'_>) {
        let mut groups = load.mix.iter().enumerate().filter_map(|(index, op)| Some((index, op.kind().keys()?)));
        let Some((first, keys)) = groups.next() else { return };
        for (index, others) in groups.filter(|(_, others)| *others != keys) {
            let place = |index: usize| {
                let is_bank = load.mix[index].kind().data() == DataType::Accounts;
                mix.index(index).field(if is_bank { "accounts" } else { "keys" }).head()
            };
            let message = format!("groups of {others} keys and of {keys} keys in one load");
            let problem = Problem::new(place(index), message).also(place(first), format!("these have {keys}"));
            let problem = problem.help("what is written together is read together: write the same number for both");
            self.report(problem);
        }
    }

    fn check_wait(&mut self, load: &Load, wait: Wait, at: Cursor<'_>) {
        wait.problems(at).into_iter().for_each(|problem| self.report(problem));
        let Some(SystemFacts { replicas, at: system, .. }) = self.driven_by(load) else { return };
        if self.sound.topology && wait.replicas > replicas {
            let message = "no master has that many replicas to wait for";
            let problem = Problem::new(at.field("replicas").head(), message);
            let topology = system.field("replicas").head();
            self.report(problem.also(topology, format!("each master has {replicas}")));
        }
    }

    fn check_client(&mut self, load: &Load, at: Cursor<'_>) {
        let at = at.field("client");
        let client = &load.client;
        if client.timeout == Duration::default() {
            self.report(Problem::new(at.field("timeout").head(), "every attempt would time out at once"));
        } else if client.timeout > client.deadline {
            let place = if at.field("deadline").is_exact() { at.field("deadline") } else { at.field("timeout") };
            let message = format!(
                "the deadline of an operation, {}, is shorter than the timeout of one attempt, {}",
                client.deadline, client.timeout
            );
            self.report(Problem::new(place.head(), message).help("a deadline holds at least one whole attempt"));
        }
        if client.attempts == Some(0) {
            let problem = Problem::new(at.field("attempts").head(), "an operation without an attempt does nothing");
            self.report(problem.help("write at least 1, or leave `attempts` out for as many as the deadline allows"));
        }
        if client.refresh_every == Some(Duration::default()) {
            self.report(Problem::new(at.field("refresh_every").head(), "nobody can ask all the time"));
        }
        let no_replicas = self.driven_by(load).filter(|system| self.sound.topology && system.replicas == 0);
        if client.reads_from != ReadsFrom::Master
            && let Some(system) = no_replicas
        {
            let topology = system.at.field("replicas").head();
            let problem = Problem::new(at.field("reads_from").head(), "no master has a replica to read from");
            self.report(problem.also(topology, "none"));
        } else if client.reads_from != ReadsFrom::Master {
            self.needs(SystemAbility::ReplicaReads, Meant::Load(&load.name), "reads_from", at.field("reads_from"));
        }
        if at.field("verifies_role").is_exact() {
            self.needs(SystemAbility::Sentinels, Meant::Load(&load.name), "verifies_role", at.field("verifies_role"));
        }
        if at.field("refresh_on").is_exact() && client.refresh_on.switch {
            self.needs(SystemAbility::Sentinels, Meant::Load(&load.name), "Switch", at.field("refresh_on"));
        }
        if client.user.is_some() && client.password.is_none() {
            let problem = Problem::new(at.field("user").head(), "a user proves who it is by a password");
            self.report(
                problem.help("add `password: \"...\"`, or leave `user` out for a client that says nothing of itself"),
            );
        }
        if client.gives_up && !load.pace.is_closed() {
            let field = if at.field("gives_up").is_exact() { at.field("gives_up") } else { at.field("preset") };
            let problem = Problem::new(field.head(), "on a schedule nobody gives up: what is due is started");
            self.report(
                problem
                    .help("write `pace: Closed`, in which each worker is a program of its own, or `gives_up: false`"),
            );
        }
    }

    /// A client that speaks what no server does.
    fn check_tls(&mut self, load: &Load, servers: Option<Tls>, at: Cursor<'_>) {
        let server = self.root.field("server");
        match (load.client.tls, servers) {
            _ if !self.sound.server => {}
            (Some(true), None) => {
                let problem = Problem::new(at.head(), "the servers speak no TLS");
                self.report(problem.help("write `server: (tls: BesidePlain)`, or leave `tls` out of the client"));
            }
            (Some(false), Some(Tls::Only)) => {
                let problem = Problem::new(at.head(), "the servers speak nothing but TLS");
                let problem = problem.also(server.field("tls").head(), "with everybody");
                self.report(problem.help("write `server: (tls: BesidePlain)`, with which clients may speak either"));
            }
            _ => {}
        }
    }

    /// Two loads that write the same keys. A key with two writers has no one order of writes, and losses could not be proven.
    fn check_prefixes(&mut self, all: &[Load]) {
        for (index, load) in all.iter().enumerate() {
            let overlapping = (0..index).find(|first| {
                let other = &all[*first];
                load.name != other.name && self.drive_the_same(index, *first) && write_the_same(load, other)
            });
            if let Some(first) = overlapping {
                let loads = self.root.field("load");
                let names = all[first].key_names();
                let brace = if names.hash_tags > 0 { "{" } else { "" };
                let message = format!("the loads `{}` and `{}` write the same keys", all[first].name, load.name);
                let problem = Problem::new(loads.index(index).field("prefix").head(), message)
                    .also(
                        loads.index(first).field("prefix").head(),
                        format!("these keys begin with `{brace}{}`", names.prefix),
                    )
                    .help("give each load a prefix of its own: the writes of a key have one order only within a load");
                self.report(problem);
            }
            self.check_banks(all, index);
        }
    }

    /// Whether two loads drive the same system: keys of others are other keys, whatever they are called.
    fn drive_the_same(&self, one: usize, other: usize) -> bool {
        self.loads[one].system == self.loads[other].system
    }

    /// A load that reads another's banks reads all of their accounts: of some of them the total says nothing.
    fn check_banks(&mut self, all: &[Load], index: usize) {
        let (load, loads) = (&all[index], self.root.field("load"));
        let place = |index: usize| {
            let is_bank = |op: &Op| op.kind().data() == DataType::Accounts;
            let entry = all[index].mix.iter().position(is_bank)?;
            Some(loads.index(index).field("mix").index(entry).field("accounts").head())
        };
        let same = |other: &Load| {
            let (names, other_names) = (load.key_names(), other.key_names());
            keys_coincide((&names, DataType::Accounts), (&other_names, DataType::Accounts))
        };
        let differs =
            |other: &Load| load.name != other.name && load.accounts() != other.accounts() && other.accounts() > 0;
        let first =
            (0..index).find(|first| differs(&all[*first]) && same(&all[*first]) && self.drive_the_same(index, *first));
        let Some((first, (at, other))) = first.and_then(|first| Some((first, place(index).zip(place(first))?))) else {
            return;
        };
        let (accounts, other_accounts) = (load.accounts(), all[first].accounts());
        let message = format!(
            "the loads `{}` and `{}` share banks, of {other_accounts} accounts and of {accounts}",
            all[first].name, load.name
        );
        let problem = Problem::new(at, message).also(other, format!("these have {other_accounts}"));
        self.report(problem.help("write the same number for both, or give each load a prefix of its own"));
    }
}

/// Whether two loads can write the same key, or publish to the same channel.
fn write_the_same(one: &Load, other: &Load) -> bool {
    let written = |load: &Load| -> BTreeSet<DataType> {
        let preloaded = load.preload.map(|_| DataType::Value);
        let acts = |op: &&Op| op.writes() || op.kind().data().is_channel();
        load.mix.iter().filter(acts).map(|op| op.kind().data()).chain(preloaded).collect()
    };
    let (names, other_names, others) = (one.key_names(), other.key_names(), written(other));
    written(one).into_iter().any(|data| others.iter().any(|of| keys_coincide((&names, data), (&other_names, *of))))
}
