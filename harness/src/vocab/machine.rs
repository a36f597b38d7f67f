//! What a machine can do for the harness, what it lacks, and how it is configured.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Something that this machine does not let the harness do.
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

/// Something that scenarios need of a machine, and what a try of it showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// What is needed, such as `raise a lab`.
    pub name: &'static str,
    /// What was found, or what is missing.
    pub answer: Result<String, Missing>,
    /// What cannot be done without it.
    pub without: &'static str,
}

/// A setting of the machine, its value, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingAudit {
    /// The setting, such as `vm.swappiness`.
    pub setting: &'static str,
    /// Whether it should be changed.
    pub assessment: Assessment,
    /// Its value, or why it cannot be read.
    pub current: String,
    /// The value it should have.
    pub wanted: &'static str,
    /// Why it matters for servers in production and for measurements here.
    pub why: String,
    /// How to change it.
    pub remedy: Remedy,
}

/// How a setting is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Remedy {
    /// The command that changes it until the next boot, if there is one.
    pub now: Option<String>,
    /// The command that changes it permanently, or the place where that is done.
    pub for_good: Option<String>,
}

/// Whether a setting should be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Assessment {
    /// It is as it should be.
    Fine,
    /// It should be changed.
    Advice,
    /// It could not be read.
    Unknown,
}
