//! Figures and error kinds in words.

use std::collections::BTreeMap;

use crate::evidence::{ConnectionTotals, ErrorKind, IdleTotals, LoadTotals};
use crate::vocab::Size;

/// Times in which idle connections were missing that are told one by one.
const IDLE_OUTAGES_SHOWN: usize = 3;

/// A count with a comma between thousands: `18,000`.
pub(super) fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Milliseconds with as many decimals as mean something: `0.21 ms`, `25.1 ms`, `2,512 ms`.
pub(super) fn millis(milliseconds: f64) -> String {
    let sign = if milliseconds < 0.0 { "-" } else { "" };
    let size = milliseconds.abs();
    if milliseconds == 0.0 {
        "0 ms".to_owned()
    } else if size < 10.0 {
        format!("{sign}{size:.2} ms")
    } else if size < 100.0 {
        format!("{sign}{size:.1} ms")
    } else {
        format!("{sign}{} ms", count(whole(size)))
    }
}

/// A rate: `1,998/s`.
pub(super) fn rate(per_second: f64) -> String {
    if per_second < 10.0 { format!("{per_second:.1}/s") } else { format!("{}/s", count(whole(per_second))) }
}

/// A count that is a figure: `18,000`.
pub(super) fn count_of(number: f64) -> String {
    count(whole(number))
}

/// A size: `1.5 MiB`.
pub(super) fn bytes(number: f64) -> String {
    Size { bytes: whole(number) }.to_string()
}

/// A share: `9.4 %`.
pub(super) fn percent(number: f64) -> String {
    format!("{number:.1} %")
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rounded figure for people")]
fn whole(number: f64) -> u64 {
    number.round().max(0.0) as u64
}

/// `A`, `A and B`, `A, B and C`.
pub(super) fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    let mut items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    match items.pop() {
        None => String::new(),
        Some(last) if items.is_empty() => last,
        Some(last) => format!("{} and {last}", items.join(", ")),
    }
}

/// `18,003 demanded, 17,000 ok, 0 fail, 3 unknown, 1,000 never begun`.
pub(super) fn outcomes(totals: &LoadTotals) -> String {
    let [demanded, ok, fail, unknown] = [totals.demanded(), totals.ok, totals.fail, totals.unknown].map(count);
    let rare = |number: u64, what: &str| if number > 0 { format!(", {} {what}", count(number)) } else { String::new() };
    let (never_begun, dropped) = (rare(totals.not_started, "never begun"), rare(totals.dropped, "dropped"));
    format!("{demanded} demanded, {ok} ok, {fail} fail, {unknown} unknown{never_begun}{dropped}")
}

/// `96 opened, 2 lost (1 closed, 1 reset), 30 refused (30 max clients); 1.5 MiB sent, 900 KiB received`.
pub(super) fn connections(totals: &ConnectionTotals) -> String {
    let ConnectionTotals { opened, refused, lost, given_up, bytes_sent, bytes_received } = totals;
    let by_kind = |kinds: &BTreeMap<ErrorKind, u64>, what: &str| {
        let each: Vec<_> =
            kinds.iter().map(|(kind, number)| format!("{} {}", count(*number), error_in_words(*kind).0)).collect();
        let all = count(kinds.values().sum());
        if each.is_empty() { String::new() } else { format!(", {all} {what} ({})", each.join(", ")) }
    };
    let given_up = if *given_up > 0 { format!(", {} given up", count(*given_up)) } else { String::new() };
    let [sent, received] = [bytes_sent, bytes_received].map(|number| Size { bytes: *number }.to_string());
    let (lost, refused) = (by_kind(lost, "lost"), by_kind(refused, "refused"));
    format!("{} opened{lost}{given_up}{refused}; {sent} sent, {received} received", count(*opened))
}

/// `5,000 idle connections, all open after 812 ms; 1 time some were missing, at worst 3,334 open, all back after 3,210 ms`.
pub(super) fn idle(totals: &IdleTotals) -> String {
    let IdleTotals { wanted, open, began, complete, outages } = totals;
    let Some(complete) = complete else {
        return format!(
            "{} wanted, never all open; {} open at the end",
            count((*wanted).into()),
            count((*open).into())
        );
    };
    let missing = outages.iter().map(|outage| {
        let lasted = outage.ended.map_or("never all back".to_owned(), |ended| {
            format!("all back after {}", millis(ended.millis_since(outage.began)))
        });
        format!("; at worst {} open, {lasted}", count(outage.least.into()))
    });
    // More of them would be no sentence any more.
    let more = outages.len().saturating_sub(IDLE_OUTAGES_SHOWN);
    let more = if more > 0 { format!("; {} more such times", count(more as u64)) } else { String::new() };
    let missing: String = missing.take(IDLE_OUTAGES_SHOWN).collect();
    format!("{}, all open after {}{missing}{more}", count((*wanted).into()), millis(complete.millis_since(*began)))
}

/// The short name of an error and what it means to a client.
pub(super) fn error_in_words(kind: ErrorKind) -> (&'static str, &'static str) {
    match kind {
        ErrorKind::Moved => ("MOVED", "the key belongs to another node: the client's map was out of date"),
        ErrorKind::Ask => {
            ("ASK", "the key's part of the shard is on its way to another node, and this key is there already")
        }
        ErrorKind::ClusterDown => ("CLUSTERDOWN", "the node refused: keys without a live owner, or no majority"),
        ErrorKind::TryAgain => ("TRYAGAIN", "keys of one command are on two nodes while they move"),
        ErrorKind::Loading => ("LOADING", "the server is reading its data set into memory"),
        ErrorKind::ReadOnly => ("READONLY", "a write was sent to a replica"),
        ErrorKind::MasterDown => ("MASTERDOWN", "a replica lost its master and may not serve stale data"),
        ErrorKind::OutOfMemory => ("OOM", "the write would exceed maxmemory"),
        ErrorKind::NoReplicas => ("NOREPLICAS", "fewer good replicas than min-replicas-to-write"),
        ErrorKind::OtherReply => ("error reply", "an error reply of another kind"),
        ErrorKind::Refused => ("refused", "nothing listened at the address: the server is gone"),
        ErrorKind::NotConnected => ("not connected", "no connection within the client's timeout"),
        ErrorKind::TimedOut => ("timed out", "sent, but no reply within the client's timeout: may have been executed"),
        ErrorKind::Closed => ("closed", "the server closed the connection before it replied"),
        ErrorKind::Reset => ("reset", "reset before the reply: the server or its host died, or a link is rejected"),
        ErrorKind::WaitShort => ("WAIT short", "written, but fewer replicas than asked acknowledged in time"),
        ErrorKind::NoRoute => ("no route", "the client knew no node for the key"),
        ErrorKind::Protocol => ("protocol", "the answer was not RESP"),
        ErrorKind::Unreachable => {
            ("unreachable", "the network said at once that nobody can be reached: a rejected link")
        }
        ErrorKind::KeysApart => {
            ("CROSSSLOT", "the keys of one command do not lie together: give them a hash tag in common")
        }
        ErrorKind::Conflict => ("conflict", "EXEC did nothing, since a watched key had changed"),
        ErrorKind::NotStarted => ("never begun", "due, but still waiting when the load was stopped"),
        ErrorKind::WrongPassword => ("WRONGPASS", "the server knows no such user, or another password"),
        ErrorKind::NotAuthenticated => ("NOAUTH", "the server wants a password, and the client said none"),
        ErrorKind::NoPermission => ("NOPERM", "the user may not use this command or key"),
        ErrorKind::MaxClients => ("max clients", "the server has as many connections as its maxclients allows"),
        ErrorKind::Tls => ("TLS", "no TLS with the server: one does not trust the other, or speaks something else"),
        ErrorKind::NoFreeConnection => {
            ("pool exhausted", "no free connection in the client's pool before the attempt's time was over: not sent")
        }
        ErrorKind::LockHeld => {
            ("lock held", "somebody else holds the lock on so many masters that no majority is left")
        }
        ErrorKind::NotMaster => ("no master", "the node that sentinels had named says that it is no master: not sent"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(0, "0")]
    #[case(999, "999")]
    #[case(18_000, "18,000")]
    #[case(1_234_567, "1,234,567")]
    fn counts_have_commas(#[case] number: u64, #[case] text: &str) {
        assert_eq!(count(number), text);
    }

    #[rstest]
    #[case(0, 0, "1,003 demanded, 1,000 ok, 1 fail, 2 unknown")]
    #[case(4_000, 5, "5,003 demanded, 1,000 ok, 1 fail, 2 unknown, 4,000 never begun, 5 dropped")]
    fn what_was_not_done_is_told(#[case] not_started: u64, #[case] dropped: u64, #[case] text: &str) {
        let totals = LoadTotals { ok: 1_000, fail: 1, unknown: 2, not_started, dropped, ..LoadTotals::default() };
        assert_eq!(outcomes(&totals), text);
    }

    #[test]
    fn what_became_of_idle_connections_is_told() {
        use crate::vocab::Instant;
        let mut totals = IdleTotals::new(2, Instant::from_millis(100));
        assert_eq!(idle(&totals), "2 wanted, never all open; 0 open at the end");
        for at in [150, 300] {
            totals.opened(Instant::from_millis(at));
        }
        assert_eq!(idle(&totals), "2, all open after 200 ms");
        for at in [400, 600, 800, 1_000] {
            totals.lost(Instant::from_millis(at));
            totals.opened(Instant::from_millis(at + 100));
        }
        totals.lost(Instant::from_millis(2_000));
        let each = "; at worst 1 open, all back after 100 ms".repeat(3);
        assert_eq!(idle(&totals), format!("2, all open after 200 ms{each}; 2 more such times"));
    }

    #[test]
    fn what_became_of_connections_is_told() {
        let mut totals = ConnectionTotals { opened: 1_200, bytes_sent: 3 << 20, ..ConnectionTotals::default() };
        assert_eq!(connections(&totals), "1,200 opened; 3.0 MiB sent, 0 B received");
        totals.lost = BTreeMap::from([(ErrorKind::Closed, 2), (ErrorKind::Reset, 1)]);
        totals.refused = BTreeMap::from([(ErrorKind::MaxClients, 9)]);
        totals.given_up = 4;
        let told = "1,200 opened, 3 lost (2 closed, 1 reset), 4 given up, 9 refused (9 max clients); 3.0 MiB sent, 0 B received";
        assert_eq!(connections(&totals), told);
    }

    #[rstest]
    #[case(0.0, "0 ms")]
    #[case(0.214, "0.21 ms")]
    #[case(25.06, "25.1 ms")]
    #[case(2_512.4, "2,512 ms")]
    #[case(-3.0, "-3.00 ms")]
    fn milliseconds_fit_their_size(#[case] number: f64, #[case] text: &str) {
        assert_eq!(millis(number), text);
    }

    #[rstest]
    #[case(&["A"], "A")]
    #[case(&["A", "B", "C"], "A, B and C")]
    #[case(&[], "")]
    fn lists_read_well(#[case] items: &[&str], #[case] text: &str) {
        assert_eq!(list(items), text);
    }
}
