//! Whether every replica has all that its master had written.

use std::collections::BTreeMap;

use crate::evidence::NodeView;
use crate::system::ReplicationProgress;
use crate::vocab::{NodeName, Role};

/// Why not every replica has all that its master had written when it was asked; `Ok` when each has.
///
/// A replica counts when it runs. It is compared with the master that it names itself, and only within one history:
/// before a full resynchronization its offset may be the larger one and mean nothing. Offsets are applied bytes, not
/// the acknowledgements that the master knows of: those arrive once a second (`replicationCron`, Redis
/// `replication.c`) and would show a lag that is over.
pub(super) fn synced(
    running: &[NodeName],
    views: &BTreeMap<NodeName, Option<NodeView>>,
    replication: &BTreeMap<NodeName, ReplicationProgress>,
) -> Result<(), String> {
    for node in running {
        let Some(Some(view)) = views.get(node) else { return Err(format!("{node} does not answer")) };
        if view.members.get(node).is_some_and(|own| own.role == Role::Sentinel) {
            continue;
        }
        let Some(own) = replication.get(node) else { return Err(format!("{node} does not answer")) };
        if own.role == Role::Replica {
            let master = view.members.get(node).and_then(|member| member.master.as_ref());
            replica_synced(node, own, master, replication)?;
        }
    }
    Ok(())
}

fn replica_synced(
    node: &NodeName,
    own: &ReplicationProgress,
    master: Option<&NodeName>,
    replication: &BTreeMap<NodeName, ReplicationProgress>,
) -> Result<(), String> {
    let Some(master) = master else { return Err(format!("{node} replicates nobody")) };
    if own.link_up != Some(true) {
        return Err(format!("{node} is not linked to its master {master}"));
    }
    let Some(of_master) = replication.get(master) else {
        return Err(format!("{master}, the master of {node}, does not answer"));
    };
    if own.history != of_master.history {
        return Err(format!("{node} does not have the history of its master {master} yet"));
    }
    if own.offset < of_master.offset {
        let behind = of_master.offset.saturating_sub(own.offset);
        return Err(format!("{node} is {behind} bytes behind its master {master}"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::evidence::{ClusterState, Health, Member};
    use crate::vocab::Ownership;

    fn replica(offset: i64, history: &str, link_up: bool) -> ReplicationProgress {
        ReplicationProgress { role: Role::Replica, history: history.to_owned(), offset, link_up: Some(link_up) }
    }

    #[rstest]
    #[case::level(replica(70, "one", true), None)]
    #[case::ahead_of_a_master_that_was_asked_before(replica(71, "one", true), None)]
    #[case::behind(replica(60, "one", true), Some("A1 is 10 bytes behind its master A"))]
    #[case::unlinked(replica(70, "one", false), Some("A1 is not linked to its master A"))]
    #[case::of_another_history(replica(90, "two", true), Some("A1 does not have the history of its master A yet"))]
    fn replicas_in_sync(#[case] own: ReplicationProgress, #[case] reason: Option<&str>) {
        let (a, a1) = (NodeName::new("A"), NodeName::new("A1"));
        let member = |role, master| Member {
            role,
            master,
            owns: Ownership::default(),
            version: 1,
            health: Health::Ok,
            handshake: false,
            no_failover: false,
        };
        let members = [(a.clone(), member(Role::Master, None)), (a1.clone(), member(Role::Replica, Some(a.clone())))];
        let view = NodeView {
            state: ClusterState::Ok,
            current_version: 1,
            master_link_up: None,
            data_too_old: false,
            members: members.into(),
        };
        let views = [(a.clone(), Some(view.clone())), (a1.clone(), Some(view))].into();
        let master = ReplicationProgress { role: Role::Master, history: "one".to_owned(), offset: 70, link_up: None };
        let replication = [(a.clone(), master), (a1.clone(), own)].into();
        assert_eq!(synced(&[a, a1], &views, &replication).err().as_deref(), reason);
    }
}
