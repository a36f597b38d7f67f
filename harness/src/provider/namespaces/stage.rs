//! How a process of this program that was started by another one knows what it is to be.

/// The program of this process, even if its file has been replaced meanwhile.
pub(in crate::provider) const OWN_PROGRAM: &str = "/proc/self/exe";

/// The stage that this process is to be; not set in processes that are not a lab's.
pub(in crate::provider) const STAGE: &str = "REDIS_HARNESS_LAB_STAGE";
/// The value of [`STAGE`] for stage 1, outside the PID namespace.
pub(super) const OUTER: &str = "1";
/// The value of [`STAGE`] for stage 2, process 1 inside.
pub(in crate::provider) const INNER: &str = "2";
/// The process that started stage 1.
pub(in crate::provider) const PARENT: &str = "REDIS_HARNESS_LAB_PARENT";
/// What the lab is to do; not set if it only has to show that it can be made.
pub(super) const REQUEST: &str = "REDIS_HARNESS_LAB_REQUEST";
/// The line on the lab's standard input that asks it to finish.
pub(super) const CANCEL: &[u8] = b"cancel\n";
