//! Which lines of a sentinel's log, or of a server's, speak of a failover, and what they say.
//!
//! A sentinel's line is an event with an instance: `+sdown master A 10.128.0.2 6379`, or of a replica
//! `+sdown slave 10.128.0.3:6379 10.128.0.3 6379 @ A 10.128.0.2 6379` (Redis `sentinel.c`, `sentinelEvent`).

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::evidence::LogEvent;
use crate::system::Names;
use crate::system::replication::log as replication_log;
use crate::vocab::{Address, NodeName};

/// What the text of a line says, if it is one of those that are understood.
pub(super) fn says(text: &str, names: &Names) -> Option<LogEvent> {
    event(text, names).or_else(|| replication_log::says(text, names))
}

fn event(text: &str, names: &Names) -> Option<LogEvent> {
    let mut words = text.split(' ');
    let event = words.next()?;
    let words: Vec<_> = words.collect();
    let about = || instance(&words, names);
    Some(match event {
        "+sdown" => LogEvent::SubjectivelyDown { about: about()? },
        "+odown" => LogEvent::ObjectivelyDown { about: about()? },
        "-sdown" => LogEvent::FailCleared { about: about()? },
        "+try-failover" => LogEvent::FailoverTried { about: about()? },
        "+vote-for-leader" => {
            LogEvent::VoteGranted { to: names.of_id(words.first()?)?.clone(), version: words.get(1)?.parse().ok()? }
        }
        "+elected-leader" => LogEvent::LeaderElected { about: about()? },
        "+selected-slave" => LogEvent::ReplicaSelected { chosen: about()? },
        "+switch-master" => {
            let [_, old, old_port, new, new_port] = words[..] else { return None };
            LogEvent::MasterSwitched { from: node_at(old, old_port, names)?, to: node_at(new, new_port, names)? }
        }
        _ => LogEvent::FailoverBlocked { reason: event.strip_prefix("-failover-abort-")?.replace('-', " ") },
    })
}

/// The node that an event is about: type, name, address, port.
fn instance(words: &[&str], names: &Names) -> Option<NodeName> {
    let [_, _, ip, port, ..] = words else { return None };
    node_at(ip, port, names)
}

fn node_at(ip: &str, port: &str, names: &Names) -> Option<NodeName> {
    let ip: Ipv4Addr = ip.parse().ok()?;
    names.of_address(Address(SocketAddrV4::new(ip, port.parse().ok()?))).cloned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::system::System;
    use crate::system::sentinel::Sentinel;
    use crate::system::testing::{assert_understood, understood_lines};
    use crate::vocab::NodeId;

    fn names() -> Names {
        let node = |(name, id, address): (&str, &str, &str)| {
            (NodeName::new(name), NodeId(id.repeat(40)), Address(address.parse().unwrap()))
        };
        Names::new(
            [("A", "a", "10.128.0.2:6379"), ("A1", "b", "10.128.0.3:6379"), ("S1", "c", "10.128.0.5:26379")].map(node),
        )
    }

    fn name(name: &str) -> NodeName {
        NodeName::new(name)
    }

    #[rstest]
    #[case::master("+sdown master A 10.128.0.2 6379", LogEvent::SubjectivelyDown { about: name("A") })]
    #[case::replica("+sdown slave 10.128.0.3:6379 10.128.0.3 6379 @ A 10.128.0.2 6379",
                    LogEvent::SubjectivelyDown { about: name("A1") })]
    #[case::sentinel("-sdown sentinel 0001 10.128.0.5 26379 @ A 10.128.0.2 6379", LogEvent::FailCleared { about: name("S1") })]
    #[case::quorum("+odown master A 10.128.0.2 6379 #quorum 3/2", LogEvent::ObjectivelyDown { about: name("A") })]
    #[case::tried("+try-failover master A 10.128.0.2 6379", LogEvent::FailoverTried { about: name("A") })]
    #[case::vote("+vote-for-leader cccccccccccccccccccccccccccccccccccccccc 3", LogEvent::VoteGranted { to: name("S1"), version: 3 })]
    #[case::elected("+elected-leader master A 10.128.0.2 6379", LogEvent::LeaderElected { about: name("A") })]
    #[case::selected("+selected-slave slave 10.128.0.3:6379 10.128.0.3 6379 @ A 10.128.0.2 6379",
                     LogEvent::ReplicaSelected { chosen: name("A1") })]
    #[case::switched("+switch-master A 10.128.0.2 6379 10.128.0.3 6379", LogEvent::MasterSwitched { from: name("A"), to: name("A1") })]
    #[case::aborted("-failover-abort-no-good-slave master A 10.128.0.2 6379",
                    LogEvent::FailoverBlocked { reason: "no good slave".to_owned() })]
    #[case::aborted_valkey_9("-failover-abort-master-timeout master A 10.128.0.2 6379",
                             LogEvent::FailoverBlocked { reason: "master timeout".to_owned() })]
    #[case::of_a_server(
        "MASTER MODE enabled (user request from 'id=6 name=sentinel-00000000-cmd')",
        LogEvent::MadeMaster
    )]
    fn understood(#[case] text: &str, #[case] says_so: LogEvent) {
        assert_eq!(says(text, &names()), Some(says_so));
    }

    #[rstest]
    #[case::a_stranger("+sdown master A 10.9.9.9 6379")]
    #[case::cut("+switch-master A 10.128.0.2 6379 10.128.0.3")]
    #[case::another_event("+failover-state-select-slave master A 10.128.0.2 6379")]
    #[case::new_configuration("Sentinel new configuration saved on disk")]
    fn not_understood(#[case] text: &str) {
        assert_eq!(says(text, &names()), None);
    }

    /// The names of the nodes of `fixtures/recordings/sentinel.ron`.
    fn recorded_names() -> Names {
        let recorded: Sentinel = ron::from_str("(replicas: 2, sentinels: 4, quorum: 2)").unwrap();
        Names::new(recorded.nodes().into_iter().map(|node| (node.name, node.id, node.address)))
    }

    #[rstest]
    fn recorded_logs(
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
        #[values("A", "A1", "A2", "S1", "S2", "S3", "S4")] node: &str,
    ) {
        let names = recorded_names();
        assert_understood(&format!("logs/{server}/sentinel"), node, |text| says(text, &names));
    }

    /// Each phase that a failover has is told of by some log of every version.
    #[rstest]
    #[case::down(&["S1", "S2"], LogEvent::SubjectivelyDown { about: name("A") })]
    #[case::quorum(&["S1", "S2"], LogEvent::ObjectivelyDown { about: name("A") })]
    #[case::tried(&["S1", "S2"], LogEvent::FailoverTried { about: name("A") })]
    #[case::elected(&["S1", "S2", "S3", "S4"], LogEvent::LeaderElected { about: name("A") })]
    #[case::selected(&["S1", "S2", "S3", "S4"], LogEvent::ReplicaSelected { chosen: name("A1") })]
    #[case::promoted(&["A1"], LogEvent::MadeMaster)]
    #[case::switched(&["S1"], LogEvent::MasterSwitched { from: name("A"), to: name("A1") })]
    #[case::follows(&["A2"], LogEvent::Demoted { master: name("A1") })]
    #[case::back(&["S1"], LogEvent::FailCleared { about: name("A") })]
    #[case::nobody_left(&["S1", "S2", "S3", "S4"], LogEvent::FailoverBlocked { reason: "no good slave".to_owned() })]
    #[case::no_majority(&["S1", "S2"], LogEvent::FailoverBlocked { reason: "not elected".to_owned() })]
    fn every_phase_is_recognised(
        #[case] in_logs_of: &[&str],
        #[case] phase: LogEvent,
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
    ) {
        let names = recorded_names();
        let told = |node: &&str| understood_lines(&format!("logs/{server}/sentinel"), node, |text| says(text, &names));
        let mut events = in_logs_of.iter().flat_map(told);
        assert!(events.any(|(_, _, event)| event == phase), "no log of {in_logs_of:?} says {phase:?}");
    }

    proptest! {
        #[test]
        fn hostile_lines_never_panic(text in "([+-](sdown|switch-master|vote-for-leader) )?\\PC*") {
            let _ = says(&text, &names());
        }
    }
}
