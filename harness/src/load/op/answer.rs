//! What came of an attempt, as its replies say.

use std::net::{Ipv4Addr, SocketAddrV4};

use crate::evidence::{ErrorKind, Value};
use crate::vocab::{Address, Slot};

/// What the replies to one attempt say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptOutcome {
    /// Done, and this is what was written or read.
    Acknowledged(Value),
    /// Surely not executed.
    NotExecuted(ErrorKind),
    /// Surely not executed: another node should be asked.
    Elsewhere(ErrorKind, Redirect),
    /// May have been executed.
    Unknown(ErrorKind),
}

impl AttemptOutcome {
    /// What is known when the exchange broke off: a refusal that had come by then still stands, all else may have
    /// happened once a byte of the request was handed to the socket.
    pub(crate) fn cut_short(self, kind: ErrorKind, handed_over: bool) -> Self {
        match self {
            Self::NotExecuted(_) | Self::Elsewhere(..) => self,
            Self::Acknowledged(_) | Self::Unknown(_) if handed_over => Self::Unknown(kind),
            Self::Acknowledged(_) | Self::Unknown(_) => Self::NotExecuted(kind),
        }
    }
}

/// Where `-MOVED` or `-ASK` sends a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The slot it is about.
    pub(crate) slot: Slot,
    /// The node's address; none when the server does not know its own: it is the address it was asked at.
    ip: Option<Ipv4Addr>,
    port: u16,
}

impl Redirect {
    /// The node's address, told by `responder`.
    pub(crate) fn address(self, responder: Address) -> Address {
        Address(SocketAddrV4::new(self.ip.unwrap_or(responder.ip()), self.port))
    }

    /// Reads `MOVED 3999 10.128.0.3:6379`.
    fn parse(text: &[u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(text).ok()?.split(' ').skip(1);
        let slot = Slot::try_from(words.next()?.parse::<u16>().ok()?).ok()?;
        let (ip, port) = words.next()?.rsplit_once(':')?;
        let ip = if ip.is_empty() { None } else { Some(ip.parse().ok()?) };
        Some(Self { slot, ip, port: port.parse().ok()? })
    }
}

/// What an error reply to a single-key command says.
///
/// The servers check everything that can fail before they execute `SET` or `GET`, so an error reply means that nothing
/// was executed, also one that the harness has no name for (`MISCONF`, `WRONGTYPE`, `NOAUTH`, ...).
pub(crate) fn error_outcome(text: &[u8]) -> AttemptOutcome {
    let kind = error_kind(text);
    match (kind, Redirect::parse(text)) {
        (ErrorKind::Moved | ErrorKind::Ask, Some(redirect)) => AttemptOutcome::Elsewhere(kind, redirect),
        _ => AttemptOutcome::NotExecuted(kind),
    }
}

/// The kind of an error reply, by its first word.
pub(crate) fn error_kind(text: &[u8]) -> ErrorKind {
    match text.split(|&byte| byte == b' ').next().unwrap_or_default() {
        b"MOVED" => ErrorKind::Moved,
        b"ASK" => ErrorKind::Ask,
        b"CLUSTERDOWN" => ErrorKind::ClusterDown,
        b"TRYAGAIN" => ErrorKind::TryAgain,
        b"LOADING" => ErrorKind::Loading,
        b"READONLY" => ErrorKind::ReadOnly,
        b"MASTERDOWN" => ErrorKind::MasterDown,
        b"OOM" => ErrorKind::OutOfMemory,
        b"NOREPLICAS" => ErrorKind::NoReplicas,
        _ => ErrorKind::OtherReply,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("MOVED", ErrorKind::Moved)]
    #[case("CLUSTERDOWN The cluster is down", ErrorKind::ClusterDown)]
    #[case("CLUSTERDOWN Hash slot not served", ErrorKind::ClusterDown)]
    #[case("TRYAGAIN Multiple keys request during rehashing of slot", ErrorKind::TryAgain)]
    #[case("LOADING Redis is loading the dataset in memory", ErrorKind::Loading)]
    #[case("READONLY You can't write against a read only replica.", ErrorKind::ReadOnly)]
    #[case("MASTERDOWN Link with MASTER is down", ErrorKind::MasterDown)]
    #[case("OOM command not allowed when used memory > 'maxmemory'.", ErrorKind::OutOfMemory)]
    #[case("NOREPLICAS Not enough good replicas to write.", ErrorKind::NoReplicas)]
    #[case("MISCONF Redis is configured to save RDB snapshots", ErrorKind::OtherReply)]
    #[case("MOVEDX 1 10.0.0.1:1", ErrorKind::OtherReply)]
    #[case("", ErrorKind::OtherReply)]
    #[case::not_a_slot("MOVED 16384 10.0.0.1:6379", ErrorKind::Moved)]
    #[case::a_hostname("MOVED 1 node.example:6379", ErrorKind::Moved)]
    #[case::no_port("ASK 1 10.0.0.1", ErrorKind::Ask)]
    fn an_error_reply_means_not_executed(#[case] text: &str, #[case] kind: ErrorKind) {
        assert_eq!(error_outcome(text.as_bytes()), AttemptOutcome::NotExecuted(kind));
    }

    #[rstest]
    #[case("MOVED 3999 10.128.0.3:6379", ErrorKind::Moved, 3999, "10.128.0.3:6379")]
    #[case("ASK 7 10.128.0.3:6380", ErrorKind::Ask, 7, "10.128.0.3:6380")]
    #[case::its_own_host("MOVED 0 :6381", ErrorKind::Moved, 0, "10.9.9.9:6381")]
    fn a_redirect_names_slot_and_node(
        #[case] text: &str,
        #[case] kind: ErrorKind,
        #[case] slot: u16,
        #[case] address: &str,
    ) {
        let AttemptOutcome::Elsewhere(got, redirect) = error_outcome(text.as_bytes()) else { panic!("no redirect") };
        let responder = Address::of_host(Ipv4Addr::new(10, 9, 9, 9));
        assert_eq!((got, redirect.slot.number()), (kind, slot));
        assert_eq!(redirect.address(responder).to_string(), address);
    }
}
