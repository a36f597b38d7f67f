//! The engine: launches the lab, walks the timeline, and leaves evidence.
//!
//! `launch` is the outside: it starts the lab process and hears its events. `inside` is the lab process: `engine` reads
//! as the procedure of a run.

mod cancel;
mod engine;
mod inside;
mod launch;
mod machine;
mod machine_lock;
mod request;

pub use cancel::Cancel;
pub use inside::enter_if_lab;
pub use launch::{Launch, RunError, launch};
pub use machine_lock::{LockHolder, MachineLock, MachineLockError, MachineShare, lock_machine, quarters};
