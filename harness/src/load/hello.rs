//! What a client says on each new connection before anything else.

use super::resp::push_command;
use super::{Client, Protocol};
use crate::system::{Access, Credentials, ReadsFrom, System};
use crate::vocab::SystemAbility;

/// The user that a server takes a client for which says a password alone (Redis `acl.c`).
const DEFAULT_USER: &str = "default";

/// What a client says on each new connection before anything else: who it is, and how it wants to be answered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Hello {
    /// The commands.
    pub(crate) request: Vec<u8>,
    /// How many replies they get.
    pub(crate) replies: usize,
    /// Which of these must say that the node is a master, if one must.
    pub(crate) role: Option<usize>,
}

impl Hello {
    /// What a load's client says.
    pub(crate) fn of_client(client: &Client, system: &dyn System) -> Self {
        let user = client.user.as_deref().unwrap_or(DEFAULT_USER);
        let greeting = match (client.resp, &client.password) {
            (Protocol::Resp2, None) => Self::default(),
            (Protocol::Resp2, Some(password)) => Self::saying(&["AUTH", user, password]),
            (Protocol::Resp3, None) => Self::saying(&["HELLO", "3"]),
            (Protocol::Resp3, Some(password)) => Self::saying(&["HELLO", "3", "AUTH", user, password]),
        };
        match system.replica_greeting().filter(|_| client.reads_from != ReadsFrom::Master) {
            Some(command) => greeting.then(command),
            None => greeting,
        }
    }

    /// The same for a node that sentinels name as the master, which a client may have say itself that it is one. Of a client that reads
    /// from replicas nobody knows which of them a connection is for.
    pub(crate) fn of_server(client: &Client, system: &dyn System) -> Self {
        let hello = Self::of_client(client, system);
        let asks = client.verifies_role && client.reads_from == ReadsFrom::Master;
        if asks && system.abilities().contains(&SystemAbility::Sentinels) {
            let role = Some(hello.replies);
            return Self { role, ..hello.then(&["ROLE"]) };
        }
        hello
    }

    /// The same, and behind it a `PING`: whoever answers it serves this client.
    pub(crate) fn then_ping(self) -> Self {
        self.then(&["PING"])
    }

    /// What the harness itself says.
    pub(crate) fn of_harness(access: &Access) -> Self {
        let credentials = access.credentials.as_ref();
        credentials.map_or_else(Self::default, |Credentials { user, password }| Self::saying(&["AUTH", user, password]))
    }

    fn saying(command: &[&str]) -> Self {
        Self::default().then(command)
    }

    fn then(mut self, command: &[&str]) -> Self {
        let words: Vec<_> = command.iter().map(|word| word.as_bytes()).collect();
        push_command(&mut self.request, &words);
        self.replies += 1;
        self
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::load::testing::{CLUSTER, load};
    use crate::system::{Origin, Placement, Sentinel, System};
    use crate::vocab::Duration;

    #[rstest]
    #[case::nothing_to_say("", "")]
    #[case::a_password("password: \"s\"", "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$1\r\ns\r\n")]
    #[case::a_user("user: \"app\", password: \"s\"", "*3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$1\r\ns\r\n")]
    #[case::reads_from_replicas("reads_from: Any", "*1\r\n$8\r\nREADONLY\r\n")]
    #[case::a_password_and_replicas(
        "password: \"s\", reads_from: Replica",
        "*3\r\n$4\r\nAUTH\r\n$7\r\ndefault\r\n$1\r\ns\r\n*1\r\n$8\r\nREADONLY\r\n"
    )]
    #[case::resp3("resp: 3", "*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n")]
    #[case::all(
        "resp: 3, user: \"app\", password: \"s\"",
        "*5\r\n$5\r\nHELLO\r\n$1\r\n3\r\n$4\r\nAUTH\r\n$3\r\napp\r\n$1\r\ns\r\n"
    )]
    fn a_client_says_what_it_was_told(#[case] fields: &str, #[case] expected: &str) {
        let load = load("app", &format!("mix: [Get()], keys: Uniform(1), client: ({fields})"));
        let Hello { request, replies, role: _ } = Hello::of_client(&load.client, &CLUSTER);
        assert_eq!(String::from_utf8(request).unwrap(), expected);
        assert_eq!(replies, expected.matches('*').count());
    }

    const WATCHED: Sentinel = Sentinel {
        masters: 1,
        replicas: 1,
        sentinels: 3,
        quorum: 2,
        down_after: Duration::from_millis(1_000),
        failover_timeout: Duration::from_millis(1_000),
        parallel_syncs: 1,
        placement: Placement::OwnHosts,
        origin: Origin::FIRST,
    };

    /// Which reply must say so, if one must.
    #[rstest]
    #[case::named_by_sentinels(&WATCHED, "", Some(0))]
    #[case::behind_a_password(&WATCHED, "password: \"s\"", Some(1))]
    #[case::not_declared(&WATCHED, "verifies_role: false", None)]
    #[case::it_may_be_a_replica(&WATCHED, "reads_from: Replica", None)]
    #[case::no_sentinel_names_it(&CLUSTER, "", None)]
    fn a_master_says_itself_that_it_is_one(
        #[case] system: &dyn System,
        #[case] fields: &str,
        #[case] role: Option<usize>,
    ) {
        let load = load("app", &format!("mix: [Get()], keys: Uniform(1), client: ({fields})"));
        let hello = Hello::of_server(&load.client, system);
        assert_eq!(hello.role, role);
        assert_eq!(String::from_utf8(hello.request).unwrap().ends_with("ROLE\r\n"), role.is_some());
    }
}
