//! Reads how a server fares: the replies to `INFO` and `INFO commandstats`.
//!
//! Pure text in, figures out. Redis 6.2 to 8.0 and Valkey 8.0 to 9.1 call the fields alike; one that a version lacks gives no figure.

use crate::evidence::{Figure, Figures};

/// The questions, which are one round trip: Redis 6.2 takes one section at a time, and the usual ones have no command statistics.
/// These come first, so that nothing counts in them that does not count in all commands.
pub(super) const QUESTIONS: &[&[&str]] = &[&["INFO", "commandstats"], &["INFO"]];

/// What `INFO` calls a figure.
const FIELDS: [(&str, Figure); 22] = [
    ("process_id", Figure::ProcessId),
    ("used_memory", Figure::MemoryUsedBytes),
    ("used_memory_rss", Figure::MemoryResidentBytes),
    ("connected_clients", Figure::Clients),
    ("blocked_clients", Figure::ClientsBlocked),
    ("total_connections_received", Figure::ConnectionsAccepted),
    ("rejected_connections", Figure::ConnectionsRejected),
    ("total_commands_processed", Figure::Commands),
    ("evicted_keys", Figure::KeysEvicted),
    ("expired_keys", Figure::KeysExpired),
    ("keyspace_hits", Figure::KeyHits),
    ("keyspace_misses", Figure::KeyMisses),
    ("total_net_input_bytes", Figure::NetworkInBytes),
    ("total_net_output_bytes", Figure::NetworkOutBytes),
    ("master_repl_offset", Figure::ReplicationOffsetBytes),
    ("sync_full", Figure::SyncsFull),
    ("sync_partial_ok", Figure::SyncsPartial),
    ("sync_partial_err", Figure::SyncsPartialRefused),
    ("rdb_bgsave_in_progress", Figure::RdbSaving),
    ("aof_rewrite_in_progress", Figure::AofRewriting),
    ("used_cpu_user", Figure::CpuUserMs),
    ("used_cpu_sys", Figure::CpuSystemMs),
];

/// The commands that nobody but the harness asks: here, and for its views. Before Redis 7.0 all of `CLUSTER` is one command, and
/// the few by which clients learn the map count with it.
const OWN_COMMANDS: [&str; 4] = ["cmdstat_info", "cmdstat_cluster", "cmdstat_cluster|nodes", "cmdstat_cluster|info"];

/// The figures in the replies to [`QUESTIONS`].
pub(super) fn figures(command_statistics: &str, info: &str) -> Figures {
    let mut figures = Figures::default();
    for (name, value) in info.lines().filter_map(|line| line.split_once(':')) {
        let field = FIELDS.iter().find(|(field, _)| *field == name);
        let number = value.trim_end().parse::<f64>();
        if let (Some((_, figure)), Ok(number)) = (field, number) {
            // A line that stands twice is no sum.
            if figures.get(*figure).is_none() {
                figures.set(*figure, in_units_of(*figure, number));
            }
        }
    }
    if let Some(all) = figures.get(Figure::Commands) {
        figures.set(Figure::Commands, (all - own_commands(command_statistics)).max(0.0));
    }
    if let Some(keys) = keys(info) {
        figures.set(Figure::Keys, keys);
    }
    figures
}

/// `INFO` tells processor time in seconds, to the microsecond.
fn in_units_of(figure: Figure, number: f64) -> f64 {
    if matches!(figure, Figure::CpuUserMs | Figure::CpuSystemMs) { (number * 1e6).round() / 1e3 } else { number }
}

/// How often the harness's own commands were executed; a line is `cmdstat_info:calls=21,usec=44,...`.
fn own_commands(statistics: &str) -> f64 {
    let lines = statistics.lines().filter_map(|line| line.split_once(":calls="));
    let own = lines.filter(|(name, _)| OWN_COMMANDS.contains(name));
    own.filter_map(|(_, rest)| rest.split(',').next()?.parse::<u64>().ok()).map(|calls| calls as f64).sum()
}

/// The keys of the one database that a cluster has; a line is `db0:keys=10,expires=0,avg_ttl=0`, and there is none without keys.
fn keys(info: &str) -> Option<f64> {
    let (_, keyspace) = info.split_once("# Keyspace")?;
    let line = keyspace.lines().find_map(|line| line.strip_prefix("db0:keys="));
    line.map_or(Some(0.0), |line| Some(line.split(',').next()?.parse::<u64>().ok()? as f64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::system::testing::fixture;

    /// What a server replied to the questions, after ten times SET, a GET, an ADDSLOTSRANGE, and some of the harness's own questions.
    fn recorded() -> Figures {
        let text = std::fs::read_to_string(fixture("info/redis-7.0.txt")).unwrap();
        let (statistics, info) = text.split_once("=== INFO\n").unwrap();
        figures(statistics, info)
    }

    #[rstest]
    #[case(Figure::ProcessId, 3_210.0)]
    #[case(Figure::MemoryUsedBytes, 1_779_072.0)]
    #[case(Figure::MemoryResidentBytes, 7_475_200.0)]
    #[case(Figure::Clients, 3.0)]
    #[case(Figure::NetworkInBytes, 492.0)]
    #[case::without_our_own(Figure::Commands, 10.0 + 1.0 + 1.0 + 1.0)]
    #[case(Figure::Keys, 10.0)]
    #[case(Figure::KeyMisses, 1.0)]
    #[case::seconds(Figure::CpuUserMs, 9.168)]
    #[case(Figure::RdbSaving, 0.0)]
    fn a_recorded_server_fares_so(#[case] figure: Figure, #[case] expected: f64) {
        let number = recorded().get(figure).unwrap();
        assert!((number - expected).abs() < 1e-9, "{number}");
    }

    #[test]
    fn a_recorded_server_tells_everything() {
        let figures = recorded();
        let untold: Vec<_> = FIELDS.iter().filter(|(_, figure)| figures.get(*figure).is_none()).collect();
        assert!(untold.is_empty(), "{untold:?}");
    }

    /// Redis 6.2 has one line for all of `CLUSTER`; Valkey 9 has databases that say more, and other lines beside them.
    #[rstest]
    #[case::redis_6_2("cmdstat_cluster:calls=30,usec=9,usec_per_call=3.00,rejected_calls=0,failed_calls=0", 70.0)]
    #[case::redis_7("cmdstat_cluster|nodes:calls=20,usec=9\r\ncmdstat_cluster|slots:calls=5,usec=9\r\n", 80.0)]
    #[case::valkey("cmdstat_info:calls=20,usec=9\r\ncmdstat_cluster|info:calls=10\r\ncmdstat_get:calls=7", 70.0)]
    #[case::no_statistics("", 100.0)]
    #[case::more_than_there_were("cmdstat_info:calls=101", 0.0)]
    fn the_harness_own_commands_do_not_count(#[case] statistics: &str, #[case] expected: f64) {
        assert_eq!(figures(statistics, "total_commands_processed:100\r\n").get(Figure::Commands), Some(expected));
    }

    #[rstest]
    #[case::none("# Keyspace\r\n", Some(0.0))]
    #[case::some("# Keyspace\r\ndb0:keys=7,expires=1,avg_ttl=0,subexpiry=0\r\n", Some(7.0))]
    #[case::valkey_9("# Keyspace\r\ndb0:keys=7,expires=1,avg_ttl=0,keys_with_volatile_items=0\r\n", Some(7.0))]
    #[case::another_database("# Keyspace\r\ndb1:keys=7,expires=1\r\n", Some(0.0))]
    #[case::not_told("# Stats\r\n", None)]
    #[case::nonsense("# Keyspace\r\ndb0:keys=many", None)]
    fn keys_are_those_of_the_database(#[case] info: &str, #[case] expected: Option<f64>) {
        assert_eq!(figures("", info).get(Figure::Keys), expected);
    }

    #[rstest]
    #[case::missing("connected_clients:2", None)]
    #[case::empty("used_memory:", None)]
    #[case::no_number("used_memory:1.65M", None)]
    #[case::negative("used_memory:-1", None)]
    #[case::endless("used_memory:inf", None)]
    #[case::twice("used_memory:5\nused_memory:6", Some(5.0))]
    fn what_a_server_does_not_tell_is_left_out(#[case] info: &str, #[case] expected: Option<f64>) {
        assert_eq!(figures("", info).get(Figure::MemoryUsedBytes), expected);
    }

    proptest! {
        #[test]
        fn hostile_replies_do_no_harm(
            info in "(used_memory:|total_commands_processed:|# Keyspace\n|db0:keys=|[0-9eE.+-]|inf|\\PC|\r?\n)*",
            statistics in "(cmdstat_info|:calls=|[0-9-]|,|\\PC|\n)*",
        ) {
            prop_assert_eq!(figures(&statistics, &info).implausible(), None);
        }
    }
}
