//! Hosts as network namespaces, whoever owns them, and the links between them: cutting, shaping and healing them, and
//! the proof that it worked.
//!
//! It is made as clouds make private networks: every host has an interface with an address of its own (/32), and what it
//! sends goes to the router. So what passes between two hosts passes the router's routing rules, one direction at a
//! time; that is where the state of a directed link belongs. Links that nobody cuts or shapes have `direct_links` past
//! the router.

mod changes;
mod client_host;
mod direct_links;
mod error;
mod hosts;
mod interfaces;
mod links;
mod links_error;
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
use self::hosts::Site;
use crate::evidence::{Clock, Reach};
use crate::vocab::{CutBy, HostName, Link, LinkShape, ServerPort};

pub use client_host::ClientHost;
pub use error::NetworkError;
pub use hosts::{ROUTER, host_address};
pub(crate) use hosts::{prepare_router, try_out};
pub use links::Treatment;
pub use links_error::LinksError;
pub use probe::PROBE_PORT;
pub use proof::ChangedLinks;
pub use shaping::{LinkCounters, SHAPING_DEVICE, SHAPING_TABLE, Shaper, ShapingError};
pub(crate) use shaping::{OPENING, THREAD as SHAPING_THREAD};

/// A host to make.
#[derive(Debug)]
pub(crate) struct NewHost {
    /// Its name.
    pub(crate) name: HostName,
    /// Its address.
    pub(crate) ip: Ipv4Addr,
    /// The network namespace that becomes it, where there is one already, with nothing in it but `lo`. Else one is made.
    pub(crate) namespace: Option<File>,
}

/// The hosts of a run and the links between them.
pub(crate) struct Network {
    hosts: BTreeMap<HostName, ClientHost>,
    changes: LinkChanges,
}

impl Network {
    /// Makes the hosts, of which the last `clients` are those of clients. The calling thread's namespace becomes their
    /// router. `reach` says which nodes are on them.
    ///
    /// `seed` determines everything that shapes draw at random. Must be called within a tokio runtime.
    pub(crate) async fn raise(
        hosts: Vec<NewHost>,
        clients: usize,
        reach: Reach,
        clock: Clock,
        seed: u64,
    ) -> Result<Self, LinksError> {
        let named: Vec<_> = hosts.iter().map(|host| (host.name.clone(), host.ip)).collect();
        let sites = hosts.into_iter().map(|host| Site { ip: host.ip, namespace: host.namespace }).collect();
        let raised = hosts::raise(sites, clients).await?;
        let mut reachable = BTreeMap::new();
        for ((name, ip), namespace) in named.into_iter().zip(raised.namespaces) {
            let host_of_clients = ClientHost::in_namespace(hosts::namespace_of_this_thread()?, namespace);
            reachable.insert(name, (ip, host_of_clients));
        }
        let changes = LinkChanges::none(&reachable, raised.direct, reach, clock, seed)?;
        let hosts = reachable.into_iter().map(|(name, (_, host))| (name, host)).collect();
        Ok(Self { hosts, changes })
    }

    /// A host by its name.
    pub(crate) fn host(&self, name: &HostName) -> Result<&ClientHost, LinksError> {
        self.hosts.get(name).ok_or_else(|| LinksError::NoSuchHost(name.clone()))
    }

    /// Every host but the router.
    pub(crate) fn hosts(&self) -> impl Iterator<Item = &ClientHost> {
        self.hosts.values()
    }

    /// Opens the network namespace of a host.
    pub(crate) fn namespace(&self, name: &HostName) -> Result<File, LinksError> {
        let opened = self.host(name)?.namespace();
        opened.map_err(|source| NetworkError::System { doing: format!("open the namespace of {name}"), source }.into())
    }

    /// Cuts links until `name` is healed. A probe passes each link before the change, unless it is cut already, and
    /// none passes after it.
    ///
    /// A cut takes precedence over every shape; of several cuts of a link, the newest counts. Probing takes a few
    /// milliseconds before and after the change, at most 2 s plus the links' own delay.
    pub(crate) async fn cut(&self, name: &str, links: &BTreeSet<Link>, by: CutBy) -> Result<ChangedLinks, LinksError> {
        self.changes.begin(name, links, Treatment::Cut(by)).await
    }

    /// Cuts one port of links until `name` is healed: nothing passes from a link's sender to this port of its receiver, nor
    /// from this port of the sender, which ends the sender's answers. Everything else still passes, through the router.
    /// Two probes pass each link before the change, one to the port and one from it, unless it is cut already; after it
    /// none does, and a probe of another port does.
    pub(crate) async fn cut_port(
        &self,
        name: &str,
        links: &BTreeSet<Link>,
        port: ServerPort,
    ) -> Result<ChangedLinks, LinksError> {
        self.changes.begin(name, links, Treatment::CutPort(port)).await
    }

    /// Shapes links until `name` is healed. Of several shapes of a link, only the newest counts. On each link that is
    /// not cut, a probe passes through the shaping device and arrives no earlier than the delay allows.
    pub(crate) async fn shape(
        &self,
        name: &str,
        links: &BTreeSet<Link>,
        shape: LinkShape,
    ) -> Result<ChangedLinks, LinksError> {
        self.changes.begin(name, links, Treatment::Shape(shape)).await
    }

    /// Ends the cut or shape of this name; others on the same links stay in force. A shape is checked once more just
    /// before: that it still works and that its counters match its percentages. Packets that it still holds arrive at
    /// once.
    pub(crate) async fn heal(&self, name: &str) -> Result<ChangedLinks, LinksError> {
        self.changes.end(name).await
    }

    /// The names of the cuts and shapes in force, oldest first.
    pub(crate) fn in_force(&self) -> Vec<String> {
        self.changes.names()
    }

    /// Which hosts reach each other. A cut counts from the moment its last rule is in place until its last rule is gone.
    pub(crate) fn reach(&self) -> watch::Receiver<Reach> {
        self.changes.reach()
    }
}
