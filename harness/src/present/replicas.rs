//! How far each replica was behind its masters, as a table for the terminal.

use super::paint::{BOLD, PLAIN};
use super::table::Table;
use super::words::{count, millis};
use crate::verdict::ReplicaSummary;

/// Of more replicas than this, not each has a line.
const REPLICAS_MAX: usize = 12;

/// What stands above the table.
pub(super) fn title(replicas: &[ReplicaSummary]) -> String {
    let all = replicas.len();
    let shown = if all > REPLICAS_MAX { format!(" (of {all}, the {REPLICAS_MAX} farthest)") } else { String::new() };
    format!("Replicas: until they had what their masters had, at most{shown}")
}

/// A line for each replica, or for those that were the farthest behind.
pub(super) fn table(replicas: &[ReplicaSummary]) -> Table {
    let mut table = Table::new(&["node", ">positions", ">p50", ">p99", ">longest"]);
    let mut farthest: Vec<_> = replicas.iter().map(|replica| replica.longest_ms.unwrap_or(f64::INFINITY)).collect();
    farthest.sort_by(|one, other| other.total_cmp(one));
    let least = farthest.get(REPLICAS_MAX - 1).copied().unwrap_or(0.0);
    let far = replicas.iter().filter(|replica| replica.longest_ms.is_none_or(|longest| longest >= least));
    for replica in far.take(REPLICAS_MAX) {
        let figures = quantiles(replica).map(|figure| (figure, PLAIN));
        let cells = [(replica.node.to_string(), BOLD), (count(replica.positions), PLAIN)];
        table.row(cells.into_iter().chain(figures));
    }
    table
}

/// The median, the 99th percentile and the longest, in words.
pub(super) fn quantiles(replica: &ReplicaSummary) -> [String; 3] {
    [replica.p50_ms, replica.p99_ms, replica.longest_ms].map(|ms| ms.map_or_else(|| "never".to_owned(), millis))
}

#[cfg(test)]
mod tests {
    use super::super::paint::Look;
    use super::super::sample;
    use super::*;

    #[test]
    fn each_replica_is_a_line() {
        let replicas = sample::verdict().replicas;
        let expected = "  \
            node  positions      p50      p99   longest\n  \
            A1          402  9.10 ms  19.8 ms     never\n  \
            B1        1,204  9.10 ms  19.8 ms  1,512 ms\n";
        assert_eq!(table(&replicas).render(Look::plain()), expected);
    }

    #[test]
    fn of_many_replicas_the_farthest_are_shown() {
        let replica = |nth: u32| ReplicaSummary {
            node: format!("R{nth}").as_str().into(),
            positions: 1,
            p50_ms: Some(1.0),
            p99_ms: Some(1.0),
            longest_ms: Some(f64::from(nth)),
        };
        let replicas: Vec<_> = (1..=30).map(replica).collect();
        let text = table(&replicas).render(Look::plain());
        assert!(text.contains("R19 ") && text.contains("R30 ") && !text.contains("R18 "), "{text}");
        assert!(title(&replicas).ends_with(" (of 30, the 12 farthest)"));
    }
}
