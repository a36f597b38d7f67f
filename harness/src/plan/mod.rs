//! The validated plan: names resolved, every semantic error collected, every default filled in.

mod types;

pub use types::{Location, Plan, PlannedSlo, PlannedStep};
