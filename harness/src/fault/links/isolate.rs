//! Some hosts against everybody else.

use super::{Hosts, Meant, split};
use crate::vocab::{HostName, NodeName};

/// Every link between the isolated and the rest, client hosts too.
pub(super) fn meant(nodes: &[NodeName], with: &[HostName], hosts: Hosts<'_>) -> Meant {
    let isolated: Vec<_> = nodes.iter().map(HostName::from).chain(with.iter().cloned()).collect();
    let rest = hosts.all().into_iter().filter(|host| !isolated.contains(host)).collect();
    split::meant(&[isolated, rest])
}
