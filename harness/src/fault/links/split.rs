//! Sides that cannot reach each other.

use super::{Meant, between};
use crate::vocab::HostName;

/// Every link between hosts of different sides.
pub(super) fn meant(sides: &[Vec<HostName>], more: &str) -> Meant {
    let pairs = sides.iter().enumerate().flat_map(|(index, side)| sides[index + 1..].iter().map(move |o| (side, o)));
    let links = pairs.flat_map(|(side, other)| between(side, other)).collect();
    let text: Vec<_> = sides.iter().map(|side| HostName::list(side)).collect();
    Meant { links, text: text.join(" | ") + more }
}
