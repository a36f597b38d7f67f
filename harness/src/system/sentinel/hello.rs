//! How sentinels are made known to each other.
//!
//! Each publishes that it is there on a channel of the servers, for the first time 2 s after its start, and tries a sentinel that is not
//! there yet again only a second later. So a new group would take that long, wherever they know of each other from. What they would
//! hear there they also take from whoever tells them. (Redis `sentinel.c`: `sentinelPublishCommand`, `sentinelProcessHelloMessage`.)

use futures_util::future::try_join_all;

use super::Sentinel;
use crate::system::{NodeSpec, Servers, System, SystemError};
use crate::vocab::Role;

const CHANNEL: &str = "__sentinel__:hello";

/// Tells every sentinel of all others.
pub(super) async fn introduce(sentinel: Sentinel, servers: &Servers) -> Result<(), SystemError> {
    let nodes = sentinel.nodes();
    let of_role = |role| nodes.iter().filter(move |node| node.role == role);
    let mut greetings = Vec::new();
    for to in of_role(Role::Sentinel) {
        for other in of_role(Role::Sentinel).filter(|other| other.name != to.name) {
            greetings.extend(of_role(Role::Master).map(|master| greet(servers, to, hello(other, master))));
        }
    }
    try_join_all(greetings).await.map(drop)
}

async fn greet(servers: &Servers, to: &NodeSpec, hello: String) -> Result<(), SystemError> {
    let command = ["PUBLISH", CHANNEL, &hello];
    let reply = servers.command(&to.name, &command).await?;
    servers.check_reply(&to.name, &command, &reply, "1")
}

/// What a sentinel says of itself and of a master that has not been replaced yet.
fn hello(sentinel: &NodeSpec, master: &NodeSpec) -> String {
    let address = |node: &NodeSpec| format!("{},{}", node.address.ip(), node.address.0.port());
    format!("{},{},0,{},{},0", address(sentinel), sentinel.id, master.name, address(master))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Eight words; see `sentinelProcessHelloMessage`.
    #[test]
    fn a_sentinel_says_where_it_is_and_whom_it_monitors() {
        let sentinel: Sentinel = ron::from_str("(replicas: 0, sentinels: 1, quorum: 1)").unwrap();
        let nodes = sentinel.nodes();
        let [master, sentinel] = &nodes[..] else { panic!("{nodes:?}") };
        assert_eq!(hello(sentinel, master), format!("10.128.0.3,26379,{},0,A,10.128.0.2,6379,0", sentinel.id));
    }
}
