//! The nodes that a scenario starts with, and the client hosts beside them.

use crate::load::Load;
use crate::provider::{self, ClientSpec};
use crate::scenario::Server;
use crate::system::{NodeSpec, Systems};
use crate::validate::PlannedNode;
use crate::vocab::NodeName;

/// The members of all systems, in the order of their nodes.
pub(super) fn members(systems: &Systems) -> Vec<PlannedNode> {
    let nodes: Vec<_> = systems.nodes().cloned().collect();
    let owners: Vec<_> = nodes.iter().filter(|node| !node.owns.is_empty()).map(|node| node.name.clone()).collect();
    // A replica may follow another one; its shard is that of the master where this ends.
    let followed = |name: &NodeName| nodes.iter().find(|node| node.name == *name)?.master.clone();
    let shard = |node: &NodeSpec| {
        let root = std::iter::successors(Some(node.name.clone()), followed).take(nodes.len()).last()?;
        owners.iter().position(|owner| *owner == root)
    };
    let member = |node: &NodeSpec| PlannedNode {
        shard: shard(node),
        name: node.name.clone(),
        host: node.host.clone(),
        role: node.role,
        system: systems.index_of(&node.name),
    };
    nodes.iter().map(member).collect()
}

/// The nodes of all systems, with what the scenario says of their servers. What it says of all is not for those to which a
/// directive means nothing.
pub(super) fn specs(systems: &Systems, server: &Server) -> Vec<NodeSpec> {
    let spec = |node: &NodeSpec| {
        let own = server.nodes.get(&node.name);
        let mut config = server.config.clone();
        config.retain(|directive, _| systems.of(&node.name).reserved(directive).is_none());
        config.extend(own.map(|own| own.config.clone()).unwrap_or_default());
        // A node that names either has no use for the other of all.
        let own = own.map(|own| (own.binary.clone(), own.image.clone())).filter(|own| *own != (None, None));
        let (binary, image) = own.unwrap_or_else(|| (server.binary.clone(), server.image.clone()));
        NodeSpec { binary, image, config, tls: server.tls, ..node.clone() }
    };
    systems.nodes().map(spec).collect()
}

/// The client hosts that the loads name, in their order, after the nodes.
pub(super) fn clients(nodes: &[NodeSpec], loads: &[Load]) -> Vec<ClientSpec> {
    let mut clients = Vec::<ClientSpec>::new();
    for name in loads.iter().flat_map(Load::hosts) {
        if !nodes.iter().any(|node| node.host == name) && !clients.iter().any(|client| client.name == name) {
            clients.push(ClientSpec { name, ip: provider::host_address(nodes.len() + clients.len()) });
        }
    }
    clients
}
