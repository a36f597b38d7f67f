//! What this machine can do, found out by doing it in a lab, once per process.

use std::sync::OnceLock;

use super::sandbox::{Sandbox, SandboxError};
use super::tried::Tried;
use crate::vocab::Missing;

/// Whether this machine can make a lab, found out by making one; the answer is kept.
pub(in crate::provider) fn probe() -> Result<(), Missing> {
    tried().map(drop)
}

/// Whether links can be shaped, found out together with [`probe`], whose error takes precedence.
pub(in crate::provider) fn probe_shaping() -> Result<(), Missing> {
    tried()?.shaping.clone()
}

/// The answers; the attempt is made only once.
pub(super) fn tried() -> Result<&'static Tried, Missing> {
    static ANSWER: OnceLock<Result<Tried, Missing>> = OnceLock::new();
    ANSWER.get_or_init(try_in_sandbox).as_ref().map_err(Clone::clone)
}

fn try_in_sandbox() -> Result<Tried, Missing> {
    Sandbox::try_out().map_err(|error| match error {
        SandboxError::Missing(missing) => missing,
        other => {
            Missing { what: "start a lab".to_owned(), why: other.to_string(), enable: "see the reason".to_owned() }
        }
    })
}
