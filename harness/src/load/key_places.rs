//! Where the keys of a load lie.

use std::cell::RefCell;
use std::num::NonZeroU16;
use std::sync::Arc;

use super::key_space::KeySpace;
use crate::evidence::DataType;
use crate::system::System;
use crate::vocab::Position;

/// Of higher numbers none are remembered: that would take more memory than it is worth.
const REMEMBERED_MAX: u32 = 1 << 20;

/// Where the keys of a load lie. Each is worked out once, because that takes 4 % of the time of a pipelined operation.
pub(crate) struct KeyPlaces {
    keys: KeySpace,
    system: Arc<dyn System>,
    known: RefCell<Known>,
}

#[derive(Default)]
struct Known {
    /// By type and number: one more than the position.
    by_type: [Vec<Option<NonZeroU16>>; DataType::ALL.len()],
    text: Vec<u8>,
}

impl KeyPlaces {
    /// Those of a key space.
    pub(crate) fn new(keys: KeySpace, system: Arc<dyn System>) -> Self {
        Self { keys, system, known: RefCell::default() }
    }

    /// The key space.
    pub(crate) fn keys(&self) -> &KeySpace {
        &self.keys
    }

    /// Where the key `number` lies of those that hold such data.
    pub(crate) fn of(&self, data: DataType, number: u32) -> Position {
        let Known { by_type, text } = &mut *self.known.borrow_mut();
        let places = &mut by_type[data as usize];
        if let Some(Some(place)) = places.get(number as usize) {
            return Position(place.get() - 1);
        }
        self.keys.text(data, number, text);
        let position = self.system.position_of(text);
        if number <= REMEMBERED_MAX {
            let highest = self.keys.highest().min(REMEMBERED_MAX).max(number);
            places.resize(highest as usize + 1, None);
            places[number as usize] = position.0.checked_add(1).and_then(NonZeroU16::new);
        }
        position
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::testing::{CLUSTER, load};

    #[test]
    fn a_key_lies_where_it_lay_the_first_time() {
        let keys = KeySpace::of(&load("app", "mix: [Get()], keys: Uniform(100)"), &CLUSTER);
        let places = KeyPlaces::new(keys.clone(), Arc::new(CLUSTER));
        for data in [DataType::Value, DataType::List] {
            for number in [1, 100, REMEMBERED_MAX + 1, 1] {
                let mut text = Vec::new();
                keys.text(data, number, &mut text);
                let expected = CLUSTER.position_of(&text);
                assert_eq!([(); 2].map(|()| places.of(data, number)), [expected; 2], "{data:?} {number}");
            }
        }
    }
}
