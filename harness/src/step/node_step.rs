//! Steps that act on nodes: by name, or on those that a selector chooses.

use std::fmt;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{LocalBoxFuture, join_all};
use tokio::time::{Instant as Timer, sleep};

use super::StepKind;
use super::error::{Abort, StepEnd};
use super::stage::Stage;
use super::target::Target;
use crate::evidence::{Effect, EventKind, NodeStatus};
use crate::provider::{Provider, ProviderError};
use crate::system::{NodeSpec, NotDone, Servers, SystemError};
use crate::text::{Cursor, Named, Problem};
use crate::validate::{Action, Checker, Foreseen, Verb};
use crate::vocab::{self, Instant, NodeName};

/// How often a proof is looked for.
const PROOF_POLL: Duration = Duration::from_millis(1);
/// How long to look for the proof that a signal had its effect.
pub(super) const PROOF_BOUND: Duration = Duration::from_secs(5);

/// A step that does something to nodes.
pub trait NodeStep: Named + fmt::Display + Sync {
    /// What it does to a node, as messages have it.
    const VERB: Verb;

    /// The statuses one of which a node must have for it to be done.
    const REQUIRES: &'static [NodeStatus];

    /// The nodes.
    fn target(&self) -> Target;

    /// What it does to each of them.
    fn effect(&self) -> Effect;

    /// What the node's server must do, and how soon; none if the kernel alone carries it out.
    fn demand(&self, _: &NodeSpec) -> Option<Demand> {
        None
    }

    /// Whether it makes a replica a master.
    fn promotes(&self) -> bool {
        false
    }

    /// What it does, without how: `Kill A`.
    fn heading(&self) -> String {
        format!("{} {}", Self::NAME, self.target())
    }

    /// The other nodes that it names.
    fn others(&self) -> Vec<NodeName> {
        Vec::new()
    }

    /// Reports what is wrong with its other arguments.
    fn check_arguments(&self, _: &mut Checker<'_>, _: Cursor<'_>) {}

    /// Reports what else is wrong with it after the steps before it.
    fn follow_arguments(&self, _: &mut Checker<'_>, _: &mut Foreseen<'_>, _: Cursor<'_>) {}

    /// Whether the disk of a node that it acts on must have a cache.
    fn needs_caching_disk(&self) -> bool {
        false
    }

    /// Whether it happens to a host, and so to every node that runs there.
    fn is_of_host(&self) -> bool {
        false
    }

    /// Does it to one node and looks, within a bound, for the proof that it happened.
    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>>;

    /// Undoes, at the end of the run, what it did to a node, as far as it still lasts.
    fn undo_on<'a>(
        &'a self,
        _: &'a Servers,
        _: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        async { Ok(None) }.boxed_local()
    }

    /// What it does, in general terms.
    fn action(&self) -> Action {
        Action { name: Self::NAME, verb: Self::VERB, requires: Self::REQUIRES, effect: self.effect() }
    }
}

/// What a step did to a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// The instant just before the first system call that caused it.
    pub began: Instant,
    /// What proves that it happened. `None`: no proof was found, so it must not be taken for granted.
    pub proof: Option<String>,
}

/// What was undone at the end of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The name of the step that undoes it.
    pub name: &'static str,
    /// What that does to the node.
    pub effect: Effect,
    /// When, and what proves it.
    pub applied: Applied,
}

/// What a server must do, and how soon. If it does not, that is its failing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Demand {
    /// What it must do, after "it must".
    pub what: &'static str,
    /// How long it may take.
    pub within: Duration,
}

/// Reports a `within` that nothing could keep.
pub(super) fn check_bound(within: Option<vocab::Duration>, checker: &mut Checker<'_>, at: Cursor<'_>) {
    if within == Some(vocab::Duration::default()) {
        checker.report(Problem::new(at.field("within").head(), "nothing can be done within no time"));
    }
}

impl<S: NodeStep> StepKind for S {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        let target = self.target();
        target.check(checker, self.action(), at);
        if let Some(node) = target.node.filter(|_| self.is_of_host()) {
            checker.check_own_host(&node, at.field("node"));
        }
        self.check_arguments(checker, at);
    }

    fn follow<'a>(&self, checker: &mut Checker<'a>, foreseen: &mut Foreseen<'a>, at: Cursor<'a>) {
        self.follow_arguments(checker, foreseen, at);
        let target = self.target();
        target.follow(checker, foreseen, self.action(), at);
        for node in target.node.filter(|_| self.is_of_host()).iter().flat_map(|node| checker.beside(node)) {
            if foreseen.status(&node).is_none_or(|status| S::REQUIRES.contains(&status)) {
                foreseen.act(at, self.action(), &node);
            }
        }
    }

    fn effect(&self) -> Option<Effect> {
        Some(NodeStep::effect(self))
    }

    fn promotes(&self) -> bool {
        NodeStep::promotes(self)
    }

    fn heading(&self) -> String {
        NodeStep::heading(self)
    }

    fn needs_caching_disk(&self) -> bool {
        NodeStep::needs_caching_disk(self)
    }

    fn names(&self) -> Vec<NodeName> {
        self.target().node.into_iter().chain(self.others()).collect()
    }

    fn needs_topology(&self) -> bool {
        self.target().asks_topology()
    }

    fn demand(&self, node: &NodeSpec) -> Option<Demand> {
        NodeStep::demand(self, node)
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        act(stage, index, self).boxed_local()
    }

    fn apply_to<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let status = servers.provider().status_of(node)?;
            if !S::REQUIRES.contains(&status) {
                let doing = S::VERB.present.to_owned();
                return Err(ProviderError::WrongStatus { node: node.clone(), doing, status }.into());
            }
            self.apply(servers, node).await
        }
        .boxed_local()
    }

    fn undo<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Option<Undone>, SystemError>> {
        self.undo_on(servers, node)
    }
}

/// Does a step to all nodes that it means, at the same time.
async fn act<S: NodeStep>(stage: &mut Stage<'_>, index: usize, step: &S) -> Result<StepEnd, Abort> {
    let mut nodes = stage.chosen(index, S::NAME, &step.target()).await?;
    if step.is_of_host() {
        let status = stage.servers.provider().status().borrow().clone();
        let can = |node: &NodeName| status.get(node).is_some_and(|status| S::REQUIRES.contains(status));
        nodes.extend(stage.servers.beside(&nodes).into_iter().filter(can));
    }
    stage.acted.extend(nodes.iter().map(|node| (index, node.clone())));
    let applied = join_all(nodes.iter().map(|node| step.apply_to(stage.servers, node))).await;
    let mut outcome = Ok(StepEnd::Done);
    for (node, applied) in nodes.iter().zip(applied) {
        match applied {
            Ok(Applied { began, proof }) => stage.journal.record(EventKind::ActedOnNode {
                step: Some(index),
                action: S::NAME.to_owned(),
                effect: step.action().effect,
                node: node.clone(),
                began,
                proof,
            }),
            // What did happen to the other nodes is evidence all the same.
            Err(SystemError::NotDone(NotDone { node, reason, within, log })) => {
                let within_ms = within.map(|within| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
                stage.journal.record(EventKind::StepFailed { step: index, node, reason, within_ms, log });
                outcome = outcome.and(Ok(StepEnd::Failed));
            }
            Err(error) => outcome = outcome.and(Err(error.into())),
        }
    }
    outcome
}

/// Polls for the process state of `node` that `proves` the step; the proof names what was seen.
pub(super) async fn proof_of_state(
    provider: &dyn Provider,
    node: &NodeName,
    proves: fn(char) -> bool,
) -> Option<String> {
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
