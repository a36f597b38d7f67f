//! Hosts that are network namespaces, whoever owns them, and the links between them: cutting, shaping, healing, and the
//! proof of it.
//!
//! It is made as clouds make private networks: every host has an interface with an address of its own (/32), and what it
//! sends goes to the router. So what passes between two hosts passes the router's routing rules, one direction at a
//! time; that is where the state of a directed link belongs. Links that nobody cuts or shapes have [`direct_links`] past
//! the router.

mod changes;
mod client_host;
mod direct_links;
mod error;
mod hosts;
mod links;
mod probe;
mod proof;
mod rules;
mod shape_device;
mod shape_outcome;
mod shaping;
mod sockets;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::net::Ipv4Addr;

use tokio::sync::watch;

use self::changes::LinkChanges;
use crate::evidence::{Clock, Reach};
use crate::vocab::{CutBy, HostName, Link, Shape};

pub use client_host::ClientHost;
pub use error::{LinksError, NetworkError};
pub use hosts::{ROUTER, host_address};
pub(crate) use hosts::{prepare_router, try_out};
pub use links::Treatment;
pub use probe::PROBE_PORT;
pub use proof::ChangedLinks;
pub use shaping::{LinkCounters, SHAPING_DEVICE, SHAPING_TABLE, Shaper, ShapingError};
pub(crate) use shaping::{OPENING, THREAD as SHAPING_THREAD};

/// A host that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewHost {
    /// Its name.
    pub(crate) name: HostName,
    /// Its address.
    pub(crate) ip: Ipv4Addr,
}

/// The hosts of a run and the links between them.
pub(crate) struct Network {
    hosts: BTreeMap<HostName, ClientHost>,
    changes: LinkChanges,
}

impl Network {
    /// Makes the hosts, of which so many last ones are clients'; the calling thread's namespace becomes their router.
    ///
    /// What shapes of links draw is drawn from `seed`. It must be called within a tokio runtime.
    pub(crate) async fn raise(hosts: &[NewHost], clients: usize, clock: Clock, seed: u64) -> Result<Self, LinksError> {
        let ips: Vec<_> = hosts.iter().map(|host| host.ip).collect();
        let raised = hosts::raise(&ips, clients).await?;
        let mut reachable = BTreeMap::new();
        for (host, namespace) in hosts.iter().zip(raised.namespaces) {
            let host_of_clients = ClientHost::in_namespace(hosts::namespace_of_this_thread()?, namespace);
            reachable.insert(host.name.clone(), (host.ip, host_of_clients));
        }
        let changes = LinkChanges::none(&reachable, raised.direct, clock, seed)?;
        let hosts = reachable.into_iter().map(|(name, (_, host))| (name, host)).collect();
        Ok(Self { hosts, changes })
    }

    /// A host by its name.
    pub(crate) fn host(&self, name: &HostName) -> Result<&ClientHost, LinksError> {
        self.hosts.get(name).ok_or_else(|| LinksError::NoSuchHost(name.clone()))
    }

    /// The network namespace of a host, opened once more.
    pub(crate) fn namespace(&self, name: &HostName) -> Result<File, LinksError> {
        let opened = self.host(name)?.namespace();
        opened.map_err(|source| NetworkError::System { doing: format!("open the namespace of {name}"), source }.into())
    }

    /// Cuts links until `name` is healed. Each was seen to let a packet pass before, unless it is cut already, and is seen to
    /// let none pass after.
    ///
    /// A cut beats every shape; of several cuts of a link, the newest says how. Seeing takes some milliseconds, at most 2 s
    /// and the links' own delay, before and after the change itself.
    pub(crate) async fn cut(&self, name: &str, links: &BTreeSet<Link>, by: CutBy) -> Result<ChangedLinks, LinksError> {
        self.changes.begin(name, links, Treatment::Cut(by)).await
    }

    /// Shapes links until `name` is healed. Of several shapes of a link, the newest counts alone. A probe was seen to pass
    /// through the device on each that is not cut, no earlier than the delay allows.
    pub(crate) async fn shape(
        &self,
        name: &str,
        links: &BTreeSet<Link>,
        shape: Shape,
    ) -> Result<ChangedLinks, LinksError> {
        self.changes.begin(name, links, Treatment::Shape(shape)).await
    }

    /// Ends the cut or the shape of that name. What others do to the same links stays. A shape was seen to work just before,
    /// and to have done what its shares say; what waits under it arrives at once.
    pub(crate) async fn heal(&self, name: &str) -> Result<ChangedLinks, LinksError> {
        self.changes.end(name).await
    }

    /// The names of the cuts and shapes in force, the oldest first.
    pub(crate) fn in_force(&self) -> Vec<String> {
        self.changes.names()
    }

    /// Who can reach whom: a cut counts from the moment its last rule stands, until its last rule is gone.
    pub(crate) fn reach(&self) -> watch::Receiver<Reach> {
        self.changes.reach()
    }
}
