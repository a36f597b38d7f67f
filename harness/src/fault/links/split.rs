//! Sides that cannot reach each other.

use super::{Meant, between};
use crate::evidence::LinksText;
use crate::vocab::HostName;

/// Every link between hosts of different sides.
pub(super) fn meant(sides: &[Vec<HostName>]) -> Meant {
    let pairs = sides.iter().enumerate().flat_map(|(index, side)| sides[index + 1..].iter().map(move |o| (side, o)));
    let links = pairs.flat_map(|(side, other)| between(side, other)).collect();
    Meant { links, text: LinksText::sides(sides) }
}
