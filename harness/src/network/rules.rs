//! What the kernel is told about links that are not open.
//!
//! What cuts and shapes is a policy rule of the router, one a link; the sending host has then no route into the link's
//! lane, so that the router gets its packets. A host that shall be told that it cannot reach
//! another one gets a route that says so, beside the rule: of the router's own ICMP messages the kernel lets a host have
//! five, and then one a second, so that most connections would hang instead of being refused.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::Ipv4Addr;

use futures_util::future::join_all;
use nix::errno::Errno;
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::packet_route::rule::RuleAction;
use rtnetlink::{Handle, RouteMessageBuilder, RuleAddRequest};

use super::direct_links::{self, DirectLinks};
use super::error::{netlink, system};
use super::hosts::{connect, interface_to};
use super::links::{Direction, LinkState, Transition};
use super::{ClientHost, NetworkError, SHAPING_TABLE};
use crate::vocab::CutBy;

/// Before the rules that shape: what comes back from the device is cut, too.
const CUT_PRIORITY: u32 = 100;
const SHAPE_PRIORITY: u32 = 200;

/// Requests under way at once. The kernel's answers to some hundred more would not fit into the socket's buffer, and
/// those that do not are lost.
const REQUESTS_AT_ONCE: usize = 64;

/// One thing that the kernel is told about a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// The sending host knows the way past the router.
    Bypass(Direction),
    /// The router drops what it gets.
    Silence(Direction),
    /// The sending host knows no way.
    Refuse(Direction),
    /// The router gives what it gets from the sending host to the device that shapes.
    Divert(Direction),
}

fn rules(direction: Direction, state: LinkState) -> BTreeSet<Rule> {
    match state {
        LinkState::Open => BTreeSet::from([Rule::Bypass(direction)]),
        LinkState::Cut(CutBy::Drop) => BTreeSet::from([Rule::Silence(direction)]),
        LinkState::Cut(CutBy::Reject) => BTreeSet::from([Rule::Silence(direction), Rule::Refuse(direction)]),
        LinkState::Shaped(_) => BTreeSet::from([Rule::Divert(direction)]),
    }
}

/// The connections over which the kernel is told, open for the whole run.
#[derive(Debug)]
pub(in crate::network) struct Rules {
    router: Handle,
    hosts: BTreeMap<Ipv4Addr, Handle>,
    lanes: DirectLinks,
}

impl Rules {
    /// Connects to the namespaces of the router, which must be the calling thread's, and of the hosts.
    pub(in crate::network) fn connect(
        hosts: impl Iterator<Item = (Ipv4Addr, ClientHost)>,
        lanes: DirectLinks,
    ) -> Result<Self, NetworkError> {
        let connected = hosts.map(|(ip, host)| {
            let handle = host.within(connect).map_err(system(format!("enter the host {ip}")))??;
            Ok((ip, handle))
        });
        Ok(Self { router: connect()?, hosts: connected.collect::<Result<_, NetworkError>>()?, lanes })
    }

    /// Makes links what they become. New rules stand before old ones go, so that nothing slips through between them.
    pub(in crate::network) async fn change(&self, transitions: &[Transition]) -> Result<(), NetworkError> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for Transition { direction, old, new } in transitions {
            let (old, new) = (rules(*direction, *old), rules(*direction, *new));
            added.extend(new.difference(&old).copied());
            removed.extend(old.difference(&new).copied());
        }
        all(added.into_iter().map(|rule| self.add(rule))).await?;
        all(removed.into_iter().map(|rule| self.remove(rule))).await
    }

    async fn add(&self, rule: Rule) -> Result<(), NetworkError> {
        let added = match rule {
            Rule::Bypass(direction) | Rule::Refuse(direction) => match self.route(rule, direction) {
                // One that is there is what is wanted.
                Some((host, route)) => host.route().add(route.build()).replace().execute().await,
                None => Ok(()),
            },
            Rule::Silence(direction) | Rule::Divert(direction) => self.policy(rule, direction).execute().await,
        };
        added.map_err(netlink(format!("add the rule {rule:?}")))
    }

    async fn remove(&self, rule: Rule) -> Result<(), NetworkError> {
        let removed = match rule {
            Rule::Bypass(direction) | Rule::Refuse(direction) => match self.route(rule, direction) {
                Some((host, route)) => host.route().del(route.build()).execute().await,
                None => Ok(()),
            },
            Rule::Silence(direction) | Rule::Divert(direction) => {
                let message = self.policy(rule, direction).message_mut().clone();
                self.router.rule().del(message).execute().await
            }
        };
        match removed.map_err(netlink(format!("remove the rule {rule:?}"))) {
            // It is gone, as it should be. That it did its work until now is for the probes to say.
            Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ESRCH) => Ok(()),
            removed => removed,
        }
    }

    /// The sending host's kernel, and the route that it is to have; none if there is nothing to tell it.
    fn route(&self, rule: Rule, direction: Direction) -> Option<(&Handle, RouteMessageBuilder<Ipv4Addr>)> {
        let host = self.hosts.get(&direction.from)?;
        match rule {
            Rule::Bypass(_) => self.lanes.contains(&direction).then(|| (host, direct_links::route(direction))),
            _ => Some((host, refusal(direction))),
        }
    }

    fn policy(&self, rule: Rule, direction: Direction) -> RuleAddRequest<Ipv4Addr> {
        let request =
            self.router.rule().add().v4().source_prefix(direction.from, 32).destination_prefix(direction.to, 32);
        match rule {
            Rule::Divert(_) => request
                .input_interface(interface_to(direction.from))
                .priority(SHAPE_PRIORITY)
                .table_id(SHAPING_TABLE)
                .action(RuleAction::ToTable),
            _ => request.priority(CUT_PRIORITY).action(RuleAction::Blackhole),
        }
    }
}

/// It counts only without a lane: of two routes, that of the lesser metric does.
fn refusal(direction: Direction) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(direction.to, 32).kind(RouteType::Unreachable).priority(1)
}

/// All of the requests, also when some fail; the first error.
async fn all(
    requests: impl Iterator<Item = impl Future<Output = Result<(), NetworkError>>>,
) -> Result<(), NetworkError> {
    let requests: Vec<_> = requests.collect();
    let mut outcome = Ok(());
    let mut waiting = requests.into_iter().peekable();
    while waiting.peek().is_some() {
        let answers = join_all(waiting.by_ref().take(REQUESTS_AT_ONCE)).await;
        outcome = answers.into_iter().fold(outcome, Result::and);
    }
    outcome
}
