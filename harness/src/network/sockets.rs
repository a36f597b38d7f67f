//! Ending the open connections of hosts whose links are rejected.
//!
//! A new connection fails on the sender's unreachable route. An open one does not: TCP treats an unreachable host as a
//! temporary condition and keeps retrying silently (RFC 1122, 4.2.3.9). On request, as `ss --kill` makes it, the kernel
//! ends a host's sockets, and those who use one get `ECONNABORTED`. The reset that the kernel then sends is lost in the
//! cut, so the other host learns nothing; its sockets end only if its own direction is rejected as well.
//!
//! The messages are defined in `linux/netlink.h`, `linux/sock_diag.h` and `linux/inet_diag.h`; they are in the
//! machine's byte order, except addresses and ports. IPv4 connections of IPv6 sockets are not found, but servers open a
//! separate socket for IPv4.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::{AsRawFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::socket::{AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, socket};

use super::ClientHost;
use super::links::{Direction, LinkState, Transition};
use crate::vocab::CutBy;

/// `struct nlmsghdr`: length (u32), type (u16), flags (u16), sequence (u32), port (u32).
const HEADER_BYTES: usize = 16;
/// `struct inet_diag_sockid`: local and remote port (u16, big endian), local and remote address (16 bytes each, of
/// which IPv4 uses the first four), interface (u32), cookie (u64).
const ID_BYTES: usize = 48;
/// `struct inet_diag_req_v2` before its socket: family, protocol, extensions, padding (u8 each), states (u32).
const QUESTION_BYTES: usize = 8;
const REQUEST_BYTES: usize = HEADER_BYTES + QUESTION_BYTES + ID_BYTES;
/// `struct inet_diag_msg` before its socket: family, state, timer, retransmits (u8 each).
const ANSWER_BYTES: usize = 4;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const SOCK_DESTROY: u16 = 21;

const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_DUMP: u16 = 0x300;

const AF_INET: u8 = 2;
const IPPROTO_TCP: u8 = 6;
/// Bits by number, as in `net/tcp_states.h`: all but `TCP_TIME_WAIT` (6), `TCP_CLOSE` (7) and `TCP_LISTEN` (10).
const OPEN_STATES: u32 = 0b1_1011_0011_1110;
/// The timer of a socket in `TIME_WAIT`, whatever state is reported for it.
const TIMER_OF_TIME_WAIT: u8 = 3;

/// The kernel's messages are at most 32 KiB long if the reader's buffer allows it.
const BUFFER_BYTES: usize = 64 * 1024;

/// The hosts whose connections can be ended.
#[derive(Debug)]
pub(in crate::network) struct Sockets(BTreeMap<Ipv4Addr, ClientHost>);

impl Sockets {
    pub(in crate::network) fn of(hosts: impl Iterator<Item = (Ipv4Addr, ClientHost)>) -> Self {
        Self(hosts.collect())
    }

    /// Ends the senders' open connections on all links that are now rejected; returns how many there were. New
    /// connections must be refused before this is called.
    pub(in crate::network) async fn end_rejected(&self, transitions: &[Transition]) -> io::Result<usize> {
        let rejected = transitions.iter().filter(|transition| transition.new.state == LinkState::Cut(CutBy::Reject));
        let mut unreachable: BTreeMap<Ipv4Addr, BTreeSet<Ipv4Addr>> = BTreeMap::new();
        for Transition { direction: Direction { from, to }, .. } in rejected {
            unreachable.entry(*from).or_default().insert(*to);
        }
        let senders = unreachable.into_iter().filter_map(|(from, to)| Some((self.0.get(&from)?.clone(), to)));
        let senders: Vec<_> = senders.collect();
        // To list a host's sockets the kernel goes through those of the whole machine, which may take some
        // milliseconds.
        let ended = tokio::task::spawn_blocking(move || end_between(&senders)).await;
        ended.map_err(io::Error::other)?
    }
}

/// Ends the connections of each host to others. A connection that is ended on both of its hosts counts once.
fn end_between(senders: &[(ClientHost, BTreeSet<Ipv4Addr>)]) -> io::Result<usize> {
    let mut ended = BTreeSet::new();
    for (host, unreachable) in senders {
        let kernel = SocketDiagnosis::of(host)?;
        let mut ended_here = BTreeSet::new();
        // The list comes in parts and may miss a socket if others change meanwhile, so it is repeated until it has no
        // new one.
        while kernel.end_listed(unreachable, &mut ended_here)? {}
        ended.append(&mut ended_here);
    }
    Ok(ended.len())
}

/// A TCP socket, as the kernel identifies it.
struct OpenSocket([u8; ID_BYTES]);

impl OpenSocket {
    fn here(&self) -> SocketAddrV4 {
        self.address(0, 4)
    }

    fn there(&self) -> SocketAddrV4 {
        self.address(2, 20)
    }

    /// Identifies the connection: the same for the sockets on both hosts.
    fn connection(&self) -> [SocketAddrV4; 2] {
        let (here, there) = (self.here(), self.there());
        [here.min(there), here.max(there)]
    }

    fn address(&self, port_at: usize, ip_at: usize) -> SocketAddrV4 {
        let ip: [u8; 4] = std::array::from_fn(|index| self.0[ip_at + index]);
        SocketAddrV4::new(Ipv4Addr::from(ip), u16::from_be_bytes([self.0[port_at], self.0[port_at + 1]]))
    }
}

/// A netlink connection for the sockets of one host.
struct SocketDiagnosis(OwnedFd);

impl SocketDiagnosis {
    fn of(host: &ClientHost) -> io::Result<Self> {
        let (flags, protocol) = (SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag);
        let open = || Ok(socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?);
        host.on_host(open).map(Self)
    }

    /// Ends the listed sockets; returns whether that ended any new connection.
    fn end_listed(
        &self,
        unreachable: &BTreeSet<Ipv4Addr>,
        ended: &mut BTreeSet<[SocketAddrV4; 2]>,
    ) -> Result<bool, Errno> {
        let before = ended.len();
        for open in self.open_sockets()? {
            if unreachable.contains(open.there().ip()) && self.end(&open)? {
                ended.insert(open.connection());
            }
        }
        Ok(ended.len() > before)
    }

    fn open_sockets(&self) -> Result<Vec<OpenSocket>, Errno> {
        self.ask(&request(SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, &[0; ID_BYTES]))
    }

    /// Ends a socket; returns whether it still existed.
    fn end(&self, open: &OpenSocket) -> Result<bool, Errno> {
        match self.ask(&request(SOCK_DESTROY, NLM_F_ACK, &open.0)) {
            Ok(_) => Ok(true),
            // It ended by itself. ESTALE: another socket, such as a listener, was found in its place.
            Err(Errno::ENOENT | Errno::ESTALE) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Sends a request; returns the sockets in the kernel's answer.
    fn ask(&self, request: &[u8]) -> Result<Vec<OpenSocket>, Errno> {
        send(self.0.as_raw_fd(), request, MsgFlags::empty())?;
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut found = Vec::new();
        loop {
            let filled = match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
                // A server that exits interrupts a thread of its parent with SIGCHLD, possibly this one.
                Err(Errno::EINTR) => continue,
                filled => filled?,
            };
            if read(&buffer[..filled], &mut found)? {
                return Ok(found);
            }
        }
    }
}

fn request(kind: u16, flags: u16, socket: &[u8; ID_BYTES]) -> Vec<u8> {
    let length = u32::try_from(REQUEST_BYTES).unwrap_or_default();
    let mut request = Vec::with_capacity(REQUEST_BYTES);
    request.extend(length.to_ne_bytes());
    request.extend(kind.to_ne_bytes());
    request.extend((NLM_F_REQUEST | flags).to_ne_bytes());
    // Sequence number and port are not needed: each connection has only one request under way.
    request.extend([0; 8]);
    request.extend([AF_INET, IPPROTO_TCP, 0, 0]);
    request.extend(OPEN_STATES.to_ne_bytes());
    request.extend(socket);
    request
}

/// Collects the open sockets from messages; returns whether these include the last message of the answer.
fn read(mut messages: &[u8], found: &mut Vec<OpenSocket>) -> Result<bool, Errno> {
    while let Some((header, rest)) = messages.split_first_chunk::<HEADER_BYTES>() {
        let length = u32::from_ne_bytes([header[0], header[1], header[2], header[3]]) as usize;
        let content = length.checked_sub(HEADER_BYTES).and_then(|length| rest.get(..length)).ok_or(Errno::EBADMSG)?;
        match u16::from_ne_bytes([header[4], header[5]]) {
            NLMSG_DONE | NLMSG_ERROR => {
                let code = content.first_chunk().ok_or(Errno::EBADMSG)?;
                let code = i32::from_ne_bytes(*code);
                return if code < 0 { Err(Errno::from_raw(-code)) } else { Ok(true) };
            }
            _ => {
                let timer = *content.get(2).ok_or(Errno::EBADMSG)?;
                let id = content.get(ANSWER_BYTES..).and_then(|id| id.first_chunk()).ok_or(Errno::EBADMSG)?;
                if timer != TIMER_OF_TIME_WAIT {
                    found.push(OpenSocket(*id));
                }
            }
        }
        // Messages are aligned to four bytes.
        messages = rest.get(content.len().next_multiple_of(4)..).unwrap_or_default();
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use rstest::rstest;

    use super::*;

    fn message(kind: u16, content: &[u8]) -> Vec<u8> {
        let length = u32::try_from(HEADER_BYTES + content.len()).unwrap();
        let mut message = length.to_ne_bytes().to_vec();
        message.extend(kind.to_ne_bytes());
        message.extend([0; 10]);
        message.extend(content);
        message
    }

    #[rstest]
    #[case::the_last(message(NLMSG_DONE, &0_i32.to_ne_bytes()), Ok(true))]
    #[case::done(message(NLMSG_ERROR, &[0; 20]), Ok(true))]
    #[case::refused(message(NLMSG_ERROR, &(-95_i32).to_ne_bytes()), Err(Errno::EOPNOTSUPP))]
    #[case::more_to_come(message(SOCK_DIAG_BY_FAMILY, &[0; 72]), Ok(false))]
    #[case::cut_short(message(SOCK_DIAG_BY_FAMILY, &[0; 72])[..80].to_vec(), Err(Errno::EBADMSG))]
    #[case::too_short(message(SOCK_DIAG_BY_FAMILY, &[0; 50]), Err(Errno::EBADMSG))]
    #[case::no_length(vec![0; 16], Err(Errno::EBADMSG))]
    #[case::nothing(Vec::new(), Ok(false))]
    fn the_end_of_an_answer_is_known(#[case] messages: Vec<u8>, #[case] expected: Result<bool, Errno>) {
        assert_eq!(read(&messages, &mut Vec::new()), expected);
    }

    #[test]
    fn a_socket_that_is_a_memory_is_not_open() {
        let mut content = [0; 72];
        content[2] = TIMER_OF_TIME_WAIT;
        let mut found = Vec::new();
        read(&message(SOCK_DIAG_BY_FAMILY, &content), &mut found).unwrap();
        assert!(found.is_empty());
    }

    /// Listing takes no privilege, but a kernel that can.
    #[test]
    fn the_kernel_lists_both_ends_of_a_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let opened = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let Ok(open) = SocketDiagnosis::of(&ClientHost::this()).unwrap().open_sockets() else { return };
        let ends = [opened.local_addr().unwrap(), opened.peer_addr().unwrap()].map(|end| match end {
            std::net::SocketAddr::V4(end) => end,
            std::net::SocketAddr::V6(end) => panic!("{end}"),
        });
        let connection = [ends[0].min(ends[1]), ends[0].max(ends[1])];
        assert_eq!(open.iter().filter(|open| open.connection() == connection).count(), 2);
    }
}
