//! What stands in for the provider `containers` in a binary that was built without it.

use std::fs::File;
use std::io;

use super::lab::Lab;
use super::{ClientSpec, ImageError, Need, ProviderError, Sandbox, SandboxError, ServerSpec, Storage};
use crate::evidence::{Journal, RunDirectory};
use crate::vocab::{Missing, ServerVersion};

fn missing() -> Missing {
    Missing {
        what: "run servers in containers".to_owned(),
        why: "this binary was built without the feature `containers`".to_owned(),
        enable: "cargo build --features containers".to_owned(),
    }
}

/// No image can be found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerImage {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: ServerVersion,
}

impl ServerImage {
    /// Fails.
    pub fn find(_: &str) -> Result<Self, ImageError> {
        Err(missing().into())
    }

    /// Fails.
    pub fn ask(&self, _: &[&str], _: &str) -> io::Result<String> {
        Err(io::Error::other(missing()))
    }
}

pub(super) fn enter_if_asked() {}

pub(super) fn engine() -> Result<String, Missing> {
    Err(missing())
}

pub(super) fn check(_: &str, _: Need) -> Result<(), Missing> {
    Err(missing())
}

pub(super) fn spawn(_: &str, _: &str, _: File) -> Result<Sandbox, SandboxError> {
    Err(missing().into())
}

pub(super) async fn raise(
    _: &str,
    _: (&[ServerSpec], &[ClientSpec]),
    _: Storage,
    _: u64,
    _: &RunDirectory,
    _: Journal,
) -> Result<Lab, ProviderError> {
    Err(ProviderError::Engine(missing()))
}
