//! A client without any care.

use std::fmt;

use documented::Documented;

use super::PresetKind;
use crate::load::behaviour::{Client, RefreshOn};
use crate::vocab::Duration;

/// one attempt, after which its worker gives up; it follows redirections, and never asks again who owns what. Whom sentinels name first it takes for the master for ever
#[derive(Documented)]
pub(super) struct Naive;

impl Naive {
    pub(super) const EXAMPLE: &str = "Naive";
}

impl fmt::Display for Naive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("as a program without any care")
    }
}

impl PresetKind for Naive {
    fn client(&self) -> Client {
        Client {
            timeout: Duration::from_millis(5_000),
            attempts: Some(1),
            refresh_on: RefreshOn::NOTHING,
            gives_up: true,
            ..Client::default()
        }
    }

    fn by_sentinels(&self) -> Client {
        Client { verifies_role: false, ..self.client() }
    }
}
