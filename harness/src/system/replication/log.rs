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
    #[case::something_else("Ready to accept connections", None)]
    fn who_follows_whom_is_understood(#[case] text: &str, #[case] says_so: Option<LogEvent>) {
        assert_eq!(says(text, &names()), says_so);
    }
}
