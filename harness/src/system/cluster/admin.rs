//! Commands to servers, and the little of their answers that joining must understand.

use std::time::Duration;

use redis::RedisError;

use crate::system::{Access, AccessConnection, AccessTimeouts, NodeSpec, SystemError};
use crate::vocab::{NodeId, NodeName};

/// How long a server may take to accept a connection or to answer a command.
const ANSWER_BOUND: Duration = Duration::from_secs(2);

/// A connection to a node's server, from the router.
pub(super) struct Admin<'a> {
    node: &'a NodeSpec,
    connection: AccessConnection,
}

impl<'a> Admin<'a> {
    pub(super) async fn connect(node: &'a NodeSpec, access: &Access) -> Result<Self, SystemError> {
        let timeouts = AccessTimeouts { connection: Some(ANSWER_BOUND), reply: Some(ANSWER_BOUND) };
        let connection = access.connect(node.address, timeouts).await;
        let connection = connection.map_err(|error| failed(node, "connect", &error))?;
        Ok(Self { node, connection })
    }

    /// The name of the node that answers.
    pub(super) fn name(&self) -> &NodeName {
        &self.node.name
    }

    /// Runs `CLUSTER` with these arguments; the answer as text.
    pub(super) async fn cluster(&self, arguments: &[&str]) -> Result<String, SystemError> {
        let mut connection = self.connection.clone();
        let answer = redis::cmd("CLUSTER").arg(arguments).query_async(&mut connection).await;
        answer.map_err(|error| failed(self.node, &format!("CLUSTER {}", arguments.join(" ")), &error))
    }

    /// The server's own id.
    pub(super) async fn id(&self) -> Result<NodeId, SystemError> {
        self.cluster(&["MYID"]).await.map(NodeId)
    }

    /// Every node that the server knows.
    pub(super) async fn peers(&self) -> Result<Vec<Peer>, SystemError> {
        Ok(self.cluster(&["NODES"]).await?.lines().filter_map(Peer::read).collect())
    }
}

fn failed(node: &NodeSpec, command: &str, error: &RedisError) -> SystemError {
    SystemError::Command { node: node.name.clone(), command: command.to_owned(), reason: error.to_string() }
}

/// A line of `CLUSTER NODES`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    pub(super) id: NodeId,
    /// Its address, without port; empty when it is not known.
    pub(super) ip: String,
    pub(super) handshake: bool,
    /// The node that it replicates.
    pub(super) master: Option<NodeId>,
}

impl Peer {
    fn read(line: &str) -> Option<Self> {
        let mut fields = line.split(' ');
        let mut next = || fields.next();
        let (id, address, flags, master) = (next()?, next()?, next()?, next()?);
        Some(Self {
            id: NodeId(id.to_owned()),
            ip: address.split(':').next().unwrap_or_default().to_owned(),
            handshake: flags.split(',').any(|flag| flag == "handshake"),
            master: (master != "-").then(|| NodeId(master.to_owned())),
        })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("aa 10.128.0.2:6379@16379 myself,master - 0 0 1 connected 0-5460", "10.128.0.2", false, None)]
    #[case("aa 10.128.0.5:6379@16379,host,shard-id=bb slave bb 0 17 1 connected", "10.128.0.5", false, Some("bb"))]
    #[case("aa 10.128.0.5:6379@16379 handshake - 17 0 0 disconnected", "10.128.0.5", true, None)]
    #[case("aa :0@0 master,fail,noaddr - 17 17 0 disconnected", "", false, None)]
    fn peers_are_read(#[case] line: &str, #[case] ip: &str, #[case] handshake: bool, #[case] master: Option<&str>) {
        let master = master.map(|id| NodeId(id.to_owned()));
        let expected = Peer { id: NodeId("aa".to_owned()), ip: ip.to_owned(), handshake, master };
        assert_eq!(Peer::read(line), Some(expected));
    }
}
