//! The kernel's rules and routes for links that are cut or shaped.
//!
//! Each cut or shaped link is one policy rule of the router, each range of a cut port of a link two: one for packets to it, one
//! for packets from it. The sending host loses its direct route at the same time,
//! so that its packets reach the router. If the link is rejected, the sending host also gets an unreachable route. ICMP
//! messages of the router would not do instead: the kernel limits them to five per host and then one a second, so most
//! connections would hang instead of being refused.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::Ipv4Addr;

use futures_util::future::join_all;
use nix::errno::Errno;
use rtnetlink::packet_route::route::RouteType;
use rtnetlink::packet_route::rule::{RuleAction, RuleAttribute, RulePortRange};
use rtnetlink::{Handle, RouteMessageBuilder, RuleAddRequest};

use super::direct_links::{self, DirectLinks};
use super::error::{netlink, system};
use super::hosts::connect;
use super::interfaces::interface_to;
use super::links::{Direction, LinkState, Passage, Transition};
use super::{ClientHost, NetworkError, SHAPING_TABLE};
use crate::vocab::CutBy;

/// Before the shaping rules, so that packets which come back from the device are cut as well.
const CUT_PRIORITY: u32 = 100;
/// A priority of its own: asked to remove a rule without ports, the kernel would also take one with ports for it.
const CUT_PORT_PRIORITY: u32 = 150;
const SHAPE_PRIORITY: u32 = 200;

/// How many requests may be under way at once. The kernel drops answers that do not fit into the socket's buffer, which
/// happens with a few hundred more.
const REQUESTS_AT_ONCE: usize = 64;

/// The first and the last of ports.
type PortRange = (u16, u16);

/// A rule or route for one link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rule {
    /// A route of the sending host: the direct one, past the router.
    Bypass(Direction),
    /// A rule of the router: drop.
    Silence(Direction),
    /// A rule of the router: drop packets to these ports of the receiving host.
    SilenceTo(Direction, PortRange),
    /// A rule of the router: drop packets from these ports of the sending host.
    SilenceFrom(Direction, PortRange),
    /// A route of the sending host: unreachable.
    Refuse(Direction),
    /// A rule of the router: send packets that come from the sending host into the shaping device.
    Divert(Direction),
}

fn rules(direction: Direction, passage: &Passage) -> BTreeSet<Rule> {
    let whole = match passage.state {
        // The router must see the packets to know their ports.
        LinkState::Open if !passage.cut_ports.is_empty() => vec![],
        LinkState::Open => vec![Rule::Bypass(direction)],
        LinkState::Cut(CutBy::Drop) => vec![Rule::Silence(direction)],
        LinkState::Cut(CutBy::Reject) => vec![Rule::Silence(direction), Rule::Refuse(direction)],
        LinkState::Shaped(_) => vec![Rule::Divert(direction)],
    };
    let ranges = passage.cut_ports.iter().flat_map(|port| port.ranges()).map(|range| (*range.start(), *range.end()));
    let of_range = |range| [Rule::SilenceTo(direction, range), Rule::SilenceFrom(direction, range)];
    whole.into_iter().chain(ranges.flat_map(of_range)).collect()
}

/// The netlink connections for rules and routes, open for the whole run.
#[derive(Debug)]
pub(in crate::network) struct Rules {
    router: Handle,
    hosts: BTreeMap<Ipv4Addr, Handle>,
    direct: DirectLinks,
}

impl Rules {
    /// Connects to the hosts' namespaces and to the router's, which must be the calling thread's.
    pub(in crate::network) fn connect(
        hosts: impl Iterator<Item = (Ipv4Addr, ClientHost)>,
        direct: DirectLinks,
    ) -> Result<Self, NetworkError> {
        let connected = hosts.map(|(ip, host)| {
            let handle = host.within(connect).map_err(system(format!("enter the host {ip}")))??;
            Ok((ip, handle))
        });
        Ok(Self { router: connect()?, hosts: connected.collect::<Result<_, NetworkError>>()?, direct })
    }

    /// Applies transitions. New rules are added before old ones are removed, so that no packet slips through in
    /// between.
    pub(in crate::network) async fn change(&self, transitions: &[Transition]) -> Result<(), NetworkError> {
        let (mut added, mut removed) = (Vec::new(), Vec::new());
        for Transition { direction, old, new } in transitions {
            let (old, new) = (rules(*direction, old), rules(*direction, new));
            added.extend(new.difference(&old).copied());
            removed.extend(old.difference(&new).copied());
        }
        all(added.into_iter().map(|rule| self.add(rule))).await?;
        all(removed.into_iter().map(|rule| self.remove(rule))).await
    }

    async fn add(&self, rule: Rule) -> Result<(), NetworkError> {
        let added = match rule {
            Rule::Bypass(direction) | Rule::Refuse(direction) => match self.route(rule, direction) {
                // It does no harm if it exists already.
                Some((host, route)) => host.route().add(route.build()).replace().execute().await,
                None => Ok(()),
            },
            Rule::Silence(direction)
            | Rule::SilenceTo(direction, _)
            | Rule::SilenceFrom(direction, _)
            | Rule::Divert(direction) => self.policy(rule, direction).execute().await,
        };
        added.map_err(netlink(format!("add the rule {rule:?}")))
    }

    async fn remove(&self, rule: Rule) -> Result<(), NetworkError> {
        let removed = match rule {
            Rule::Bypass(direction) | Rule::Refuse(direction) => match self.route(rule, direction) {
                Some((host, route)) => host.route().del(route.build()).execute().await,
                None => Ok(()),
            },
            Rule::Silence(direction)
            | Rule::SilenceTo(direction, _)
            | Rule::SilenceFrom(direction, _)
            | Rule::Divert(direction) => {
                let message = self.policy(rule, direction).message_mut().clone();
                self.router.rule().del(message).execute().await
            }
        };
        match removed.map_err(netlink(format!("remove the rule {rule:?}"))) {
            // Already gone, which is fine. Whether it was in effect until now is what the probes prove.
            Err(error) if matches!(error.errno(), Errno::ENOENT | Errno::ESRCH) => Ok(()),
            removed => removed,
        }
    }

    /// The connection to the sending host and its route for this rule; `None` if it needs none.
    fn route(&self, rule: Rule, direction: Direction) -> Option<(&Handle, RouteMessageBuilder<Ipv4Addr>)> {
        let host = self.hosts.get(&direction.from)?;
        match rule {
            Rule::Bypass(_) => self.direct.contains(&direction).then(|| (host, direct_links::route(direction))),
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
            Rule::SilenceTo(_, range) => drop_port(request, RuleAttribute::DestinationPortRange(ports(range))),
            Rule::SilenceFrom(_, range) => drop_port(request, RuleAttribute::SourcePortRange(ports(range))),
            _ => request.priority(CUT_PRIORITY).action(RuleAction::Blackhole),
        }
    }
}

fn ports((start, end): PortRange) -> RulePortRange {
    RulePortRange { start, end }
}

/// Applies to every protocol that has ports, so also to probes.
fn drop_port(request: RuleAddRequest<Ipv4Addr>, port: RuleAttribute) -> RuleAddRequest<Ipv4Addr> {
    let mut request = request.priority(CUT_PORT_PRIORITY).action(RuleAction::Blackhole);
    request.message_mut().attributes.push(port);
    request
}

/// It takes effect only without the direct route, whose metric is lower.
fn refusal(direction: Direction) -> RouteMessageBuilder<Ipv4Addr> {
    RouteMessageBuilder::<Ipv4Addr>::new().destination_prefix(direction.to, 32).kind(RouteType::Unreachable).priority(1)
}

/// Runs all requests, even if some fail; returns the first error.
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
