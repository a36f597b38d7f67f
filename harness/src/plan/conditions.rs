//! Conditions that can never hold where they stand. Only what is certain is said.

use crate::evidence::NodeStatus;
use crate::scenario::{Condition, Cursor, Problem, Span, suggest};
use crate::vocab::{NodeName, Role};

use super::checker::Checker;
use super::life::Lives;

/// The fewest masters of which a majority is left when one dies.
const MASTERS_FOR_MAJORITY: u16 = 3;

impl Checker<'_> {
    /// What can be said of a condition by itself.
    pub(super) fn check_condition(&mut self, condition: &Condition, at: Cursor<'_>) {
        match condition {
            Condition::Promoted(node) => {
                self.known(node, at.index(0));
                self.check_promotable(node, at);
            }
            Condition::Failed(node) | Condition::Refuses(node) => self.known(node, at.index(0)),
            Condition::Replicates { node, of } => {
                self.known(node, at.field("node"));
                self.known(of, at.field("of"));
                if node == of {
                    self.report(Problem::new(at.field("of").head(), "a node cannot replicate itself"));
                }
            }
            Condition::Finished(name) => self.check_finished(name, at.index(0)),
            Condition::Healthy | Condition::Down | Condition::Settled | Condition::Synced => {}
        }
    }

    fn check_finished(&mut self, name: &str, at: Cursor<'_>) {
        if !self.sound.load {
            return;
        }
        let loads = &self.scenario.load;
        let Some(index) = loads.iter().position(|load| load.name == name) else {
            let help = suggest(name, "loads", loads.iter().map(|load| load.name.as_str()));
            let problem = Problem::new(at.head(), format!("unknown load `{name}`"));
            self.report(help.into_iter().fold(problem, Problem::help));
            return;
        };
        if loads[index].operations.is_none() {
            let load = self.root.field("load").index(index).field("name").head();
            let problem = Problem::new(at.head(), format!("the load `{name}` never finishes"))
                .also(load, "it has no `operations`, so it goes on to the timeline's end")
                .help("limit it: `operations: 100_000`");
            self.report(problem);
        }
    }

    /// Why no replica of this topology can ever take over, and where that stands.
    pub(super) fn no_failover(&self) -> Option<(String, Span)> {
        let (masters, replicas) = self.shape();
        let topology = self.root.field("topology");
        if !self.sound.topology {
            None
        } else if replicas == 0 {
            Some(("no master has a replica that could take over".to_owned(), topology.field("replicas").head()))
        } else if masters < MASTERS_FOR_MAJORITY {
            let count = if masters == 1 { "a single master".to_owned() } else { format!("{masters} masters") };
            let why = format!("of {count} no majority is left to elect a replica when one dies");
            Some((why, topology.field("masters").head()))
        } else {
            None
        }
    }

    fn check_promotable(&mut self, node: &NodeName, at: Cursor<'_>) {
        let Some((why, place)) = self.no_failover() else { return };
        let (masters, replicas) = self.shape();
        let is_replica = self.member(node).is_some_and(|member| member.role == Role::Replica);
        if replicas == 0 && self.member(node).is_some() {
            let problem = Problem::new(at.head(), "`Promoted` waits for a replica to take over, and there is none");
            self.report(problem.also(place, "the reason").help("to wait until every slot is served write `Healthy`"));
        } else if masters < MASTERS_FOR_MAJORITY && is_replica {
            let problem = Problem::new(at.head(), format!("`{node}` can never be promoted: {why}"));
            self.report(problem.also(place, "the reason").help("take 3 masters or more"));
        }
    }

    /// What can be said of a condition after the steps before it.
    pub(super) fn check_reachable(&mut self, lives: &Lives, condition: &Condition, at: Cursor<'_>) {
        match condition {
            // Without replicas the condition itself has been reported.
            Condition::Promoted(_) if self.shape().1 == 0 => {}
            Condition::Promoted(node) => {
                if !self.check_present(lives, node, "be a master", at.index(0)) {
                    self.check_cause(lives, node, at);
                }
            }
            Condition::Replicates { node, of } => {
                self.check_present(lives, node, "replicate anything", at.field("node"));
                if lives.life(of) == Some(NodeStatus::Down) {
                    self.absent(lives, of, "be replicated", at.field("of"));
                }
            }
            Condition::Failed(_) if lives.disturbed => {}
            Condition::Failed(node) => self.check_failed(lives, node, at),
            Condition::Refuses(node) if lives.is_untouched() => {
                let message = format!("`{node}` cannot refuse to serve: nothing happened to the cluster so far");
                self.report(Problem::new(at.head(), message));
            }
            Condition::Refuses(node) => {
                self.check_present(lives, node, "refuse anything", at.index(0));
            }
            Condition::Healthy => self.check_healthy(lives, at),
            Condition::Down if lives.is_untouched() => {
                let problem = Problem::new(at.head(), "the cluster cannot be down: nothing happened to it so far");
                self.report(problem);
            }
            Condition::Down | Condition::Settled | Condition::Synced | Condition::Finished(_) => {}
        }
    }

    /// Whether a node that must answer certainly does not; reported.
    fn check_present(&mut self, lives: &Lives, node: &NodeName, what: &str, at: Cursor<'_>) -> bool {
        if matches!(lives.life(node), Some(NodeStatus::Down | NodeStatus::Paused)) {
            self.absent(lives, node, what, at);
            return true;
        }
        let stranger = lives.nodes.get(node).and_then(|state| state.stranger) == Some(true);
        if stranger {
            let problem = Problem::new(at.head(), format!("`{node}` cannot {what}: it was wiped and is in no cluster"));
            self.report(problem.help(format!("introduce it first: `Join(node: \"{node}\", replica_of: ...)`")));
        }
        stranger
    }

    fn absent(&mut self, lives: &Lives, node: &NodeName, what: &str, at: Cursor<'_>) {
        let message = format!("`{node}` cannot {what}: it {}", self.history(lives, node));
        let problem = Problem::new(at.head(), message);
        self.report(match self.cause(lives, node) {
            Some((span, text)) => problem.also(span, text),
            None => problem,
        });
    }

    /// A promotion that nothing causes.
    fn check_cause(&mut self, lives: &Lives, node: &NodeName, at: Cursor<'_>) {
        let Some(member) = self.member(node) else { return };
        let same_shard = |name: &NodeName| self.member(name).is_some_and(|other| other.shard == member.shard);
        let caused = lives.joined
            || lives.selected
            || lives.disturbed
            || self.may_migrate(lives)
            || lives.faulted.iter().any(|name| name != node && same_shard(name));
        // A topology without failover has been reported.
        if member.role == Role::Master || caused || self.no_failover().is_some() {
            return;
        }
        let master = NodeName::master(member.shard);
        let problem =
            Problem::new(at.head(), format!("`{node}` stays a replica: nothing happened to its master `{master}`"));
        self.report(problem.help(format!("take the master away first: `Kill(node: \"{master}\")`")));
    }

    /// Whether a replica may have moved to another shard by itself: a master whose replicas are gone is given one by the master
    /// that has most of them, if it keeps one. (Redis 7.0 `cluster.c`: `clusterHandleSlaveMigration`.)
    fn may_migrate(&self, lives: &Lives) -> bool {
        self.shape().1 >= 2 && !lives.is_untouched()
    }

    /// Where no majority is left to flag a node, its suspicion is the last word, and counts.
    fn check_failed(&mut self, lives: &Lives, node: &NodeName, at: Cursor<'_>) {
        if lives.life(node) == Some(NodeStatus::Running) {
            let message = format!("`{node}` cannot be flagged failed: it {}", self.history(lives, node));
            let problem = Problem::new(at.index(0).head(), message);
            self.report(match self.cause(lives, node) {
                Some((span, text)) => problem.also(span, text),
                None => problem,
            });
        }
    }

    /// A shard of which nothing is left, or nothing that could take over.
    fn check_healthy(&mut self, lives: &Lives, at: Cursor<'_>) {
        if lives.joined {
            return;
        }
        let no_failover = self.no_failover().is_some();
        let may_migrate = self.may_migrate(lives);
        let down = |name: &NodeName| lives.life(name) == Some(NodeStatus::Down);
        let lost = self.members.iter().filter(|member| member.role == Role::Master).find(|master| {
            let mut shard = self.members.iter().filter(|member| member.shard == master.shard);
            down(&master.name) && (no_failover || !may_migrate && shard.all(|member| down(&member.name)))
        });
        if let Some(name) = lost.map(|master| master.name.clone()) {
            let why = if no_failover { "no replica can take over" } else { "so are all its replicas" };
            let message =
                format!("the slots of `{name}` cannot be served: it {}, and {why}", self.history(lives, &name));
            let problem = Problem::new(at.head(), message);
            self.report(match self.cause(lives, &name) {
                Some((span, text)) => problem.also(span, text),
                None => problem,
            });
        }
    }
}
