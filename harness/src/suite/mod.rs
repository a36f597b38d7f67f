//! Where everything comes together: scenario files in, verdicts out; as a command and as tests.

mod bench;
mod commands;
mod doctor;
mod execute;
mod exit;
mod export;
mod files;
mod keep;
mod launch_queue;
mod provider_options;
#[cfg(test)]
mod seal_tests;
mod servers;
mod trials;

pub use bench::{BenchOptions, bench};
pub use commands::{RunOptions, check, explain, judge, judge_again, list, run};
pub use doctor::doctor;
pub use execute::{ExecuteError, Executed, RunSettings, execute};
pub use exit::Exit;
pub use export::export;
pub use files::Loaded;
pub use provider_options::{ProviderName, ProviderOptions};
pub use trials::main;
