//! This machine's settings as the kernel reports them, or why it does not.

use std::collections::BTreeSet;
use std::fs;
use std::str::FromStr;
use std::thread;

use nix::errno::Errno;
use nix::libc;
use nix::sys::resource::{Resource, getrlimit};

use super::probe;
use super::tried::SOMAXCONN;
use crate::provider::memory::{Memory, memory};

/// A setting's value, or why it could not be read.
pub(super) type ReadSetting<T> = Result<T, String>;

/// Where the kernel's clock source is shown and set.
pub(super) const CLOCK_SOURCE: &str = "/sys/devices/system/clocksource/clocksource0";
const PROCESSORS: &str = "/sys/devices/system/cpu";

/// Everything that the audit judges.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    /// `vm.overcommit_memory`.
    pub(super) overcommit_memory: ReadSetting<u64>,
    /// `net.core.somaxconn` of the network namespace that the harness was started in.
    pub(super) somaxconn: ReadSetting<u64>,
    /// The same for a host in a lab.
    pub(super) somaxconn_in_lab: ReadSetting<u64>,
    /// `vm.swappiness`.
    pub(super) swappiness: ReadSetting<u64>,
    /// The use of transparent huge pages: `always`, `madvise` or `never`.
    pub(super) huge_pages: ReadSetting<String>,
    /// How many files a process may have open: the soft and the hard limit.
    pub(super) open_files: ReadSetting<(u64, u64)>,
    /// The kernel's clock source.
    pub(super) clock_source: ReadSetting<String>,
    /// The clock sources that it offers.
    pub(super) clock_sources: ReadSetting<Vec<String>>,
    /// Whether the clock is synchronised with others.
    pub(super) clock_synchronised: ReadSetting<bool>,
    /// How many threads can run at once, given all limits on this process.
    pub(super) processors: ReadSetting<usize>,
    /// The frequency governors in use by any processor.
    pub(super) governors: ReadSetting<BTreeSet<String>>,
    /// Memory, in bytes.
    pub(super) memory: ReadSetting<Memory>,
}

impl Readings {
    /// Reads all of it.
    pub(super) fn read() -> Self {
        Self {
            overcommit_memory: number("/proc/sys/vm/overcommit_memory"),
            somaxconn: number(SOMAXCONN),
            somaxconn_in_lab: somaxconn_in_lab(),
            swappiness: number("/proc/sys/vm/swappiness"),
            huge_pages: text("/sys/kernel/mm/transparent_hugepage/enabled").and_then(|modes| chosen(&modes)),
            open_files: getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| error.to_string()),
            clock_source: text(&format!("{CLOCK_SOURCE}/current_clocksource")),
            clock_sources: text(&format!("{CLOCK_SOURCE}/available_clocksource"))
                .map(|sources| sources.split_whitespace().map(str::to_owned).collect()),
            clock_synchronised: clock_synchronised(),
            processors: thread::available_parallelism().map(usize::from).map_err(|error| error.to_string()),
            governors: governors(),
            memory: text("/proc/meminfo").and_then(|lines| memory(&lines)),
        }
    }
}

fn text(path: &str) -> ReadSetting<String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(text.trim().to_owned())
}

fn number<T: FromStr>(path: &str) -> ReadSetting<T> {
    let text = text(path)?;
    text.parse().map_err(|_| format!("{path} holds `{text}`"))
}

fn somaxconn_in_lab() -> ReadSetting<u64> {
    let tried = probe::tried().map_err(|missing| missing.to_string())?;
    let text = tried.somaxconn.as_ref().map_err(Clone::clone)?;
    text.trim().parse().map_err(|_| format!("it is `{text}`"))
}

/// The mode in brackets, as in `always [madvise] never`.
fn chosen(modes: &str) -> ReadSetting<String> {
    let bracketed = modes.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
    bracketed.map(|(mode, _)| mode.to_owned()).ok_or_else(|| format!("none is chosen of `{modes}`"))
}

/// What `adjtimex` reports about the clock.
fn clock_synchronised() -> ReadSetting<bool> {
    #[expect(unsafe_code, reason = "neither std nor nix asks for the state of the clock")]
    // SAFETY: `timex` is plain data, for which zeros are valid, and with `modes` 0 nothing is changed.
    let (said, clock) = unsafe {
        let mut clock: libc::timex = std::mem::zeroed();
        (libc::adjtimex(&raw mut clock), clock)
    };
    match Errno::result(said) {
        Ok(_) => Ok(clock.status & libc::STA_UNSYNC == 0),
        // This is what a seccomp filter answers in a container that may not set the clock.
        Err(Errno::EPERM) => Err(format!("adjtimex: {}, as in a container", Errno::EPERM)),
        Err(error) => Err(format!("adjtimex: {error}")),
    }
}

fn governors() -> ReadSetting<BTreeSet<String>> {
    let entries = fs::read_dir(PROCESSORS).map_err(|error| format!("{PROCESSORS}: {error}"))?;
    let files = entries.flatten().map(|entry| entry.path().join("cpufreq/scaling_governor"));
    let read = files.filter_map(|file| Some(fs::read_to_string(file).ok()?.trim().to_owned()));
    let governors: BTreeSet<_> = read.collect();
    if governors.is_empty() { Err("there is none, as in most virtual machines".to_owned()) } else { Ok(governors) }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("always [madvise] never", Ok("madvise"))]
    #[case("[always] madvise never", Ok("always"))]
    #[case("", Err("none is chosen of ``"))]
    fn the_mode_in_brackets_is_chosen(#[case] modes: &str, #[case] mode: Result<&str, &str>) {
        assert_eq!(chosen(modes), mode.map(str::to_owned).map_err(str::to_owned));
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let error = number::<u64>("/proc/sys/vm/no_such_setting").unwrap_err();
        assert!(error.starts_with("/proc/sys/vm/no_such_setting: No such file"), "{error}");
        let error = number::<u64>("/proc/version").unwrap_err();
        assert!(error.starts_with("/proc/version holds `Linux"), "{error}");
    }
}
