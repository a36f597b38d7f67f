//! Faults and their opposites. One kind, one file: what it requires, what it leaves, how to cause it and how to prove
//! that it happened. The list of kinds is [`FaultKind`]; each has its line in the tables below.

mod join;
mod kill;
pub mod links;
mod pause;
mod resume;
mod start;
mod stop;
mod wipe;

use std::time::Duration;

use tokio::time::{Instant as Timer, sleep};

use crate::evidence::{DataEffect, Effect, FaultKind, MembershipEffect, NodeStatus};
use crate::provider::{Provider, ProviderError};
use crate::system::Servers;
use crate::system::{NodeSpec, SystemError};
use crate::vocab::{Instant, NodeName};

/// How often a proof is looked for.
const PROOF_POLL: Duration = Duration::from_millis(1);
/// How long to look for the proof that a signal had its effect.
const PROOF_BOUND: Duration = Duration::from_secs(5);

/// A fault that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The instant just before the first system call that caused it.
    pub began: Instant,
    /// What proves that it happened. `None`: no proof was found, so it must not be taken for granted.
    pub proof: Option<String>,
}

/// What a server must do when a fault of some kind is applied to it, and how soon. If it does not, that is its failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// What it must do, after "it must".
    pub what: &'static str,
    /// How long it may take.
    pub within: Duration,
}

/// What is demanded of the server; none for a fault that the kernel alone carries out.
pub fn demand(kind: FaultKind, node: &NodeSpec) -> Option<Demand> {
    match kind {
        FaultKind::Stop => Some(stop::demand(node)),
        FaultKind::Start => Some(start::DEMAND),
        FaultKind::Join => Some(join::demand(node)),
        FaultKind::Kill | FaultKind::Pause | FaultKind::Resume | FaultKind::Wipe => None,
    }
}

/// The statuses one of which a node must have for this kind of fault to be applied to it.
pub fn requires(kind: FaultKind) -> &'static [NodeStatus] {
    match kind {
        FaultKind::Kill => kill::REQUIRES,
        FaultKind::Stop => stop::REQUIRES,
        FaultKind::Pause => pause::REQUIRES,
        FaultKind::Resume => resume::REQUIRES,
        FaultKind::Start => start::REQUIRES,
        FaultKind::Wipe => wipe::REQUIRES,
        FaultKind::Join => join::REQUIRES,
    }
}

/// The status that this kind of fault leaves a node in. `None`: the one it had.
pub fn leaves(kind: FaultKind) -> Option<NodeStatus> {
    match kind {
        FaultKind::Kill => kill::LEAVES,
        FaultKind::Stop => stop::LEAVES,
        FaultKind::Pause => pause::LEAVES,
        FaultKind::Resume => resume::LEAVES,
        FaultKind::Start => start::LEAVES,
        FaultKind::Wipe => wipe::LEAVES,
        FaultKind::Join => join::LEAVES,
    }
}

/// What this kind of fault does to a node.
pub fn effect(kind: FaultKind) -> Effect {
    match kind {
        FaultKind::Kill | FaultKind::Stop => Effect::fault(NodeStatus::Down),
        FaultKind::Pause => Effect::fault(NodeStatus::Paused),
        FaultKind::Resume | FaultKind::Start => Effect::brings_back(),
        FaultKind::Wipe => {
            Effect { data: DataEffect::Emptied, membership: MembershipEffect::Lost, harms: true, ..Effect::NONE }
        }
        FaultKind::Join => Effect { membership: MembershipEffect::Gained, ..Effect::NONE },
    }
}

/// Applies a fault to a node and looks, within a bound, for the proof that it happened.
///
/// `replica_of` is whom a joining node shall replicate; the other kinds do not mind it.
pub async fn apply(
    kind: FaultKind,
    servers: &Servers,
    node: &NodeName,
    replica_of: Option<&NodeName>,
) -> Result<Applied, SystemError> {
    let provider = servers.provider();
    let status = provider.status_of(node)?;
    if !requires(kind).contains(&status) {
        let doing = kind.to_string().to_lowercase();
        return Err(ProviderError::WrongStatus { node: node.clone(), doing, status }.into());
    }
    match kind {
        FaultKind::Kill => Ok(kill::apply(provider, node).await?),
        FaultKind::Stop => stop::apply(servers, node).await,
        FaultKind::Pause => Ok(pause::apply(provider, node).await?),
        FaultKind::Resume => Ok(resume::apply(provider, node).await?),
        FaultKind::Start => start::apply(servers, node).await,
        FaultKind::Wipe => Ok(wipe::apply(provider, node)?),
        FaultKind::Join => join::apply(servers, node, replica_of).await,
    }
}

/// Polls for the process state of `node` that `proves` the fault; the proof names what was seen.
async fn proof_of_state(provider: &dyn Provider, node: &NodeName, proves: fn(char) -> bool) -> Option<String> {
    let deadline = Timer::now() + PROOF_BOUND;
    loop {
        if let Some(state) = provider.process_state(node).filter(|state| proves(*state)) {
            return Some(format!("process state {state}"));
        }
        if Timer::now() > deadline {
            return None;
        }
        sleep(PROOF_POLL).await;
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rstest::rstest;

    use super::*;
    use crate::vocab::{Address, NodeId, Ownership, Role};

    #[rstest]
    #[case::a_dead_node_cannot_die(FaultKind::Kill, NodeStatus::Down, false)]
    #[case::a_paused_node_can_be_killed(FaultKind::Kill, NodeStatus::Paused, true)]
    #[case::a_paused_node_hears_no_sigterm(FaultKind::Stop, NodeStatus::Paused, false)]
    #[case::only_the_dead_rise(FaultKind::Start, NodeStatus::Running, false)]
    #[case::only_the_paused_resume(FaultKind::Resume, NodeStatus::Running, false)]
    #[case::a_living_node_keeps_its_data(FaultKind::Wipe, NodeStatus::Paused, false)]
    #[case::only_the_living_join(FaultKind::Join, NodeStatus::Down, false)]
    fn faults_need_the_right_node(#[case] kind: FaultKind, #[case] status: NodeStatus, #[case] possible: bool) {
        assert_eq!(requires(kind).contains(&status), possible);
    }

    #[rstest]
    #[case::servers_wait_ten_seconds_for_their_replicas(FaultKind::Stop, &[], 15)]
    #[case::or_as_long_as_they_are_told_to(FaultKind::Stop, &[("Shutdown-Timeout", "60")], 65)]
    #[case::gossip_takes_node_timeouts(FaultKind::Join, &[], 60)]
    #[case::and_quick_ones_take_as_long_as_a_busy_machine(FaultKind::Join, &[("cluster-node-timeout", "1000")], 32)]
    #[case::an_answer_takes_no_settings(FaultKind::Start, &[("shutdown-timeout", "60")], 20)]
    fn a_server_has_the_time_that_its_settings_take(
        #[case] kind: FaultKind,
        #[case] config: &[(&str, &str)],
        #[case] seconds: u64,
    ) {
        let node = NodeSpec {
            name: "A".into(),
            id: NodeId("a".to_owned()),
            address: Address::of_host(Ipv4Addr::LOCALHOST),
            role: Role::Master,
            master: None,
            owns: Ownership::default(),
            version: 1,
            binary: None,
            config: config.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        };
        assert_eq!(demand(kind, &node).map(|demand| demand.within), Some(Duration::from_secs(seconds)));
    }

    #[rstest]
    #[case(FaultKind::Kill)]
    #[case(FaultKind::Stop)]
    #[case(FaultKind::Pause)]
    fn what_takes_down_leaves_the_node_not_running(#[case] kind: FaultKind) {
        assert!(kind.takes_down() && leaves(kind).is_some_and(|status| status != NodeStatus::Running));
    }
}
