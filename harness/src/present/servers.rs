//! What each server used, as a table for the terminal.

use super::paint::{BOLD, PLAIN};
use super::table::Table;
use super::words::{bytes, count_of, percent, rate};
use crate::verdict::ServerSummary;

/// Of more servers than this, not each has a line.
const SERVERS_MAX: usize = 12;

/// What stands above the table.
pub(super) fn title(servers: &[ServerSummary]) -> String {
    let shown = if servers.len() > SERVERS_MAX {
        format!(" (of {}, those with the highest)", servers.len())
    } else {
        String::new()
    };
    format!("Servers: peaks, and the network in all{shown}")
}

/// A line for each server, or for each that has a highest figure.
pub(super) fn table(servers: &[ServerSummary]) -> Table {
    let mut table = Table::new(&["node", ">memory", ">clients", ">commands", ">CPU", ">received", ">sent"]);
    for server in worth_showing(servers) {
        let figures = [
            server.peak_memory_bytes.map(bytes),
            server.peak_clients.map(count_of),
            server.peak_commands_per_second.map(rate),
            server.peak_cpu_percent.map(percent),
            server.network_in_bytes.map(bytes),
            server.network_out_bytes.map(bytes),
        ];
        let figures = figures.map(|figure| (figure.unwrap_or_else(|| "-".to_owned()), PLAIN));
        table.row([(server.node.to_string(), BOLD)].into_iter().chain(figures));
        if let Some(lost) = lost(server) {
            table.note(&lost);
        }
    }
    table
}

/// Each of a few servers; of many those with the highest figure of all.
fn worth_showing(servers: &[ServerSummary]) -> Vec<&ServerSummary> {
    if servers.len() <= SERVERS_MAX {
        return servers.iter().collect();
    }
    let figures: [fn(&ServerSummary) -> Option<f64>; 8] = [
        |server| server.peak_memory_bytes,
        |server| server.peak_clients,
        |server| server.peak_commands_per_second,
        |server| server.peak_cpu_percent,
        |server| server.network_in_bytes,
        |server| server.network_out_bytes,
        |server| server.keys_evicted.filter(|keys| *keys > 0.0),
        |server| server.connections_rejected.filter(|connections| *connections > 0.0),
    ];
    // The first of equals: servers that are all alike are one line.
    let highest = |figure: &fn(&ServerSummary) -> Option<f64>| {
        servers
            .iter()
            .rev()
            .filter_map(|server| Some((server, figure(server)?)))
            .max_by(|one, other| one.1.total_cmp(&other.1))
    };
    let highest: Vec<_> = figures.iter().filter_map(highest).map(|(server, _)| &server.node).collect();
    servers.iter().filter(|server| highest.contains(&&server.node)).collect()
}

/// What a server refused or threw away; none if nothing.
fn lost(server: &ServerSummary) -> Option<String> {
    let evicted = server.keys_evicted.filter(|keys| *keys > 0.0);
    let rejected = server.connections_rejected.filter(|connections| *connections > 0.0);
    let lost = [
        evicted.map(|keys| format!("{} keys evicted (maxmemory)", count_of(keys))),
        rejected.map(|connections| format!("{} connections rejected (maxclients)", count_of(connections))),
    ];
    let lost: Vec<_> = lost.into_iter().flatten().collect();
    (!lost.is_empty()).then(|| lost.join(", "))
}

#[cfg(test)]
mod tests {
    use super::super::paint::Look;
    use super::super::sample;
    use super::*;
    use crate::vocab::NodeName;

    #[test]
    fn each_server_is_a_line() {
        let servers = ["A", "A1", "B"].map(sample::server);
        let expected = "  \
            node   memory  clients  commands     CPU   received     sent\n  \
            A     2.3 MiB        6   1,335/s  11.9 %  841.0 KiB  3.1 MiB\n  \
            A1    2.3 MiB        6         -  11.9 %  841.0 KiB  3.1 MiB\n  \
            B     2.3 MiB        6   1,335/s  11.9 %  841.0 KiB  3.1 MiB\n        \
            1,240 keys evicted (maxmemory), 3 connections rejected (maxclients)\n";
        assert_eq!(table(&servers).render(Look::plain()), expected);
        assert_eq!(title(&servers), "Servers: peaks, and the network in all");
    }

    #[test]
    fn of_many_servers_those_with_the_highest_figures_are_shown() {
        let mut servers: Vec<_> = (0..30).map(|shard| sample::server(NodeName::master(shard).as_str())).collect();
        servers[17].peak_cpu_percent = Some(80.0);
        let shown: Vec<_> = worth_showing(&servers).into_iter().map(|server| server.node.to_string()).collect();
        assert_eq!(shown, ["A", "B", "R"], "the first of equals, the one that lost something, the busiest");
        assert!(title(&servers).ends_with(" (of 30, those with the highest)"));
    }
}
