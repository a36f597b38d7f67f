//! A host that sockets are made on.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use tokio::net::TcpSocket;

/// A host that sockets are made on, by clients above all. They live in its network namespace, so partitions cut them too.
#[derive(Clone, Debug)]
pub struct ClientHost(Option<Arc<Namespaces>>);

#[derive(Debug)]
struct Namespaces {
    own: File,
    host: File,
}

impl ClientHost {
    /// The host of this process itself, without a namespace of its own.
    pub const fn this() -> Self {
        Self(None)
    }

    /// The host whose network namespace is `host`; `own` is the one that this process' threads are in.
    pub fn in_namespace(own: File, host: File) -> Self {
        Self(Some(Arc::new(Namespaces { own, host })))
    }

    /// A new IPv4 TCP socket on this host. It stays there whichever thread uses it.
    pub fn tcp_socket(&self) -> io::Result<TcpSocket> {
        self.within(TcpSocket::new_v4)?
    }

    /// The host's network namespace, opened once more.
    pub(super) fn namespace(&self) -> io::Result<File> {
        self.0.as_ref().map_or_else(|| File::open("/proc/thread-self/ns/net"), |namespaces| namespaces.host.try_clone())
    }

    /// A new UDP socket on this host, bound to an address of it. It stays there whichever thread uses it.
    pub(super) fn udp_socket(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        self.within(|| UdpSocket::bind(address))?
    }

    /// Does something on this host that does not wait, such as making a socket.
    pub fn on_host<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.within(act)?
    }

    /// Does something, which must be short, with the calling thread in this host's network namespace.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let Some(namespaces) = &self.0 else { return Ok(work()) };
        setns(namespaces.host.as_fd(), CloneFlags::CLONE_NEWNET)?;
        let _away = Away { own: &namespaces.own };
        Ok(work())
    }
}

/// A thread that is on another host. Dropping it, in a panic too, brings the thread back.
struct Away<'a> {
    own: &'a File,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if let Err(error) = setns(self.own.as_fd(), CloneFlags::CLONE_NEWNET) {
            // Whatever this thread did from now on would happen on that host, where cuts and shapes are another's.
            let _ = writeln!(io::stderr(), "a thread cannot return from a client's host: {error}");
            std::process::abort();
        }
    }
}
