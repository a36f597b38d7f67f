//! The systems of a run.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use super::{NodeSpec, Origin, System};
use crate::evidence::{NodeStatus, NodeView, Reach, Settlement};
use crate::vocab::NodeName;

/// The systems of a run, side by side, in the order of their nodes: one, unless the topology is `Beside`.
#[derive(Clone, Debug, Default)]
pub struct Systems {
    parts: Vec<Deployed>,
    next: Origin,
}

/// One of the systems of a run.
#[derive(Clone, Debug)]
pub struct Deployed {
    /// What loads call it: `cluster`.
    pub name: &'static str,
    /// The port to it.
    pub system: Arc<dyn System>,
    /// Made when they are first asked for: whoever checks a scenario first asks how many they are.
    nodes: OnceLock<Vec<NodeSpec>>,
}

impl Deployed {
    /// Its nodes as they start.
    pub fn nodes(&self) -> &[NodeSpec] {
        self.nodes.get_or_init(|| self.system.nodes())
    }

    /// Whether a node is of this system.
    pub fn has(&self, node: &NodeName) -> bool {
        self.nodes().iter().any(|own| own.name == *node)
    }
}

impl Systems {
    /// The only system of a run.
    pub(super) fn of_one(name: &'static str, system: impl System + 'static) -> Self {
        let mut systems = Self::default();
        systems.add(name, |_| system);
        systems
    }

    /// Adds a system, which begins at the origin that it is given.
    pub(super) fn add<S: System + 'static>(&mut self, name: &'static str, system: impl FnOnce(Origin) -> S) {
        let system = system(self.next);
        let size = system.size();
        self.next = Origin {
            hosts: self.next.hosts + size.nodes(),
            shards: self.next.shards + usize::from(size.masters),
            positions: self.next.positions.saturating_add(system.positions()),
        };
        self.parts.push(Deployed { name, system: Arc::new(system), nodes: OnceLock::new() });
    }

    /// Each of them.
    pub fn parts(&self) -> &[Deployed] {
        &self.parts
    }

    /// The nodes of all, as they start.
    pub fn nodes(&self) -> impl Iterator<Item = &NodeSpec> {
        self.parts.iter().flat_map(Deployed::nodes)
    }

    /// The place among them of the system that a node is of; that of the last for a node that nobody knows.
    pub fn index_of(&self, node: &NodeName) -> usize {
        let last = self.parts.len().saturating_sub(1);
        self.parts[..last].iter().position(|part| part.has(node)).unwrap_or(last)
    }

    /// The system that a node is of.
    pub fn of(&self, node: &NodeName) -> &dyn System {
        &*self.parts[self.index_of(node)].system
    }

    /// Whether two nodes are of the same system.
    pub fn same(&self, one: &NodeName, other: &NodeName) -> bool {
        self.index_of(one) == self.index_of(other)
    }

    /// The place of the system that a load drives: of the one that it names; of the only one if it names none. None if it is not
    /// known which.
    pub fn driven(&self, on: Option<&str>) -> Option<usize> {
        match on {
            Some(name) => self.parts.iter().position(|part| part.name == name),
            None => (self.parts.len() == 1).then_some(0),
        }
    }

    /// Why a scenario must not set a directive, of a node or, where none is named, of any: then it may be set if one of the systems
    /// lets it be.
    pub fn reserved(&self, directive: &str, node: Option<&NodeName>) -> Option<&'static str> {
        let reasons: Option<Vec<_>> = match node {
            Some(node) => return self.parts.get(self.index_of(node))?.system.reserved(directive),
            None => self.parts.iter().map(|part| part.system.reserved(directive)).collect(),
        };
        reasons?.first().copied()
    }

    /// What they are called together in sentences: `cluster and sentinel group`.
    pub fn noun(&self) -> String {
        let nouns: Vec<_> = self.parts.iter().map(|part| part.system.noun()).collect();
        nouns.join(" and ")
    }

    /// About how long it takes until all of them serve.
    pub fn forming(&self) -> Duration {
        self.parts.iter().map(|part| part.system.forming()).max().unwrap_or_default()
    }

    /// Whether the running nodes agree, system by system.
    pub fn settle(
        &self,
        status: &BTreeMap<NodeName, NodeStatus>,
        reach: &Reach,
        views: &BTreeMap<NodeName, Option<NodeView>>,
    ) -> Vec<Settlement> {
        if let [only] = &self.parts[..] {
            return vec![only.system.settle(status, reach, views)];
        }
        let settle = |part: &Deployed| part.system.settle(&of_part(part, status), reach, &of_part(part, views));
        self.parts.iter().map(settle).collect()
    }
}

fn of_part<T: Clone>(part: &Deployed, of_all: &BTreeMap<NodeName, T>) -> BTreeMap<NodeName, T> {
    of_all.iter().filter(|(node, _)| part.has(node)).map(|(node, it)| (node.clone(), it.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rstest::rstest;

    use super::*;
    use crate::system::Deployment;
    use crate::vocab::Position;

    fn systems(topology: &str) -> Systems {
        let deployment: Deployment = crate::text::options().from_str(topology).unwrap();
        deployment.systems()
    }

    const ALL: &str = "Beside(standalone: Standalone(), independent: (masters: 2), replication: (replicas: 1), cluster: Cluster(masters: 3, replicas: 1), \
        sentinel: Sentinel(masters: 2, replicas: 1, sentinels: 1, quorum: 1))";

    #[test]
    fn each_begins_where_the_one_before_ends() {
        let systems = systems(ALL);
        let named = |part: &Deployed| {
            let names: Vec<_> = part.nodes().iter().map(|node| node.name.to_string()).collect();
            format!("{}: {}", part.name, names.join(" "))
        };
        let parts: Vec<_> = systems.parts().iter().map(named).collect();
        let expected = [
            "cluster: A B C A1 B1 C1",
            "sentinel: D E D1 E1 S1",
            "replication: F F1",
            "standalone: G",
            "independent: H I",
        ];
        assert_eq!(parts, expected);
        let hosts: BTreeSet<_> = systems.nodes().map(|node| node.address.ip()).collect();
        assert_eq!(hosts.len(), 16);
        let owns: Vec<_> = systems.nodes().map(|node| node.owns.to_string()).filter(|owns| owns != "none").collect();
        assert_eq!(owns, ["0-5460", "5461-10922", "10923-16383", "16384", "16385", "16386", "16387", "16388", "16389"]);
        let masters: Vec<_> = systems.nodes().filter_map(|node| node.master.clone()).collect();
        assert_eq!(masters, ["A", "B", "C", "D", "E", "F"].map(NodeName::from));
    }

    #[rstest]
    #[case::sentinel("sentinel", &[16_384, 16_385])]
    #[case::replication("replication", &[16_386])]
    #[case::standalone("standalone", &[16_387])]
    #[case::independent("independent", &[16_388, 16_389])]
    fn keys_lie_where_their_system_has_its_positions(#[case] on: &str, #[case] expected: &[u16]) {
        let systems = systems(ALL);
        let part = &systems.parts()[systems.driven(Some(on)).unwrap()];
        let positions: BTreeSet<_> =
            (0..100).map(|number| part.system.position_of(format!("key:{number}").as_bytes())).collect();
        assert_eq!(
            positions.into_iter().collect::<Vec<_>>(),
            expected.iter().map(|at| Position(*at)).collect::<Vec<_>>()
        );
    }

    #[rstest]
    #[case::alone("Standalone()", None, Some(0))]
    #[case::alone_and_named("Standalone()", Some("standalone"), Some(0))]
    #[case::alone_and_another("Standalone()", Some("cluster"), None)]
    #[case::of_several(ALL, Some("replication"), Some(2))]
    #[case::of_several_nobody_knows_which(ALL, None, None)]
    fn a_load_drives_one(#[case] topology: &str, #[case] on: Option<&str>, #[case] expected: Option<usize>) {
        assert_eq!(systems(topology).driven(on), expected);
    }

    #[rstest]
    #[case::of_a_cluster("cluster-node-timeout", Some("A"), true)]
    #[case::not_of_a_server("cluster-node-timeout", Some("F"), false)]
    #[case::of_some("cluster-node-timeout", None, true)]
    #[case::of_none("replicaof", None, false)]
    fn a_directive_may_be_set_where_it_means_something(
        #[case] directive: &str,
        #[case] node: Option<&str>,
        #[case] may: bool,
    ) {
        let node = node.map(NodeName::from);
        assert_eq!(systems(ALL).reserved(directive, node.as_ref()).is_none(), may);
    }
}
