//! Links that are named one by one: one direction, all of some hosts, all there are.

use super::{Hosts, Meant, between};
use crate::evidence::LinksText;
use crate::vocab::{HostName, Link};

/// What the first send to the second.
pub(super) fn meant(from: &[HostName], to: &[HostName]) -> Meant {
    let pairs = from.iter().flat_map(|from| to.iter().map(move |to| (from, to))).filter(|(from, to)| from != to);
    let links = pairs.map(|(from, to)| Link::new(from.clone(), to.clone())).collect();
    Meant { links, text: LinksText::default().hosts(from).words(" -> ").hosts(to) }
}

/// Every link to or from these hosts.
pub(super) fn of(of: &[HostName], hosts: Hosts<'_>) -> Meant {
    Meant { links: between(of, &hosts.all()).collect(), text: LinksText::default().words("all links of ").hosts(of) }
}

/// Every link there is.
pub(super) fn all(hosts: Hosts<'_>) -> Meant {
    let all = hosts.all();
    Meant {
        links: between(&all, &all).collect(),
        text: LinksText::default().words(format!("all links of {} hosts", all.len())),
    }
}
