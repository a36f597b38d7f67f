//! All keys alike.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{KeyChooser, KeysKind, key_below};

/// that many keys, all equally likely
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Uniform(pub u32);

impl Uniform {
    pub(super) const EXAMPLE: &str = "Uniform(10_000)";
}

impl fmt::Display for Uniform {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl KeysKind for Uniform {
    fn count(&self) -> u32 {
        self.0
    }

    fn chooser(&self, among: u32) -> Box<dyn KeyChooser> {
        Box::new(Alike { among })
    }
}

struct Alike {
    among: u32,
}

impl KeyChooser for Alike {
    fn choose(&mut self, random: &mut ChaCha8Rng) -> Option<u32> {
        Some(key_below(self.among, random))
    }
}
