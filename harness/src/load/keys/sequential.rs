//! One key after the other.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{KeyChooser, KeysKind};

/// that many keys, one after the other and then from the first again; reads and writes each have an order of their own
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Sequential(pub u32);

impl Sequential {
    pub(super) const EXAMPLE: &str = "Sequential(10_000)";
}

impl fmt::Display for Sequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(", one after the other")
    }
}

impl KeysKind for Sequential {
    fn count(&self) -> u32 {
        self.0
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        Box::new(InOrder { next: 0, among })
    }
}

struct InOrder {
    next: u32,
    among: u32,
}

impl KeyChooser for InOrder {
    fn choose(&mut self, _: &mut ChaCha8Rng) -> Option<u32> {
        let chosen = self.next;
        self.next = (chosen + 1) % self.among.max(1);
        Some(chosen)
    }
}
