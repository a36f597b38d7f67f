//! The audit of the machine: whether its settings are those that servers want in production and honest measurements
//! need.
//!
//! The wanted values come from Redis's own administration guide (`vm.overcommit_memory`, `somaxconn`, huge pages, open
//! files, swap) and from what reading the time costs.

use bytesize::ByteSize;

use super::readings::{CLOCK_SOURCE, ReadSetting, Readings};
use crate::vocab::{Assessment, Finding, Remedy};

/// Files a server may need: one per client (10,000 if not configured), one per peer, and some for itself.
const OPEN_FILES: u64 = 65_536;
/// The wanted limit of waiting connections: twice the 511 that servers ask for (`tcp-backlog`).
const BACKLOG: u64 = 1_024;
/// The servers' default `tcp-backlog`.
const SERVER_BACKLOG: u64 = 511;
/// Clock sources that are read without a system call.
const QUICK_CLOCKS: [&str; 6] =
    ["tsc", "kvm-clock", "arch_sys_counter", "hyperv_clocksource_tsc_page", "timebase", "riscv_clocksource"];
/// Memory for six servers (about 10 MB each at rest) and the default load's data, with room for a copy of all of it.
const MEMORY: u64 = 1 << 30;

/// Audits this machine; it changes nothing.
pub fn audit() -> Vec<Finding> {
    judge(&Readings::read())
}

/// The findings, in the order in which they are shown.
fn judge(readings: &Readings) -> Vec<Finding> {
    vec![
        overcommit_memory(readings),
        somaxconn(readings),
        swappiness(readings),
        huge_pages(readings),
        open_files(readings),
        clock_source(readings),
        clock_synchronised(readings),
        processors(readings),
        governors(readings),
        memory(readings),
        swap(readings),
    ]
}

/// A setting with a single value, and how it is judged.
struct Setting<T> {
    name: &'static str,
    wanted: &'static str,
    reading: ReadSetting<T>,
    is_fine: fn(&T) -> bool,
    show: fn(&T) -> String,
    why: String,
    remedy: Remedy,
}

impl<T> Setting<T> {
    /// Gives a remedy only where something is wrong.
    fn judge(self) -> Finding {
        let (assessment, current) = match &self.reading {
            Ok(value) if (self.is_fine)(value) => (Assessment::Fine, (self.show)(value)),
            Ok(value) => (Assessment::Advice, (self.show)(value)),
            Err(error) => (Assessment::Unknown, error.clone()),
        };
        let remedy = if assessment == Assessment::Advice { self.remedy } else { Remedy::default() };
        Finding { setting: self.name, assessment, current, wanted: self.wanted, why: self.why, remedy }
    }
}

/// Changes a kernel setting.
fn sysctl(name: &str, value: u64) -> Remedy {
    Remedy {
        now: Some(format!("sudo sysctl -w {name}={value}")),
        for_good: Some(format!("echo '{name} = {value}' | sudo tee -a /etc/sysctl.d/90-redis.conf")),
    }
}

/// Changes files below `/sys` (a pattern), as systemd also does when it boots.
fn sysfs(name: &str, pattern: &str, value: &str) -> Remedy {
    Remedy {
        now: Some(format!("echo {value} | sudo tee {pattern}")),
        for_good: Some(format!("echo 'w {pattern} - - - - {value}' | sudo tee /etc/tmpfiles.d/{name}.conf")),
    }
}

fn overcommit_memory(readings: &Readings) -> Finding {
    let why = "With another value the kernel may refuse the fork that saves an RDB file, rewrites the append-only file \
               or syncs a replica, however little memory the copy would really take. Servers in a lab live with the \
               same setting.";
    Setting {
        name: "vm.overcommit_memory",
        wanted: "1",
        reading: readings.overcommit_memory.clone(),
        is_fine: |value| *value == 1,
        show: u64::to_string,
        why: why.to_owned(),
        remedy: sysctl("vm.overcommit_memory", 1),
    }
    .judge()
}

fn somaxconn(readings: &Readings) -> Finding {
    let lab = match &readings.somaxconn_in_lab {
        Ok(value) if *value < SERVER_BACKLOG => {
            format!("the kernel's default, here {value}, which also cuts the queues of servers in a lab")
        }
        Ok(value) => format!("the kernel's default, here {value}"),
        Err(error) => format!("the kernel's default, which cannot be read: {error}"),
    };
    Setting {
        name: "net.core.somaxconn",
        wanted: "1024 or more",
        reading: readings.somaxconn.clone(),
        is_fine: |value| *value >= BACKLOG,
        show: u64::to_string,
        why: format!(
            "It caps a server's tcp-backlog ({SERVER_BACKLOG} if not configured): of the clients that all come back \
             after a failover, those beyond it wait for their SYN to be sent again, a second or more. It counts in \
             production only: every host of a lab has its own, {lab}."
        ),
        remedy: sysctl("net.core.somaxconn", BACKLOG),
    }
    .judge()
}

fn swappiness(readings: &Readings) -> Finding {
    let why = "A server whose pages are swapped out answers in the time of a disk, and its peers may take it for dead. \
               Servers in a lab live with the same setting, and their data is in memory that can be swapped out, too.";
    Setting {
        name: "vm.swappiness",
        wanted: "0 or 1",
        reading: readings.swappiness.clone(),
        is_fine: |value| *value <= 1,
        show: u64::to_string,
        why: why.to_owned(),
        remedy: sysctl("vm.swappiness", 0),
    }
    .judge()
}

fn huge_pages(readings: &Readings) -> Finding {
    let why = "While a forked child saves, the first write to a page copies all of it: 2 MiB instead of 4 KiB, which \
               shows as latency and as memory. Where it is `always`, servers since Redis 6.2 switch it off for \
               themselves (`disable-thp yes`); everything else on the machine does not, the load's clients included.";
    Setting {
        name: "transparent huge pages",
        wanted: "never or madvise",
        reading: readings.huge_pages.clone(),
        is_fine: |mode| matches!(mode.as_str(), "never" | "madvise"),
        show: Clone::clone,
        why: why.to_owned(),
        remedy: sysfs("huge-pages", "/sys/kernel/mm/transparent_hugepage/enabled", "never"),
    }
    .judge()
}

fn open_files(readings: &Readings) -> Finding {
    let why = "Each client and each peer takes one; a server that may not have enough lowers its maxclients, and says \
               so only in its log. Servers and labs raise the soft limit to the hard one by themselves. A new login \
               takes on what is changed for good; a service of systemd has LimitNOFILE= instead.";
    Setting {
        name: "open files",
        wanted: "a hard limit of 65536 or more",
        reading: readings.open_files.clone(),
        is_fine: |(_, hard)| *hard >= OPEN_FILES,
        show: |(soft, hard)| format!("hard {hard}, soft {soft}"),
        why: why.to_owned(),
        remedy: Remedy {
            now: Some(format!("sudo prlimit --pid $$ --nofile={OPEN_FILES}:{OPEN_FILES}")),
            for_good: Some(format!("echo '* - nofile {OPEN_FILES}' | sudo tee /etc/security/limits.d/90-redis.conf")),
        },
    }
    .judge()
}

fn clock_source(readings: &Readings) -> Finding {
    let why = "Servers and load read the time for every command. With another source each reading is a system call, \
               often of a microsecond: less throughput, and latencies that are the clock's own.";
    Setting {
        name: "clock source",
        wanted: "tsc, kvm-clock, arch_sys_counter",
        reading: readings.clock_source.clone(),
        is_fine: |source| QUICK_CLOCKS.contains(&source.as_str()),
        show: Clone::clone,
        why: why.to_owned(),
        remedy: quick_clock(&readings.clock_sources),
    }
    .judge()
}

/// The remedy that chooses a quick clock, if the kernel offers one.
fn quick_clock(offered: &ReadSetting<Vec<String>>) -> Remedy {
    let is_offered = |quick: &&str| offered.as_deref().is_ok_and(|offered| offered.iter().any(|one| one == quick));
    match (QUICK_CLOCKS.into_iter().find(is_offered), offered) {
        (Some(clock), _) => Remedy {
            now: Some(format!("echo {clock} | sudo tee {CLOCK_SOURCE}/current_clocksource")),
            for_good: Some(format!("add clocksource={clock} to the kernel's command line")),
        },
        (None, Ok(_)) => Remedy {
            now: None,
            for_good: Some("another type of machine: this kernel offers none of those wanted".to_owned()),
        },
        (None, Err(error)) => Remedy {
            now: None,
            for_good: Some(format!("choose among those offered, which cannot be read here: {error}")),
        },
    }
}

fn clock_synchronised(readings: &Readings) -> Finding {
    let why = "Between machines, the logs of one cluster can only be compared, and expiry on a new master only be \
               right, when their clocks agree. It does not matter within a lab, whose nodes share this machine's clock.";
    Setting {
        name: "clock synchronised",
        wanted: "yes",
        reading: readings.clock_synchronised.clone(),
        is_fine: |synchronised| *synchronised,
        show: |synchronised| if *synchronised { "yes" } else { "no" }.to_owned(),
        why: why.to_owned(),
        remedy: Remedy {
            now: Some("sudo timedatectl set-ntp true || sudo apt-get install chrony".to_owned()),
            for_good: Some("the same; for a container: on its host".to_owned()),
        },
    }
    .judge()
}

fn processors(readings: &Readings) -> Finding {
    let why = "Servers, clients and observer of a run share them. On a single one they wait for each other: expect \
               verdicts that are inconclusive because the harness was late.";
    Setting {
        name: "processors",
        wanted: "2 or more",
        reading: readings.processors.clone(),
        is_fine: |count| *count >= 2,
        show: usize::to_string,
        why: why.to_owned(),
        remedy: Remedy { now: None, for_good: Some("a larger machine, or a container with more of it".to_owned()) },
    }
    .judge()
}

fn governors(readings: &Readings) -> Finding {
    let why = "Another governor slows processors that have little to do and takes its time to wake them: latencies at \
               a low rate are then the processor's, not the server's, and differ from run to run.";
    Setting {
        name: "processor governor",
        wanted: "performance",
        reading: readings.governors.clone(),
        is_fine: |governors| governors.iter().all(|governor| governor == "performance"),
        show: |governors| governors.iter().map(String::as_str).collect::<Vec<_>>().join(", "),
        why: why.to_owned(),
        remedy: sysfs("governor", "/sys/devices/system/cpu/cpu*/cpufreq/scaling_governor", "performance"),
    }
    .judge()
}

fn memory(readings: &Readings) -> Finding {
    let why = "The data of a lab's servers is in memory twice: in the server, and in the memory that stands in for its \
               disk. When it runs out, the kernel kills a server that no scenario killed.";
    Setting {
        name: "memory available",
        wanted: "1 GiB or more",
        reading: readings.memory.clone(),
        is_fine: |memory| memory.available >= MEMORY,
        show: |memory| format!("{} of {}", ByteSize(memory.available), ByteSize(memory.total)),
        why: why.to_owned(),
        remedy: Remedy { now: None, for_good: Some("a larger machine, or less else that runs on it".to_owned()) },
    }
    .judge()
}

fn swap(readings: &Readings) -> Finding {
    let why = "What is swapped out already is missed when it is needed next: in production by a server, here by the \
               harness or a server, in the middle of a measurement.";
    Setting {
        name: "swap in use",
        wanted: "0 B",
        reading: readings.memory.clone(),
        is_fine: |memory| memory.swapped == 0,
        show: |memory| ByteSize(memory.swapped).to_string(),
        why: why.to_owned(),
        remedy: Remedy {
            now: Some("sudo swapoff -a".to_owned()),
            for_good: Some("remove the lines of type swap from /etc/fstab".to_owned()),
        },
    }
    .judge()
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
