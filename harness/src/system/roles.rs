//! Telling a server whom to follow.

use super::{Servers, SystemError};
use crate::vocab::NodeName;

impl Servers {
    /// Makes a node a master that follows nobody, with all the data that it has (`REPLICAOF NO ONE`). Returns what it then says of
    /// its role.
    pub async fn promote(&self, node: &NodeName) -> Result<String, SystemError> {
        self.replica_of(node, ["NO", "ONE"], "master").await
    }

    /// Makes a node a replica of `master`, whatever it was (`REPLICAOF <ip> <port>`): its data will be what that has. Returns what it
    /// then says of its role.
    pub async fn follow(&self, node: &NodeName, master: &NodeName) -> Result<String, SystemError> {
        let address = self.spec(master)?.address;
        let (ip, port) = (address.ip().to_string(), address.0.port().to_string());
        self.replica_of(node, [&ip, &port], &format!("slave {ip} {port}")).await
    }

    async fn replica_of(&self, node: &NodeName, of: [&str; 2], role: &str) -> Result<String, SystemError> {
        let command = ["REPLICAOF", of[0], of[1]];
        let reply = self.command(node, &command).await?;
        // `OK Already connected to specified master` is said to who follows it already.
        if !reply.starts_with("OK") {
            self.check_reply(node, &command, &reply, "OK")?;
        }
        let says = self.command(node, &["ROLE"]).await?.replace('\n', " ");
        if says == role || says.starts_with(&format!("{role} ")) {
            return Ok(format!("its role is {says}"));
        }
        Err(self.not_done(node, format!("says that its role is `{says}` and not `{role}`"), None))
    }
}
