//! Reads `CLUSTER NODES`: one line a node, in any order.
//!
//! `<id> <ip:port@cport[,hostname[,aux=value...]]> <flags> <master id or -> <ping> <pong> <epoch> <link> <slot>...`
//! (Redis documentation, "CLUSTER NODES").

use std::collections::{BTreeMap, HashMap};

use super::names::{Names, stranger};
use super::view::ViewError;
use crate::evidence::{Health, Member};
use crate::vocab::{Address, NodeId, NodeName, Role, SlotRange, SlotSet};

/// One line, taken apart.
struct Line<'a> {
    id: &'a str,
    /// None once the address is gone (`:0@0`).
    address: Option<Address>,
    flags: Flags,
    /// The id of its master; none is written `-`.
    master: Option<&'a str>,
    epoch: u64,
    slots: SlotSet,
}

/// The flags that mean something here; `nofailover` and whatever a later version adds do not.
#[derive(Clone, Copy, Default)]
struct Flags {
    myself: bool,
    replica: bool,
    handshake: bool,
    health: Option<Health>,
}

/// Reads the reply of `viewer`: its own id, and every member by its name.
pub(super) fn members(
    viewer: &NodeName,
    text: &str,
    names: &Names,
) -> Result<(NodeId, BTreeMap<NodeName, Member>), ViewError> {
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| Line::parse(line).ok_or_else(|| ViewError::Line(line.chars().take(200).collect())))
        .collect::<Result<Vec<_>, _>>()?;
    let own = lines.iter().find(|line| line.flags.myself).ok_or(ViewError::NoMyself)?;
    let named = name_lines(viewer, &lines, names);
    let name_of = |id: &str| {
        let in_view = named.get(id).cloned();
        in_view.or_else(|| names.of_id(id).cloned()).unwrap_or_else(|| stranger(id))
    };
    let members = lines.iter().map(|line| (name_of(line.id), line.member(line.master.map(name_of)))).collect();
    Ok((NodeId(own.id.to_owned()), members))
}

/// Gives every line's id a name. Where several lines claim one, the node's present line has it: a stale former id
/// must not hide the node.
fn name_lines<'a>(viewer: &NodeName, lines: &[Line<'a>], names: &Names) -> HashMap<&'a str, NodeName> {
    let mut best: BTreeMap<&NodeName, &Line<'_>> = BTreeMap::new();
    let claims: Vec<_> = lines.iter().map(|line| (line, line.claims(viewer, names))).collect();
    for (line, claimed) in &claims {
        let Some(node) = claimed else { continue };
        let holder = best.entry(node).or_insert(line);
        if line.rank(node, names) > holder.rank(node, names) {
            *holder = line;
        }
    }
    let name = |(line, claimed): &(&Line<'a>, Option<&NodeName>)| {
        let own = claimed.filter(|node| best.get(node).is_some_and(|holder| std::ptr::eq(*holder, *line)));
        (line.id, own.cloned().unwrap_or_else(|| stranger(line.id)))
    };
    claims.iter().map(name).collect()
}

impl<'a> Line<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut fields = line.split_ascii_whitespace();
        let (id, address, flags, master) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        // Ping sent and pong received say nothing about the topology.
        let epoch = fields.by_ref().nth(2)?.parse().ok()?;
        let _link = fields.next()?;
        // A slot on its way to another node is still its owner's; the entry `[93-<-id]` names it a second time.
        let slots = fields.filter(|slot| !slot.starts_with('[')).map(str::parse::<SlotRange>);
        Some(Self {
            id,
            address: parse_address(address),
            flags: Flags::parse(flags),
            master: (master != "-").then_some(master),
            epoch,
            slots: slots.collect::<Result<_, _>>().ok()?,
        })
    }

    /// The node that the line is about, by what it says of itself: `myself`, its address, or its id once the
    /// address is gone.
    fn claims<'n>(&self, viewer: &'n NodeName, names: &'n Names) -> Option<&'n NodeName> {
        if self.flags.myself {
            return Some(viewer);
        }
        self.address.and_then(|address| names.of_address(address)).or_else(|| names.of_id(self.id))
    }

    /// Which of several lines about `node` is its present one: the largest.
    fn rank(&self, node: &NodeName, names: &Names) -> (bool, bool, bool, bool, bool) {
        (
            self.flags.myself,
            names.is_present(node, self.id),
            self.address.is_some(),
            !self.flags.handshake,
            self.flags.health != Some(Health::Fail),
        )
    }

    fn member(&self, master: Option<NodeName>) -> Member {
        Member {
            role: if self.flags.replica { Role::Replica } else { Role::Master },
            master,
            slots: self.slots.clone(),
            epoch: self.epoch,
            health: self.flags.health.unwrap_or(Health::Ok),
            handshake: self.flags.handshake,
        }
    }
}

impl Flags {
    fn parse(text: &str) -> Self {
        text.split(',').fold(Self::default(), |flags, flag| match flag {
            "myself" => Self { myself: true, ..flags },
            "slave" => Self { replica: true, ..flags },
            "handshake" => Self { handshake: true, ..flags },
            // `fail` outweighs `fail?`, in whatever order they come.
            "fail?" if flags.health.is_none() => Self { health: Some(Health::Pfail), ..flags },
            "fail" => Self { health: Some(Health::Fail), ..flags },
            _ => flags,
        })
    }
}

/// `10.128.0.2:6379@16379,hostname` as an address; none for `:0@0` and for what is not IPv4.
fn parse_address(text: &str) -> Option<Address> {
    let endpoint = text.split(['@', ',']).next()?;
    endpoint.parse().ok().map(Address)
}
