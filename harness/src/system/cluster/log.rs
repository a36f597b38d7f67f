//! Which lines of a server's log speak of a failover or of the cluster's state, and what they say.
//!
//! Pure text in, values out. The wording was read from recorded logs of Redis 6.2, 7.0 and 8.0 and Valkey 8.0 and 9.1
//! (`fixtures/logs`). The level is never looked at: the same line has had different levels in different versions.

use crate::evidence::LogEvent;
use crate::system::Names;
use crate::system::log::sync;
use crate::vocab::NodeName;

/// The digits of a node id (`CLUSTER_NAMELEN`, Redis `cluster.h`).
const ID_DIGITS: usize = 40;

/// What a log line says about whether a replica's data is too old for an election; none if nothing. (Redis 7.0 `cluster.c`,
/// `clusterLogCantFailover`; a replica that says so will not change its mind before it has heard of its master again.)
pub(super) fn data_too_old(says: &LogEvent) -> Option<bool> {
    match says {
        LogEvent::FailoverBlocked { reason } if reason.contains("for longer than allowed") => Some(true),
        LogEvent::ElectionDelayed { .. }
        | LogEvent::ElectionStarted { .. }
        | LogEvent::FullResync
        | LogEvent::PartialResync
        | LogEvent::Demoted { .. } => Some(false),
        _ => None,
    }
}

/// What the text of a line says, if it is one of those that are understood.
pub(super) fn says(text: &str, names: &Names) -> Option<LogEvent> {
    // Redis sets its debug lines about suspects off with stars.
    let text = text.strip_prefix("*** ").unwrap_or(text);
    failure(text, names).or_else(|| election(text, names)).or_else(|| change(text, names)).or_else(|| sync(text))
}

fn failure(text: &str, names: &Names) -> Option<LogEvent> {
    if let Some(rest) = text.strip_prefix("NODE ") {
        let (about, rest) = node(rest, names)?;
        rest.starts_with(" possibly failing").then_some(LogEvent::PossiblyFailing { about })
    } else if let Some(rest) = text.strip_prefix("Node ") {
        let (by, rest) = node(rest, names)?;
        let (about, rest) = node(rest.strip_prefix(" reported node ")?, names)?;
        rest.starts_with(" as not reachable").then_some(LogEvent::ReportedFailing { by, about })
    } else if let Some(rest) = text.strip_prefix("Marking node ") {
        let (about, rest) = node(rest, names)?;
        rest.starts_with(" as failing").then_some(LogEvent::MarkedFailing { about })
    } else if let Some(rest) = text.strip_prefix("FAIL message received from ") {
        let (by, rest) = node(rest, names)?;
        let (about, _) = node(rest.strip_prefix(" about ")?, names)?;
        Some(LogEvent::ToldFailing { by, about })
    } else {
        let (about, _) = node(text.strip_prefix("Clear FAIL state for node ")?, names)?;
        Some(LogEvent::FailCleared { about })
    }
}

fn election(text: &str, names: &Names) -> Option<LogEvent> {
    if let Some(rest) = text.strip_prefix("Start of election delayed for ") {
        let (delay_ms, rest) = number(rest)?;
        let (rank, _) = number(rest.strip_prefix(" milliseconds (rank #")?)?;
        Some(LogEvent::ElectionDelayed { delay_ms, rank: u32::try_from(rank).ok()? })
    } else if let Some(rest) = text.strip_prefix("Starting a failover election for epoch ") {
        Some(LogEvent::ElectionStarted { version: number(rest)?.0 })
    } else if let Some(rest) = text.strip_prefix("Failover auth granted to ") {
        let (to, rest) = node(rest, names)?;
        Some(LogEvent::VoteGranted { to, version: number(rest.strip_prefix(" for epoch ")?)?.0 })
    } else if text.starts_with("Failover election won: ") {
        Some(LogEvent::ElectionWon)
    } else {
        let reason = text.strip_prefix("Currently unable to failover: ")?;
        Some(LogEvent::FailoverBlocked { reason: reason.to_owned() })
    }
}

fn change(text: &str, names: &Names) -> Option<LogEvent> {
    if let Some(state) = text.strip_prefix("Cluster state changed: ") {
        return match state {
            "ok" => Some(LogEvent::StateChanged { ok: true }),
            "fail" => Some(LogEvent::StateChanged { ok: false }),
            _ => None,
        };
    }
    let rest = text.strip_prefix("Configuration change detected. Reconfiguring myself as a replica of ")?;
    let (master, _) = node(rest.strip_prefix("node ").unwrap_or(rest), names)?;
    Some(LogEvent::Demoted { master })
}

/// A node as a log names it: `ID` up to Redis 7.0, `ID (name)` from 7.2, `ID (ip:port)` in Valkey 9.
fn node<'a>(text: &'a str, names: &Names) -> Option<(NodeName, &'a str)> {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    if digits != ID_DIGITS {
        return None;
    }
    let (id, rest) = text.split_at(digits);
    let rest = rest.strip_prefix(" (").and_then(|named| named.split_once(')')).map_or(rest, |(_, rest)| rest);
    Some((names.of_id(id).cloned().unwrap_or_else(|| NodeName::new(id)), rest))
}

fn number(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::system::cluster::testing::{recorded_ids, recorded_names};
    use crate::system::log::parse;
    use crate::system::testing::assert_understood;
    use crate::vocab::{Address, NodeId};

    const ID_A: &str = "8d7a65ceb0fc30c5c75da9cc84a1c8c919119003";
    const ID_B: &str = "a7c17dc005b8c201973bd5d65ce5d3fbd0e8270e";
    const UNKNOWN: &str = "257a1037b2c1b038abc01182e398779ce762f15a";

    fn names() -> Names {
        let node = |name: &str, id: &str, address: &str| {
            (NodeName::new(name), NodeId(id.to_owned()), Address(address.parse().unwrap()))
        };
        Names::new([node("A", ID_A, "10.128.0.2:6379"), node("B", ID_B, "10.128.0.3:6379")])
    }

    fn event(text: &str) -> Option<LogEvent> {
        let text = text.replace("<a>", ID_A).replace("<b>", ID_B).replace("<c>", UNKNOWN);
        let line = format!("13797:S 20 Nov 2026 12:13:09.850 * {text}");
        parse(line.as_bytes(), |text| says(text, &names())).map(|(_, event)| event)
    }

    fn name(name: &str) -> NodeName {
        NodeName::new(name)
    }

    #[rstest]
    #[case::redis_7_0("*** NODE <b> possibly failing", LogEvent::PossiblyFailing { about: name("B") })]
    #[case::redis_8("*** NODE <b> () possibly failing", LogEvent::PossiblyFailing { about: name("B") })]
    #[case::valkey_9("NODE <b> (10.128.0.3:6379) possibly failing.", LogEvent::PossiblyFailing { about: name("B") })]
    #[case::reported("Node <a> reported node <b> as not reachable.",
                     LogEvent::ReportedFailing { by: name("A"), about: name("B") })]
    #[case::reported_named("Node <a> (n-1.x) reported node <b> () as not reachable.",
                           LogEvent::ReportedFailing { by: name("A"), about: name("B") })]
    #[case::unknown("Marking node <c> as failing (quorum reached).", LogEvent::MarkedFailing { about: name(UNKNOWN) })]
    #[case::told("FAIL message received from <a> () about <b> ()",
                 LogEvent::ToldFailing { by: name("A"), about: name("B") })]
    #[case::delayed("Start of election delayed for 598 milliseconds (rank #1, offset 61).",
                    LogEvent::ElectionDelayed { delay_ms: 598, rank: 1 })]
    #[case::delayed_valkey_8_1("Start of election delayed for 0 milliseconds (rank #0, primary rank #2, offset 61).",
                               LogEvent::ElectionDelayed { delay_ms: 0, rank: 0 })]
    #[case::started("Starting a failover election for epoch 4.", LogEvent::ElectionStarted { version: 4 })]
    #[case::started_valkey_8_1("Starting a failover election for epoch 4, node config epoch is 1",
                               LogEvent::ElectionStarted { version: 4 })]
    #[case::vote("Failover auth granted to <a> for epoch 5", LogEvent::VoteGranted { to: name("A"), version: 5 })]
    #[case::vote_named("Failover auth granted to <a> () for epoch 5", LogEvent::VoteGranted { to: name("A"), version: 5 })]
    #[case::won("Failover election won: I'm the new master.", LogEvent::ElectionWon)]
    #[case::won_valkey("Failover election won: I'm the new primary.", LogEvent::ElectionWon)]
    #[case::blocked("Currently unable to failover: Waiting for votes, but majority still not reached.",
                    LogEvent::FailoverBlocked {
                        reason: "Waiting for votes, but majority still not reached.".to_owned() })]
    #[case::demoted("Configuration change detected. Reconfiguring myself as a replica of <a>",
                    LogEvent::Demoted { master: name("A") })]
    #[case::demoted_valkey("Configuration change detected. Reconfiguring myself as a replica of node <a> () in shard <b>",
                           LogEvent::Demoted { master: name("A") })]
    #[case::ok("Cluster state changed: ok", LogEvent::StateChanged { ok: true })]
    #[case::fail("Cluster state changed: fail", LogEvent::StateChanged { ok: false })]
    #[case::cleared("Clear FAIL state for node <b>: replica is reachable again.",
                    LogEvent::FailCleared { about: name("B") })]
    #[case::cleared_redis_8("Clear FAIL state for node <b> ():master without slots is reachable again.",
                            LogEvent::FailCleared { about: name("B") })]
    #[case::sync("MASTER <-> REPLICA sync started", LogEvent::SyncStarted)]
    #[case::sync_valkey("PRIMARY <-> REPLICA sync started", LogEvent::SyncStarted)]
    #[case::full("Full resync from master: 79c42023df3032080fb9c2e1780d30af4be4a1a2:0", LogEvent::FullResync)]
    #[case::full_valkey("Full resync from primary: 79c42023df3032080fb9c2e1780d30af4be4a1a2:0", LogEvent::FullResync)]
    #[case::full_redis_8("PSYNC is not possible, initialize RDB channel.", LogEvent::FullResync)]
    #[case::partial("Successful partial resynchronization with master.", LogEvent::PartialResync)]
    #[case::finished("PRIMARY <-> REPLICA sync: Finished with success", LogEvent::SyncFinished)]
    fn understood(#[case] text: &str, #[case] says: LogEvent) {
        assert_eq!(event(text), Some(says));
    }

    #[rstest]
    #[case::back("Node <a> reported node <b> is back online.")]
    #[case::old_slots("Node <a> has old slots configuration, sending an UPDATE message about <b>")]
    #[case::other_sync("MASTER <-> REPLICA sync: Flushing old data")]
    #[case::masters_side("Full resync requested by replica 10.128.0.3:6379")]
    #[case::denied("Failover auth denied to <a>: reqEpoch (4) < curEpoch(5)")]
    #[case::short_id("Marking node 257a1037 as failing (quorum reached).")]
    #[case::cut("Failover auth granted to <a> for epoch ")]
    #[case::state_of_the_future("Cluster state changed: splendid")]
    fn not_understood(#[case] text: &str) {
        assert_eq!(event(text), None);
    }

    #[rstest]
    #[case::plain("1:M 20 Nov 2026 12:13:09.850 # Cluster state changed: ok", Some(1_795_176_789_850_000))]
    #[case::leap_day("1:M 29 Feb 2024 00:00:00.001 # Cluster state changed: ok", Some(1_709_164_800_001_000))]
    #[case::carriage_return("1:M 20 Nov 2026 12:13:09.850 # Cluster state changed: ok\r", Some(1_795_176_789_850_000))]
    #[case::no_such_day("1:M 31 Feb 2026 12:13:09.850 # Cluster state changed: ok", None)]
    #[case::no_such_second("1:M 20 Nov 2026 12:13:61.850 # Cluster state changed: ok", None)]
    #[case::negative("1:M 20 Nov 2026 12:13:09.-50 # Cluster state changed: ok", None)]
    #[case::no_pid(":M 20 Nov 2026 12:13:09.850 # Cluster state changed: ok", None)]
    #[case::banner("  `-._    `-._  `-./  _.-'    _.-'  Port: 6379", None)]
    #[case::not_a_log_line("Cluster state changed: ok", None)]
    fn times(#[case] line: &str, #[case] unix_us: Option<i64>) {
        assert_eq!(parse(line.as_bytes(), |text| says(text, &names())).map(|(unix_us, _)| unix_us), unix_us);
    }

    #[rstest]
    fn recorded_logs(
        #[values("redis-6.2", "redis-7.0", "redis-8.0", "valkey-8.0", "valkey-8.1", "valkey-9.1")] server: &str,
        #[values("A", "B", "C", "A1", "B1", "C1")] node: &str,
    ) {
        let mut names = recorded_names(server);
        let (wiped, present, _) = recorded_ids(server).pop().unwrap();
        names.learn(&wiped, &present);
        assert_understood(&format!("logs/{server}"), node, |text| says(text, &names));
    }

    proptest! {
        #[test]
        fn hostile_lines_do_no_harm(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&line, |text| says(text, &names()));
        }

        #[test]
        fn hostile_texts_do_no_harm(
            start in prop::sample::select(vec![
                "NODE ", "Node ", "Marking node ", "FAIL message received from ", "Clear FAIL state for node ",
                "Start of election delayed for ", "Starting a failover election for epoch ",
                "Failover auth granted to ", "Configuration change detected. Reconfiguring myself as a replica of ",
            ]),
            id in "[0-9a-f]{39,41}",
            rest in "( \\(|\\)| reported node | about | for epoch |[0-9]{0,30}|\\PC){0,8}",
        ) {
            let _ = event(&format!("{start}{id}{rest}"));
            let _ = event(&format!("{start}{rest}"));
        }
    }
}
