//! What a machine gives to the harness and what it does not, and how it is set.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A capability that this machine does not give.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// What cannot be done, such as `create a user namespace`.
    pub what: String,
    /// Why, as far as it can be known.
    pub why: String,
    /// The command or setting that enables it.
    pub enable: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {}: {}; to enable it: {}", self.what, self.why, self.enable)
    }
}

impl std::error::Error for Missing {}

/// Something that scenarios need of a machine, and whether it was there when it was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// What the machine can, such as `raise a lab`.
    pub name: &'static str,
    /// What was found, or what is missing.
    pub answer: Result<String, Missing>,
    /// What cannot be done without it.
    pub without: &'static str,
}

/// How a setting of a machine was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingAudit {
    /// The setting, such as `vm.swappiness`.
    pub setting: &'static str,
    /// What is thought of it.
    pub assessment: Assessment,
    /// Its value; why there is none, if it cannot be read.
    pub current: String,
    /// The value it should have.
    pub wanted: &'static str,
    /// Why it matters, to servers in production and to what is measured here.
    pub why: String,
    /// What changes it at once, and what keeps it changed after the next boot.
    pub remedy: Remedy,
}

/// How a setting is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// The command that changes it until the next boot; none if no command can.
    pub now: Option<String>,
    /// The command, or else the place, that changes it for good.
    pub for_good: Option<String>,
}

/// What is thought of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assessment {
    /// It is as wanted.
    Fine,
    /// It should be changed.
    Advice,
    /// It could not be read.
    Unknown,
}
