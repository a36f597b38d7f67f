//! A scenario test harness for Redis and Valkey clusters.
//!
//! A scenario is a file. Its cluster is a handful of real hosts that exist for a few seconds. Everything that happened
//! is evidence on disk. The verdict is a pure function of the evidence. `ARCHITECTURE.md` tells how the modules fit.

pub mod check;
pub mod evidence;
pub mod load;
pub mod network;
pub mod observe;
pub mod plan;
pub mod present;
pub mod provider;
pub mod run;
pub mod scenario;
pub mod step;
pub mod suite;
pub mod system;
pub mod text;
pub mod validate;
pub mod verdict;
pub mod vocab;
