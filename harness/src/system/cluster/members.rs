//! Reads `CLUSTER NODES`: one line a node, in any order.
//!
//! `<id> <ip:port@cport[,hostname[,aux=value...]]> <flags> <master id or -> <ping> <pong> <epoch> <link> <slot>...`
//! (Redis documentation, "CLUSTER NODES").

use std::collections::{BTreeMap, HashMap};

use super::slot::slot_range;
use crate::evidence::{Health, Member};
use crate::system::{Names, ReportError, unknown_node};
use crate::vocab::{Address, NodeId, NodeName, Ownership, Role};

const COMMAND: &str = "CLUSTER NODES";

/// One line, taken apart.
struct Line<'a> {
    id: &'a str,
    /// None once the address is gone (`:0@0`).
    address: Option<Address>,
    flags: Flags,
    /// The id of its master; none is written `-`.
    master: Option<&'a str>,
    version: u64,
    owns: Ownership,
}

/// The flags that mean something here; whatever a later version adds does not.
#[derive(Clone, Copy, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the flags of a line, each there or not")]
struct Flags {
    myself: bool,
    replica: bool,
    handshake: bool,
    no_failover: bool,
    health: Option<Health>,
}

/// Reads the reply of `viewer`: its own id, and every member by its name.
pub(super) fn members(
    viewer: &NodeName,
    text: &str,
    names: &Names,
) -> Result<(NodeId, BTreeMap<NodeName, Member>), ReportError> {
    let lines = text
        .lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            Line::parse(line)
                .ok_or_else(|| ReportError::Line { command: COMMAND, line: line.chars().take(200).collect() })
        })
        .collect::<Result<Vec<_>, _>>()?;
    let own = lines.iter().find(|line| line.flags.myself).ok_or(ReportError::NotItself { command: COMMAND })?;
    let in_view = name_lines(viewer, &lines, names);
    let name_of = |id: &str| {
        let here = in_view.get(id).cloned();
        here.or_else(|| names.of_id(id).cloned()).unwrap_or_else(|| unknown_node(id))
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
        (line.id, own.cloned().unwrap_or_else(|| unknown_node(line.id)))
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
        let slots = fields.filter(|slot| !slot.starts_with('[')).map(slot_range);
        Some(Self {
            id,
            address: parse_address(address),
            flags: Flags::parse(flags),
            master: (master != "-").then_some(master),
            version: epoch,
            owns: slots.collect::<Option<_>>()?,
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

    /// Which of several lines about `node` is its present one: the one that ranks highest. That it is known by its
    /// present id comes last, because the observer may not have asked the node yet since its id changed.
    fn rank(&self, node: &NodeName, names: &Names) -> [bool; 6] {
        [
            self.flags.myself,
            !names.is_former(self.id),
            self.address.is_some(),
            !self.flags.handshake,
            self.flags.health != Some(Health::Fail),
            names.is_present(node, self.id),
        ]
    }

    fn member(&self, master: Option<NodeName>) -> Member {
        Member {
            role: if self.flags.replica { Role::Replica } else { Role::Master },
            master,
            owns: self.owns.clone(),
            version: self.version,
            health: self.flags.health.unwrap_or(Health::Ok),
            handshake: self.flags.handshake,
            no_failover: self.flags.no_failover,
        }
    }
}

impl Flags {
    fn parse(text: &str) -> Self {
        text.split(',').fold(Self::default(), |flags, flag| match flag {
            "myself" => Self { myself: true, ..flags },
            "slave" => Self { replica: true, ..flags },
            "handshake" => Self { handshake: true, ..flags },
            "nofailover" => Self { no_failover: true, ..flags },
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;
    use crate::system::cluster::settle::in_words;

    const OLD: &str = "07c37dfeb235213a872192d90877d0cd55635b91";
    const NEW: &str = "e7d1eecce10fd6bb5eb35b9f99a514335d9ba9ca";
    const OTHER: &str = "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1";

    fn names() -> Names {
        let node = |name: &str, id: &str, address: &str| {
            (NodeName::new(name), NodeId(id.to_owned()), Address(address.parse().unwrap()))
        };
        Names::new([node("A", OTHER, "10.128.0.2:6379"), node("A1", OLD, "10.128.0.3:6379")])
    }

    fn shown(text: &str, names: &Names) -> Vec<String> {
        let (_, members) = members(&NodeName::new("A"), text, names).unwrap();
        members.iter().map(|(node, member)| format!("{node}: {}", in_words(member))).collect()
    }

    const MYSELF: &str =
        "67ed2db8d677e59ec4a4cefb06858cf2a1a89fa1 10.128.0.2:6379@16379 myself,master - 0 0 1 connected";

    #[rstest]
    #[case::redis_6("10.128.0.3:6379@16379")]
    #[case::redis_7("10.128.0.3:6379@16379,a1.example")]
    #[case::without_hostname("10.128.0.3:6379@16379,")]
    #[case::further_fields("10.128.0.3:6379@16379,,tls-port=0,shard-id=69bc080733d1355567173199cff4a6a039a2f024")]
    #[case::before_redis_4("10.128.0.3:6379")]
    #[case::gone(":0@0")]
    fn forms_of_an_address(#[case] address: &str) {
        let text = format!("{MYSELF} 0-3\n{OLD} {address} slave {OTHER} 0 17 1 connected\n");
        assert_eq!(shown(&text, &names()), ["A: master of 0-3 (epoch 1)", "A1: replica of A (epoch 1)"]);
    }

    #[rstest]
    #[case::nothing("noflags", Health::Ok, false)]
    #[case::suspected("master,fail?", Health::Pfail, false)]
    #[case::failed("slave,fail", Health::Fail, false)]
    #[case::both("slave,fail,fail?", Health::Fail, false)]
    #[case::both_the_other_way("slave,fail?,fail", Health::Fail, false)]
    #[case::handshake("handshake,nofailover", Health::Ok, true)]
    #[case::of_the_future("master,wonderful", Health::Ok, false)]
    fn flags_say_how_it_is(#[case] flags: &str, #[case] health: Health, #[case] handshake: bool) {
        let text = format!("{MYSELF}\n{OLD} 10.128.0.3:6379@16379 {flags} - 0 0 1 connected");
        let (_, members) = members(&NodeName::new("A"), &text, &names()).unwrap();
        let member = &members[&NodeName::new("A1")];
        assert_eq!((member.health, member.handshake), (health, handshake));
    }

    #[test]
    fn slots_under_way_are_their_owners() {
        let text = format!("{MYSELF} 1 5-7 [93-<-{OLD}] [77->-{OLD}]\n");
        assert_eq!(shown(&text, &names()), ["A: master of 1,5-7 (epoch 1)"]);
    }

    #[rstest]
    #[case::forgot_its_address(":0@0 slave,noaddr", false)]
    #[case::kept_its_address("10.128.0.3:6379@16379 slave,fail", false)]
    #[case::kept_its_address_and_looks_well("10.128.0.3:6379@16379 slave", true)]
    fn a_former_id_does_not_hide_the_node(#[case] stale: &str, #[case] learned: bool) {
        let mut names = names();
        if learned {
            names.learn(&NodeName::new("A1"), &NodeId(NEW.to_owned()));
        }
        let present = format!("{NEW} 10.128.0.3:6379@16379 master - 0 0 0 connected");
        let former = format!("{OLD} {stale} {OTHER} 0 0 1 disconnected");
        let expected = ["?07c37dfe: replica of A", "A: master without slots (epoch 1)"];
        for text in [format!("{MYSELF}\n{present}\n{former}\n"), format!("{former}\n{present}\n{MYSELF}\n")] {
            let shown = shown(&text, &names);
            assert!(shown[0].starts_with(expected[0]), "{shown:?}");
            assert_eq!(shown[1..], [expected[1], "A1: master without slots (epoch 0)"]);
        }
    }

    #[test]
    fn a_node_that_was_never_met_is_itself() {
        let text = format!("{NEW} :6379@16379 myself,master - 0 0 0 connected\n");
        let (id, members) = members(&NodeName::new("A"), &text, &names()).unwrap();
        assert_eq!(id.0, NEW);
        assert_eq!(members.keys().map(NodeName::as_str).collect::<Vec<_>>(), ["A"]);
    }

    #[rstest]
    #[case::empty("")]
    #[case::nobody_itself("67ed2db8 10.128.0.2:6379@16379 master - 0 0 1 connected")]
    #[case::cut_off("67ed2db8 10.128.0.2:6379@16379 myself,master - 0")]
    #[case::no_epoch("67ed2db8 10.128.0.2:6379@16379 myself,master - 0 0 x connected")]
    #[case::no_slot("67ed2db8 10.128.0.2:6379@16379 myself,master - 0 0 1 connected 0-16384")]
    fn nonsense_is_refused(#[case] text: &str) {
        assert!(members(&NodeName::new("A"), text, &names()).is_err());
    }

    proptest! {
        #[test]
        fn hostile_text_does_no_harm(text in "\\PC*") {
            let _ = members(&NodeName::new("A"), &text, &names());
        }

        #[test]
        fn hostile_fields_do_no_harm(fields in prop::collection::vec("[0-9a-f\\[<>,:@?-]{0,12}|myself|é|18446744073709551616", 0..16)) {
            let _ = members(&NodeName::new("A"), &format!("{MYSELF}\n{}", fields.join(" ")), &names());
        }
    }
}
