//! Which cuts and shapes are in force on directed links, and the resulting state of each link. No I/O.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::vocab::{CutBy, LinkShape, ServerPort};

/// One direction between two hosts: a directed link by its addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Direction {
    /// The host that sends.
    pub(super) from: Ipv4Addr,
    /// The host that receives.
    pub(super) to: Ipv4Addr,
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", self.from, self.to)
    }
}

/// What can be done to a link.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Treatment {
    /// Nothing passes.
    Cut(CutBy),
    /// Nothing passes to or from this port of either host's server.
    CutPort(ServerPort),
    /// Packets pass, shaped like this.
    Shape(LinkShape),
}

/// The state of a link, given everything in force, except for single ports.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum LinkState {
    /// Packets pass untouched.
    Open,
    /// Nothing passes.
    Cut(CutBy),
    /// Packets pass, shaped like this.
    Shaped(LinkShape),
}

/// What becomes of packets on a link.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Passage {
    /// What becomes of them, whatever their ports.
    pub(super) state: LinkState,
    /// The ports that nothing passes to or from.
    pub(super) cut_ports: BTreeSet<ServerPort>,
}

/// A change of what becomes of packets on a link.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Transition {
    /// The link.
    pub(super) direction: Direction,
    /// What became of packets before.
    pub(super) old: Passage,
    /// What becomes of them afterwards.
    pub(super) new: Passage,
}

/// A cut or a shape with its name and its links.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NamedTreatment {
    name: String,
    /// The links it applies to.
    pub(super) directions: BTreeSet<Direction>,
    /// What it does to them.
    pub(super) what: Treatment,
}

/// The cuts and shapes in force, oldest first.
#[derive(Clone, Debug, Default)]
pub(super) struct LinkStates(Vec<NamedTreatment>);

impl LinkStates {
    /// Their names, oldest first.
    pub(super) fn names(&self) -> Vec<String> {
        self.0.iter().map(|one| one.name.clone()).collect()
    }

    /// The cut or shape of this name.
    pub(super) fn get(&self, name: &str) -> Option<&NamedTreatment> {
        self.0.iter().find(|one| one.name == name)
    }

    /// The state of a link: that of the newest cut, else that of the newest shape. A cut takes precedence over every
    /// shape, older or newer.
    pub(super) fn state(&self, direction: Direction) -> LinkState {
        let cut = self.newest_first(direction).find_map(|one| match one.what {
            Treatment::Cut(by) => Some(LinkState::Cut(by)),
            Treatment::CutPort(_) | Treatment::Shape(_) => None,
        });
        cut.or_else(|| self.shape(direction).map(LinkState::Shaped)).unwrap_or(LinkState::Open)
    }

    /// The state of a link for packets to or from a port.
    pub(super) fn state_of_port(&self, direction: Direction, port: ServerPort) -> LinkState {
        match self.passage(direction) {
            Passage { state: cut @ LinkState::Cut(_), .. } => cut,
            Passage { cut_ports, .. } if cut_ports.contains(&port) => LinkState::Cut(CutBy::Drop),
            Passage { state, .. } => state,
        }
    }

    fn passage(&self, direction: Direction) -> Passage {
        let cut_port = |one: &NamedTreatment| match one.what {
            Treatment::CutPort(port) => Some(port),
            Treatment::Cut(_) | Treatment::Shape(_) => None,
        };
        Passage { state: self.state(direction), cut_ports: self.newest_first(direction).filter_map(cut_port).collect() }
    }

    /// The most that a packet on this link may be delayed. A cut does not change it: packets already under way still
    /// arrive.
    pub(super) fn delay(&self, direction: Direction) -> Duration {
        self.shape(direction).map_or(Duration::ZERO, |shape| shape.delay.0 + shape.jitter.0)
    }

    /// The shape that applies to a link, and its name, even if a cut hides it at the moment.
    pub(super) fn shaper(&self, direction: Direction) -> Option<(&str, LinkShape)> {
        self.newest_first(direction).find_map(|one| match one.what {
            Treatment::Shape(shape) => Some((one.name.as_str(), shape)),
            Treatment::Cut(_) | Treatment::CutPort(_) => None,
        })
    }

    /// Those of these links whose shape is another one than before, with the new one; `None` if it has none any more.
    pub(super) fn reshaped(
        &self,
        before: &Self,
        directions: &BTreeSet<Direction>,
    ) -> Vec<(Direction, Option<LinkShape>)> {
        let reshaped = directions.iter().filter(|direction| self.shaper(**direction) != before.shaper(**direction));
        reshaped.map(|direction| (*direction, self.shape(*direction))).collect()
    }

    fn shape(&self, direction: Direction) -> Option<LinkShape> {
        self.shaper(direction).map(|(_, shape)| shape)
    }

    fn newest_first(&self, direction: Direction) -> impl Iterator<Item = &NamedTreatment> {
        self.0.iter().rev().filter(move |one| one.directions.contains(&direction))
    }

    /// Puts a cut or shape in force; returns the links whose state changes. `None` if the name is already in force.
    pub(super) fn begin(
        &mut self,
        name: &str,
        directions: &BTreeSet<Direction>,
        what: Treatment,
    ) -> Option<Vec<Transition>> {
        if self.get(name).is_some() {
            return None;
        }
        let begun = NamedTreatment { name: name.to_owned(), directions: directions.clone(), what };
        Some(self.changed(directions, |states| states.0.push(begun)))
    }

    /// Ends a cut or shape; returns it and the links whose state changes. `None` if no such name is in force.
    pub(super) fn end(&mut self, name: &str) -> Option<(NamedTreatment, Vec<Transition>)> {
        let ended = self.get(name)?.clone();
        let transitions = self.changed(&ended.directions, |states| states.0.retain(|one| one.name != name));
        Some((ended, transitions))
    }

    fn changed(&mut self, directions: &BTreeSet<Direction>, change: impl FnOnce(&mut Self)) -> Vec<Transition> {
        let before: Vec<_> = directions.iter().map(|direction| (*direction, self.passage(*direction))).collect();
        change(self);
        let transitions =
            before.into_iter().map(|(direction, old)| Transition { direction, old, new: self.passage(direction) });
        transitions.filter(|transition| transition.old != transition.new).collect()
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::vocab;

    const DROP: Treatment = Treatment::Cut(CutBy::Drop);
    const REJECT: Treatment = Treatment::Cut(CutBy::Reject);

    fn late(milliseconds: u64) -> LinkShape {
        LinkShape { delay: vocab::Duration::from_millis(milliseconds), ..LinkShape::default() }
    }

    const CUT_BUS: Treatment = Treatment::CutPort(ServerPort::Bus);
    const CUT_CLIENTS: Treatment = Treatment::CutPort(ServerPort::Clients);

    /// No port is cut.
    fn whole(state: LinkState) -> Passage {
        Passage { state, cut_ports: BTreeSet::new() }
    }

    fn direction(from: u8, to: u8) -> Direction {
        let host = |number| Ipv4Addr::new(10, 128, 0, number);
        Direction { from: host(from), to: host(to) }
    }

    /// In force, one after the other, on the same link.
    fn states(whats: &[Treatment]) -> LinkStates {
        let mut states = LinkStates::default();
        for (index, what) in whats.iter().enumerate() {
            states.begin(&index.to_string(), &BTreeSet::from([direction(2, 3)]), *what).unwrap();
        }
        states
    }

    #[rstest]
    #[case::nothing(&[], LinkState::Open)]
    #[case::a_cut(&[DROP], LinkState::Cut(CutBy::Drop))]
    #[case::the_newest_cut(&[REJECT, DROP], LinkState::Cut(CutBy::Drop))]
    #[case::a_shape(&[Treatment::Shape(late(5))], LinkState::Shaped(late(5)))]
    #[case::the_newest_shape(&[Treatment::Shape(late(5)), Treatment::Shape(late(7))], LinkState::Shaped(late(7)))]
    #[case::a_cut_over_an_older_shape(&[Treatment::Shape(late(5)), REJECT], LinkState::Cut(CutBy::Reject))]
    #[case::a_cut_under_a_newer_shape(&[REJECT, Treatment::Shape(late(5))], LinkState::Cut(CutBy::Reject))]
    fn the_newest_cut_counts_then_the_newest_shape(#[case] whats: &[Treatment], #[case] expected: LinkState) {
        let states = states(whats);
        assert_eq!((states.state(direction(2, 3)), states.state(direction(3, 2))), (expected, LinkState::Open));
    }

    #[rstest]
    #[case::the_only_one(&[DROP], 0, Some((LinkState::Cut(CutBy::Drop), LinkState::Open)))]
    #[case::one_of_two_alike(&[DROP, DROP], 0, None)]
    #[case::the_newer_of_two(&[DROP, REJECT], 1, Some((LinkState::Cut(CutBy::Reject), LinkState::Cut(CutBy::Drop))))]
    #[case::the_older_of_two(&[DROP, REJECT], 0, None)]
    #[case::a_cut_over_a_shape(&[Treatment::Shape(late(5)), DROP], 1, Some((LinkState::Cut(CutBy::Drop), LinkState::Shaped(late(5)))))]
    #[case::a_shape_under_a_cut(&[Treatment::Shape(late(5)), DROP], 0, None)]
    fn healing_changes_what_is_not_disturbed_otherwise(
        #[case] whats: &[Treatment],
        #[case] healed: usize,
        #[case] expected: Option<(LinkState, LinkState)>,
    ) {
        let (ended, transitions) = states(whats).end(&healed.to_string()).unwrap();
        assert_eq!(ended.what, whats[healed]);
        let expected =
            expected.map(|(old, new)| Transition { direction: direction(2, 3), old: whole(old), new: whole(new) });
        assert_eq!(transitions, Vec::from_iter(expected));
    }

    /// For other ports, for the bus and for clients.
    #[rstest]
    #[case::a_port(&[CUT_BUS], [LinkState::Open, LinkState::Cut(CutBy::Drop), LinkState::Open])]
    #[case::both_ports(&[CUT_BUS, CUT_CLIENTS], [LinkState::Open, LinkState::Cut(CutBy::Drop), LinkState::Cut(CutBy::Drop)])]
    #[case::a_port_of_a_shaped_link(
        &[CUT_CLIENTS, Treatment::Shape(late(5))],
        [LinkState::Shaped(late(5)), LinkState::Shaped(late(5)), LinkState::Cut(CutBy::Drop)]
    )]
    #[case::a_port_of_a_link_that_is_cut(&[REJECT, CUT_BUS], [LinkState::Cut(CutBy::Reject); 3])]
    fn a_cut_port_leaves_the_others_as_they_are(#[case] whats: &[Treatment], #[case] expected: [LinkState; 3]) {
        let states = states(whats);
        let port = |port| states.state_of_port(direction(2, 3), port);
        let seen = [states.state(direction(2, 3)), port(ServerPort::Bus), port(ServerPort::Clients)];
        assert_eq!(seen, expected);
        assert_eq!(states.state_of_port(direction(3, 2), ServerPort::Bus), LinkState::Open);
    }

    #[rstest]
    #[case::the_only_cut(&[CUT_BUS], true)]
    #[case::one_of_two_alike(&[CUT_BUS, CUT_BUS], false)]
    #[case::one_of_two_ports(&[CUT_CLIENTS, CUT_BUS], true)]
    fn healing_a_port_changes_its_rules_unless_another_cuts_it(#[case] whats: &[Treatment], #[case] changes: bool) {
        let (_, transitions) = states(whats).end(&(whats.len() - 1).to_string()).unwrap();
        assert_eq!(!transitions.is_empty(), changes);
    }

    #[test]
    fn only_links_that_change_are_transitions() {
        let mut states = states(&[DROP]);
        let both = BTreeSet::from([direction(2, 3), direction(3, 2)]);
        let transitions = states.begin("both", &both, DROP).unwrap();
        assert_eq!(
            transitions,
            [Transition {
                direction: direction(3, 2),
                old: whole(LinkState::Open),
                new: whole(LinkState::Cut(CutBy::Drop))
            }]
        );
        assert_eq!(states.names(), ["0", "both"]);
    }

    #[test]
    fn names_are_unique_among_those_in_force() {
        let mut states = states(&[DROP]);
        assert_eq!(states.begin("0", &BTreeSet::new(), REJECT), None);
        assert_eq!(states.end("1"), None);
        assert_eq!(states.names(), ["0"]);
        states.end("0").unwrap();
        assert!(states.begin("0", &BTreeSet::new(), REJECT).is_some());
    }

    #[rstest]
    #[case::a_first_shape(&[], Treatment::Shape(late(5)), Some(late(5)))]
    #[case::a_shape_under_a_cut(&[DROP], Treatment::Shape(late(5)), Some(late(5)))]
    #[case::a_newer_shape_that_is_alike(&[Treatment::Shape(late(5))], Treatment::Shape(late(5)), Some(late(5)))]
    #[case::a_cut_over_a_shape(&[Treatment::Shape(late(5))], DROP, None)]
    fn a_link_has_its_shape_for_as_long_as_no_other_counts(
        #[case] before: &[Treatment],
        #[case] begins: Treatment,
        #[case] expected: Option<LinkShape>,
    ) {
        let (before, links) = (states(before), BTreeSet::from([direction(2, 3)]));
        let mut after = before.clone();
        after.begin("new", &links, begins).unwrap();
        let expected: Vec<_> = expected.map(|shape| (direction(2, 3), Some(shape))).into_iter().collect();
        assert_eq!(after.reshaped(&before, &links), expected);
        // Its end gives back what was there.
        let former: Vec<_> = expected.iter().map(|(direction, _)| (*direction, before.shape(*direction))).collect();
        assert_eq!(before.reshaped(&after, &links), former);
    }

    #[test]
    fn a_cut_link_keeps_the_delay_of_what_is_under_way() {
        let shape = LinkShape { jitter: vocab::Duration::from_millis(2), ..late(5) };
        assert_eq!(states(&[Treatment::Shape(shape), DROP]).delay(direction(2, 3)), Duration::from_millis(7));
    }
}
