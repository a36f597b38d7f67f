//! Where keys lie, as a client knows that divides them by itself.

use crate::system::resp::Reply;
use crate::system::{Discovery, KnownNodes, NodeIndex, Origin, Question, ReadsFrom};
use crate::vocab::{Address, Position};

/// The masters in the order of the plan: the place of a key tells which of them has it, whatever anybody says.
#[derive(Clone, Debug)]
pub(super) struct KnownPlaces {
    known: KnownNodes,
    /// Where the first of the masters, and the first of the places, is.
    origin: Origin,
}

impl KnownPlaces {
    /// Knows these masters, by their index in the plan.
    pub(super) fn new(seeds: &[(u16, Address)], origin: Origin) -> Self {
        Self { known: KnownNodes::new(seeds), origin }
    }
}

impl Discovery for KnownPlaces {
    fn known(&self) -> &KnownNodes {
        &self.known
    }

    fn known_mut(&mut self) -> &mut KnownNodes {
        &mut self.known
    }

    fn target(&mut self, position: Position) -> Option<NodeIndex> {
        let index = self.origin.hosts + usize::from(position.0.checked_sub(self.origin.positions)?);
        self.known.planned().find(|(_, plan, _)| usize::from(*plan) == index).map(|(node, ..)| node)
    }

    fn reader(&mut self, position: Position, _: ReadsFrom) -> Option<NodeIndex> {
        self.target(position)
    }

    fn knows_replica(&self, _: Position) -> bool {
        false
    }

    /// Something that every server answers: there is nothing to learn.
    fn question(&self) -> Question {
        Question::of(&[b"PING"])
    }

    fn learn(&mut self, _: Address, _: usize, reply: &Reply<'_>) -> bool {
        *reply == Reply::Simple(b"PONG")
    }

    /// No server of these sends a client elsewhere.
    fn moved(&mut self, _: Position, address: Address) -> Option<NodeIndex> {
        self.known.node_at(address)
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_place_of_a_key_is_its_master() {
        let address = |last| Address::of_host(Ipv4Addr::new(10, 128, 0, last));
        let mut places = KnownPlaces::new(&[(0, address(2)), (1, address(3))], Origin::FIRST);
        assert!(places.learn(address(2), 0, &Reply::Simple(b"PONG")));
        assert!(!places.learn(address(2), 0, &Reply::Error(b"LOADING")));
        assert_eq!([0, 1, 2].map(|place| places.target(Position(place))), [Some(0), Some(1), None]);
        // Behind a cluster of six nodes.
        let origin = Origin { hosts: 6, shards: 3, positions: 16_384 };
        let mut places = KnownPlaces::new(&[(6, address(8)), (7, address(9))], origin);
        assert_eq!([0, 16_384, 16_385].map(|place| places.target(Position(place))), [None, Some(0), Some(1)]);
    }
}
