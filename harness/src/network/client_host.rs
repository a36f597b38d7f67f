//! A host to open sockets on.

use std::fs::File;
use std::io::{self, Write};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;

use nix::sched::{CloneFlags, setns};
use tokio::net::TcpSocket;

/// A host to open sockets on, mostly for clients. The sockets belong to its network namespace, so partitions affect
/// them.
#[derive(Clone, Debug)]
pub struct ClientHost(Option<Arc<Namespaces>>);

#[derive(Debug)]
struct Namespaces {
    own: File,
    host: File,
}

impl ClientHost {
    /// This process's own host: the router, which no cut and no shape affects.
    pub const fn this() -> Self {
        Self(None)
    }

    /// The host whose network namespace is `host`; `own` is the namespace of this process's threads.
    pub fn in_namespace(own: File, host: File) -> Self {
        Self(Some(Arc::new(Namespaces { own, host })))
    }

    /// Opens an IPv4 TCP socket on this host. It stays there, whichever thread uses it.
    pub fn tcp_socket(&self) -> io::Result<TcpSocket> {
        self.within(TcpSocket::new_v4)?
    }

    /// Opens the host's network namespace once more.
    pub(super) fn namespace(&self) -> io::Result<File> {
        self.0.as_ref().map_or_else(|| File::open("/proc/thread-self/ns/net"), |namespaces| namespaces.host.try_clone())
    }

    /// Opens a UDP socket on this host, bound to one of its addresses. It stays there, whichever thread uses it.
    pub(super) fn udp_socket(&self, address: SocketAddr) -> io::Result<UdpSocket> {
        self.within(|| UdpSocket::bind(address))?
    }

    /// Runs something on this host that does not block, such as opening a socket.
    pub fn on_host<T>(&self, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.within(act)?
    }

    /// Runs something short while the calling thread is in this host's network namespace.
    pub(super) fn within<T>(&self, work: impl FnOnce() -> T) -> io::Result<T> {
        let Some(namespaces) = &self.0 else { return Ok(work()) };
        setns(namespaces.host.as_fd(), CloneFlags::CLONE_NEWNET)?;
        let _away = Away { own: &namespaces.own };
        Ok(work())
    }
}

/// The calling thread is in another host's namespace. Dropping this brings it back, also during a panic.
struct Away<'a> {
    own: &'a File,
}

impl Drop for Away<'_> {
    fn drop(&mut self) {
        if let Err(error) = setns(self.own.as_fd(), CloneFlags::CLONE_NEWNET) {
            // Everything this thread does from now on would happen on the wrong host.
            let _ = writeln!(io::stderr(), "a thread cannot return from a client's host: {error}");
            std::process::abort();
        }
    }
}
