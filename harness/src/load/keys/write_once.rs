//! Keys that are never written again.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{KeyChooser, KeysKind};

/// that many keys, each written once and in order, so that no lost write can hide behind a later one; reads take keys that were written before, and the load is done when it comes to a write and no key is left
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct WriteOnce(pub u32);

impl WriteOnce {
    pub(super) const EXAMPLE: &str = "WriteOnce(100_000)";
}

impl fmt::Display for WriteOnce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(", each written once and in order")
    }
}

impl KeysKind for WriteOnce {
    fn count(&self) -> u32 {
        self.0
    }

    fn writes_once(&self) -> bool {
        true
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        Box::new(EachOnce { next: 0, among })
    }
}

struct EachOnce {
    next: u32,
    among: u32,
}

impl KeyChooser for EachOnce {
    fn choose(&mut self, _: &mut ChaCha8Rng) -> Option<u32> {
        let chosen = Some(self.next).filter(|next| *next < self.among)?;
        self.next += 1;
        Some(chosen)
    }
}
