//! What a story tells of links and of those who are cut off.

use super::Story;
use crate::evidence::{ClusterState, Event, EventKind, Health, LinkChange, LinksText, NetworkChange};
use crate::vocab::{CutBy, Instant, Link, NodeName, ServerPort};

impl Story {
    /// A step that changed links and is done. `name` is that of the partition or shape.
    pub(crate) fn network(&mut self, ms: u64, step: Option<usize>, name: &str, change: LinkChange, links: Vec<Link>) {
        let began = Instant::from_millis(ms);
        let (done, proof) = (began.plus_nanos(1_000_000), Some("probes".to_owned()));
        let (name, text) = (name.to_owned(), LinksText::default());
        if let Some(step) = step {
            self.event(ms, EventKind::StepStarted { step, text: change_in_words(change).to_owned() });
        }
        self.event(
            ms + 1,
            EventKind::Network(NetworkChange { step, name, text, change, links, began, done, proof, doubt: None }),
        );
        if let Some(step) = step {
            self.event(ms + 1, EventKind::StepEnded { step });
        }
    }

    /// These hosts are cut off from all others, client hosts too; as the partition `name`.
    pub(crate) fn isolate(&mut self, ms: u64, step: usize, name: &str, hosts: &[&str]) {
        let links = self.links_around(hosts);
        self.network(ms, Some(step), name, LinkChange::Cut(CutBy::Drop), links);
        self.unsettled(ms + 5);
    }

    /// These hosts' port is cut off from all others, client hosts too; as the partition `name`.
    pub(crate) fn isolate_port(&mut self, ms: u64, step: usize, name: &str, hosts: &[&str], port: ServerPort) {
        let links = self.links_around(hosts);
        self.network(ms, Some(step), name, LinkChange::CutPort(port), links);
    }

    /// The partition `name` is healed by a step, or by the harness at the end.
    pub(crate) fn heal(&mut self, ms: u64, step: impl Into<Option<usize>>, name: &str) {
        let cut = |event: &Event| match &event.kind {
            EventKind::Network(change) if change.name == name => Some(change.links.clone()),
            _ => None,
        };
        let links = self.evidence.events.iter().find_map(cut).unwrap();
        self.network(ms, step.into(), name, LinkChange::HealCut, links);
    }

    fn links_around(&self, hosts: &[&str]) -> Vec<Link> {
        let nodes = self.evidence.plan.nodes.iter().map(|node| node.name.to_string());
        let all: Vec<_> = nodes.chain(self.evidence.plan.loads.iter().map(|load| load.name.clone())).collect();
        let others = all.iter().filter(|host| !hosts.contains(&host.as_str()));
        let pairs = others.flat_map(|other| hosts.iter().map(move |host| Link::new(*host, other.as_str())));
        pairs.flat_map(|link| [link.reversed(), link]).collect()
    }

    /// The others flag `A`, which is cut off, replace it by `A1`, and all agree on their side; `A` refuses to serve at last. The
    /// times are milliseconds after the cut.
    pub(crate) fn replace_isolated(&mut self, cut: u64, promoted: u64, refuses: u64) {
        self.health("A", Health::Fail);
        self.view(cut + promoted / 2, &["B", "C"]);
        self.hand_over("A", "A1");
        self.view(cut + promoted, &["A1", "B", "C"]);
        self.view_alone(cut + refuses, &["A"], &["B", "C", "A1", "B1", "C1"]);
        self.settled(cut + promoted.max(refuses) + 20);
    }

    /// These nodes are seen to refuse to serve: since the cluster formed they have learned only that these others are silent.
    pub(crate) fn view_alone(&mut self, ms: u64, nodes: &[&str], silent: &[&str]) {
        let first = self.evidence.topology[0].view.clone().unwrap();
        let mut members = first.members;
        for node in silent {
            members.get_mut(&NodeName::from(*node)).unwrap().health = Health::Pfail;
        }
        self.view_of(ms, nodes, ClusterState::Fail, first.current_version, &members);
    }
}

fn change_in_words(change: LinkChange) -> &'static str {
    match change {
        LinkChange::Cut(_) => "Partition",
        LinkChange::CutPort(_) => "CutPort",
        LinkChange::Shape(_) => "Shape",
        LinkChange::HealCut | LinkChange::HealShape => "Heal",
    }
}
