//! The last lines of a server's log, to show where it did not do as it was told.

use crate::provider::Provider;
use crate::vocab::NodeName;

/// The last lines that a node's latest process logged, without those about connections.
pub fn last_log_lines(provider: &dyn Provider, node: &NodeName, count: usize) -> String {
    match provider.log_tail(node) {
        Ok(text) => last_lines(&text, count),
        Err(error) => format!("({error})"),
    }
}

/// Whether a log line is about a connection that opened or closed. Most of those are the harness's own, and they hide
/// what the server did.
fn is_of_connections(line: &str) -> bool {
    [" - Accepted ", " - Client closed connection "].iter().any(|told| line.contains(told))
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().filter(|line| !is_of_connections(line)).collect();
    let last = &lines[lines.len().saturating_sub(count)..];
    if last.is_empty() { "(its log is empty since it was started)".to_owned() } else { last.join("\n") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::nothing("", "(its log is empty since it was started)")]
    #[case::more_than_wanted("1\n2\n3\n", "2\n3")]
    #[case::connections("1\n2\nx - Accepted 10.0.0.1\n3\n", "2\n3")]
    fn connections_are_left_out(#[case] text: &str, #[case] expected: &str) {
        assert_eq!(last_lines(text, 2), expected);
    }
}
