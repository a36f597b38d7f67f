//! Which lines of a server's log tell who it follows, and what they say.

use crate::evidence::LogEvent;
use crate::system::Names;
use crate::system::log::sync;

/// What the text of a line says, if it is one of those that are understood.
///
/// `MASTER MODE enabled` is what a replica logs that was told to follow nobody, by a client or by a sentinel; `REPLICAOF` what one
/// logs that was told to follow another (Redis `replication.c`, `replicaofCommand`). Valkey says `PRIMARY`.
pub(in crate::system) fn says(text: &str, names: &Names) -> Option<LogEvent> {
    if text.starts_with("MASTER MODE enabled") || text.starts_with("PRIMARY MODE enabled") {
        return Some(LogEvent::MadeMaster);
    }
    if let Some(rest) = text.strip_prefix("REPLICAOF ") {
        let address = rest.split_once(" enabled")?.0.parse().ok()?;
        return Some(LogEvent::Demoted { master: names.of_address(crate::vocab::Address(address))?.clone() });
    }
    sync(text)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::system::replication::Replication;
    use crate::system::testing::{assert_understood, understood_lines};
    use crate::system::{Origin, System};
    use crate::vocab::{Address, NodeId, NodeName};

    fn names() -> Names {
        Names::new([(NodeName::new("A1"), NodeId("1".repeat(40)), Address("10.128.0.3:6379".parse().unwrap()))])
    }

    #[rstest]
    #[case::promoted(
        "MASTER MODE enabled (user request from 'id=7 addr=10.128.0.1:40000')",
        Some(LogEvent::MadeMaster)
    )]
    #[case::promoted_valkey("PRIMARY MODE enabled (user request from 'id=7')", Some(LogEvent::MadeMaster))]
    #[case::follows("REPLICAOF 10.128.0.3:6379 enabled (user request from 'id=4 addr=10.128.0.1:40000')",
                    Some(LogEvent::Demoted { master: NodeName::new("A1") }))]
    #[case::follows_a_stranger("REPLICAOF 10.9.9.9:6379 enabled (user request from 'id=4')", None)]
    #[case::would_follow(
        "REPLICAOF would result into synchronization with the master we are already connected with.",
        None
    )]
    #[case::resync("Successful partial resynchronization with master.", Some(LogEvent::PartialResync))]
    #[case::asked_to_hand_over(
        "MASTER MODE enabled (failover request from 'id=6 addr=10.128.0.1:40000')",
        Some(LogEvent::MadeMaster)
    )]
    #[case::something_else("Ready to accept connections", None)]
    fn who_follows_whom_is_understood(#[case] text: &str, #[case] says_so: Option<LogEvent>) {
        assert_eq!(says(text, &names()), says_so);
    }

    /// The names of the nodes of `fixtures/recordings/replication.ron`.
    fn recorded_names() -> Names {
        let recorded = Replication { replicas: 2, chain: false, origin: Origin::FIRST };
        Names::new(recorded.nodes().into_iter().map(|node| (node.name, node.id, node.address)))
    }

    #[rstest]
    fn recorded_logs(
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
        #[values("A", "A1", "A2")] node: &str,
    ) {
        let names = recorded_names();
        assert_understood(&format!("logs/{server}/replication"), node, |text| says(text, &names));
    }

    #[rstest]
    #[case::promoted("A1", LogEvent::MadeMaster)]
    #[case::follows("A2", LogEvent::Demoted { master: NodeName::new("A1") })]
    #[case::catches_up("A2", LogEvent::PartialResync)]
    #[case::comes_back("A", LogEvent::Demoted { master: NodeName::new("A1") })]
    #[case::gets_everything("A", LogEvent::FullResync)]
    #[case::begins("A", LogEvent::SyncStarted)]
    #[case::is_done("A", LogEvent::SyncFinished)]
    fn every_change_is_recognised(
        #[case] node: &str,
        #[case] change: LogEvent,
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
    ) {
        let names = recorded_names();
        let events = understood_lines(&format!("logs/{server}/replication"), node, |text| says(text, &names));
        assert!(events.iter().any(|(_, _, event)| *event == change), "{node}'s log does not say {change:?}");
    }
}
