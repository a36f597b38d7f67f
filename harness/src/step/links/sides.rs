//! The sides of a network that cannot reach each other.

use std::collections::{BTreeMap, BTreeSet};

use super::{ChosenLinks, between};
use crate::evidence::LinksText;
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{HostName, NodeName};

/// The sides of a network, by their names.
pub(super) type Sides = BTreeMap<String, Vec<HostName>>;

/// A side: its name, its hosts, and where they stand.
pub(super) type NamedSide<'a> = (&'a str, &'a [HostName], Cursor<'a>);

/// Every link between hosts of different sides.
pub(super) fn apart(sides: &[Vec<HostName>]) -> ChosenLinks {
    let pairs = sides.iter().enumerate().flat_map(|(index, side)| sides[index + 1..].iter().map(move |o| (side, o)));
    let links = pairs.flat_map(|(side, other)| between(side, other)).collect();
    ChosenLinks { links, text: LinksText::sides(sides) }
}

/// `east: B C | west: A`.
pub(super) fn in_words(sides: &Sides) -> String {
    let sides: Vec<_> = sides.iter().map(|(name, hosts)| format!("{name}: {}", HostName::list(hosts))).collect();
    sides.join(" | ")
}

/// ` with app`; nothing without hosts.
pub(super) fn with(hosts: &[HostName]) -> String {
    if hosts.is_empty() { String::new() } else { format!(" with {}", HostName::list(hosts)) }
}

/// Reports what is wrong with the sides of a network; `bridge` is the node that is on none of them.
pub(super) fn check(checker: &mut Checker<'_>, sides: &Sides, bridge: Option<&NodeName>, links: Cursor<'_>) {
    let at = links.field("sides");
    let certain = checker.is_as_written(links);
    let head = links.field_name("sides").unwrap_or_else(|| links.head());
    let reported = checker.reported();
    checker.check_keys(at);
    let placed: Vec<_> = sides.iter().map(|(name, hosts)| (name.as_str(), hosts.as_slice(), at.entry(name))).collect();
    for &(name, hosts, hosts_at) in &placed {
        checker.check_label(name, at.key(name));
        checker.check_hosts(hosts, hosts_at);
    }
    check_disjoint(checker, &placed);
    let is_bridged = |host: &HostName| bridge.is_some_and(|bridge| host.is(bridge));
    if !certain || checker.reported() != reported || sides.values().flatten().any(is_bridged) {
        return;
    }
    if sides.len() < 2 {
        let problem = Problem::new(head, "a split has at least two sides");
        checker.report(problem.help("write `sides: {\"west\": [\"A\", ...], \"east\": [\"B\", ...]}`"));
    } else {
        // A name that is not as it was meant leaves another one out.
        check_all_are_placed(checker, sides, bridge, Problem::new(head, ""));
    }
}

/// Forgetting a node would make it a bridge without a word; but of several systems one may stay whole.
fn check_all_are_placed(checker: &mut Checker<'_>, sides: &Sides, bridge: Option<&NodeName>, problem: Problem) {
    let placed: BTreeSet<_> = sides.values().flatten().collect();
    let is_placed = |node: &NodeName| placed.contains(&HostName::own(node)) || bridge == Some(node);
    let members = || checker.topology.members.iter().filter(|member| member.host.is(&member.name));
    let divided: BTreeSet<_> = members().filter(|member| is_placed(&member.name)).map(|member| member.system).collect();
    let is_divided = |system| checker.topology.systems.len() == 1 || divided.contains(&system);
    let missing = members().filter(|member| is_divided(member.system) && !is_placed(&member.name));
    let missing: Vec<_> = missing.map(|member| &member.name).map(|node| format!("`{node}`")).collect();
    if !missing.is_empty() {
        let (is, it) = if missing.len() == 1 { ("is", "it") } else { ("are", "each") };
        let problem = Problem { message: format!("{} {is} on no side", missing.join(", ")), ..problem };
        checker.report(problem.help(format!("put {it} on a side; a node that sees both sides is a `Bridge`")));
    }
}

/// Reports hosts that are on two sides.
pub(super) fn check_disjoint(checker: &mut Checker<'_>, sides: &[NamedSide<'_>]) {
    for (index, (name, hosts, at)) in sides.iter().enumerate() {
        for (position, host) in hosts.iter().enumerate() {
            let first = sides[..index]
                .iter()
                .find_map(|(other, hosts, at)| Some((other, at.index(hosts.iter().position(|one| one == host)?))));
            if let Some((other, first)) = first {
                let message = format!("`{host}` is on two sides: `{other}` and `{name}`");
                let problem = Problem::new(at.index(position).head(), message);
                checker.report(problem.also(first.head(), "the first").help("sides must not overlap"));
            }
        }
    }
}
