//! What the machine took from a run, a tenth of a second at a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::vocab::{Instant, NodeName};

/// What the machine took from everybody in a short stretch, which ends when this is recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MachineSample {
    /// When the stretch began.
    pub from: Instant,
    /// How late a timer of the harness was at most. A thread that only sleeps is woken early by the scheduler: others waited longer.
    pub timer_late_nanos: u64,
    /// How long our own threads were ready to run and had no processor; none where the kernel does not tell.
    pub waits: Option<Waits>,
    /// How long somebody on the whole machine was ready to run and had no processor (`/proc/pressure/cpu`, `some`); none where
    /// the kernel does not tell.
    pub pressure_nanos: Option<u64>,
    /// What a hypervisor took from the processor that it took most from (`/proc/stat`, `steal`), in steps of 10 ms.
    pub stolen_nanos: u64,
    /// By how much the wall clock was ahead of the run's clock, compared with the run's start.
    pub wall_ahead_us: i64,
    /// Other runs of this harness on the machine.
    pub other_runs: usize,
    /// For how long a load's thread had too much to do: the whole stretch if one had hardly any rest in it, neither waiting for
    /// replies nor for the next operation to be due, else nothing.
    #[serde(default)]
    pub overload_nanos: u64,
}

/// How long threads waited for a processor (`/proc/<pid>/task/<tid>/schedstat`, second field). The kernel counts a wait when it
/// ends, so one that lasted longer than the stretch may stand here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waits {
    /// The clients: the load's thread that waited longest, and the thread of shaped links on their way.
    pub clients_nanos: u64,
    /// The thread that reads every node's view and walks the timeline.
    pub observer_nanos: u64,
    /// Each server's thread that waited longest; servers that waited less than 0.1 ms are left out.
    pub servers_nanos: BTreeMap<NodeName, u64>,
}

impl Waits {
    /// The server that waited longest, and how long; none if none waited.
    pub fn longest(&self) -> Option<(&NodeName, u64)> {
        self.servers_nanos.iter().map(|(node, nanos)| (node, *nanos)).max_by_key(|(_, nanos)| *nanos)
    }

    /// This server, and whichever other it may have waited for, one after the other.
    fn server_and_another(&self, node: &NodeName) -> u64 {
        let own = self.servers_nanos.get(node).copied().unwrap_or(0);
        let others = self.servers_nanos.iter().filter(|(other, _)| *other != node);
        own.saturating_add(others.map(|(_, nanos)| *nanos).max().unwrap_or(0))
    }

    /// The two servers that waited longest, one after the other.
    fn two_servers(&self) -> u64 {
        let mut servers: Vec<_> = self.servers_nanos.values().copied().collect();
        servers.sort_unstable_by_key(|nanos| std::cmp::Reverse(*nanos));
        servers.iter().take(2).fold(0, |sum, nanos| sum.saturating_add(*nanos))
    }
}

impl MachineSample {
    /// The most that the machine can have delayed a single operation in this stretch. Its way leads through its client and at
    /// most two servers at a time: the owner, and one that sends it there or that the owner waits for.
    pub fn operation_delay_nanos(&self) -> u64 {
        self.delay(|waits| waits.clients_nanos.saturating_add(waits.two_servers()))
    }

    /// The most that the machine, or a load that has too much to do, can have delayed one operation after the other in this stretch.
    /// It tells how many were done and how soon, not why none was: a client also has no rest if it tries again and again.
    pub fn queue_delay_nanos(&self) -> u64 {
        self.operation_delay_nanos().max(self.overload_nanos)
    }

    /// The most that the machine can have delayed in this stretch what the cluster does by itself and the harness sees.
    pub fn sight_delay_nanos(&self) -> u64 {
        self.delay(|waits| waits.observer_nanos.saturating_add(waits.two_servers()))
    }

    /// The most that the machine can have delayed in this stretch what a server does because it was told to.
    pub fn server_delay_nanos(&self, node: &NodeName) -> u64 {
        self.delay(|waits| waits.server_and_another(node))
    }

    /// The most that the machine can have kept a single server from answering its peers in this stretch.
    pub fn stall_nanos(&self) -> u64 {
        self.delay(|waits| waits.longest().map_or(0, |(_, nanos)| nanos))
    }

    /// Waits for a processor, and what was stolen from it meanwhile; no less than a timer was late. Where nobody tells of our
    /// waits, the pressure is their upper bound: the time in which anybody waited.
    fn delay(&self, waited: impl Fn(&Waits) -> u64) -> u64 {
        let waited = self.waits.as_ref().map_or(self.pressure_nanos.unwrap_or(0), waited);
        waited.saturating_add(self.stolen_nanos).max(self.timer_late_nanos)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Evidence that somebody edited is read, too.
    #[test]
    fn waits_of_any_length_are_added() {
        let servers_nanos = ["A", "B"].map(|node| (node.into(), u64::MAX)).into();
        let waits = Waits { clients_nanos: u64::MAX, observer_nanos: u64::MAX, servers_nanos };
        let sample = MachineSample { waits: Some(waits), stolen_nanos: u64::MAX, ..MachineSample::default() };
        let delays = [sample.operation_delay_nanos(), sample.sight_delay_nanos(), sample.stall_nanos()];
        assert_eq!(delays, [u64::MAX; 3]);
        assert_eq!(sample.server_delay_nanos(&"A".into()), u64::MAX);
    }

    /// What a server does as told can have waited for that server and for one other, whichever waited longest.
    #[rstest::rstest]
    #[case::the_longest("A", 30 + 5)]
    #[case::another("B", 5 + 30)]
    #[case::one_that_did_not_wait("D", 30)]
    fn a_told_server_waits_for_itself_and_another(#[case] node: &str, #[case] expected: u64) {
        let servers_nanos = [("A", 30), ("B", 5), ("C", 2)].map(|(node, nanos)| (node.into(), nanos)).into();
        let waits = Waits { clients_nanos: 100, observer_nanos: 100, servers_nanos };
        let sample = MachineSample { waits: Some(waits), ..MachineSample::default() };
        assert_eq!(sample.server_delay_nanos(&node.into()), expected);
    }
}
