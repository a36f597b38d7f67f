//! What the whole machine uses, and what the hosts of the lab send to each other.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use crate::evidence::{Figure, Figures};
use crate::network::ClientHost;
use crate::provider::memory::memory;
use crate::provider::{UsageReader, pressure_nanos};

/// `/proc/stat` counts in hundredths of a second (`USER_HZ`).
const MS_PER_TICK: f64 = 10.0;

/// Where the kernel counts what passes the interfaces of the host that the thread is on.
const INTERFACES: &str = "/proc/thread-self/net/dev";

/// The pressures: the file, its line, and what it counts. Of processors there is no `full` for a whole machine.
const PRESSURES: [(&str, &str, Figure); 5] = [
    ("cpu", "some", Figure::CpuPressureSomeMs),
    ("memory", "some", Figure::MemoryPressureSomeMs),
    ("memory", "full", Figure::MemoryPressureFullMs),
    ("io", "some", Figure::IoPressureSomeMs),
    ("io", "full", Figure::IoPressureFullMs),
];

/// Reads it from /proc. A file that was opened on a host tells of that host, whoever reads it.
pub(super) struct ProcUsageReader {
    /// The interfaces of every host; none if one could not be opened, for a sum of some would be misread.
    interfaces: Option<Vec<File>>,
}

impl ProcUsageReader {
    pub(super) fn new<'a>(hosts: impl Iterator<Item = &'a ClientHost>) -> Self {
        let open = |host: &ClientHost| host.on_host(|| File::open(INTERFACES));
        Self { interfaces: hosts.map(open).collect::<io::Result<_>>().ok() }
    }

    /// What all hosts received and sent.
    fn network(&self) -> Option<(f64, f64)> {
        let read = |file: &File| Some(interfaces(&read_again(file).ok()?));
        let mut hosts = self.interfaces.as_ref()?.iter().map(read);
        hosts.try_fold((0.0, 0.0), |(received, sent), host| host.map(|(more, out)| (received + more, sent + out)))
    }
}

impl UsageReader for ProcUsageReader {
    fn read(&mut self) -> Figures {
        let mut figures = Figures::default();
        // What this kernel does not tell reads as nothing.
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        processors(&text("/proc/stat"), &mut figures);
        if let Ok(memory) = memory(&text("/proc/meminfo")) {
            figures.set(Figure::MemoryAvailableBytes, memory.available as f64);
        }
        for (resource, line, figure) in PRESSURES {
            if let Some(nanos) = pressure_nanos(&text(&format!("/proc/pressure/{resource}")), line) {
                figures.set(figure, nanos as f64 / 1e6);
            }
        }
        if let Some((received, sent)) = self.network() {
            figures.set(Figure::NetworkInBytes, received);
            figures.set(Figure::NetworkOutBytes, sent);
        }
        figures
    }
}

/// Reads a file of /proc from its beginning, though it was read before.
fn read_again(file: &File) -> io::Result<String> {
    let (mut text, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        match file.read_at(&mut chunk, text.len() as u64)? {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            length => text.extend_from_slice(&chunk[..length]),
        }
    }
}

/// Reads the first line of `/proc/stat`: `cpu user nice system idle iowait irq softirq steal ...`.
fn processors(stat: &str, figures: &mut Figures) {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "));
    let ticks: Option<Vec<f64>> = line.and_then(|line| line.split_whitespace().map(|tick| tick.parse().ok()).collect());
    let Some([user, nice, system, idle, waiting, interrupts, later, stolen, ..]) = ticks.as_deref() else { return };
    figures.set(Figure::CpuUserMs, (user + nice) * MS_PER_TICK);
    figures.set(Figure::CpuSystemMs, (system + interrupts + later) * MS_PER_TICK);
    figures.set(Figure::CpuIdleMs, (idle + waiting) * MS_PER_TICK);
    figures.set(Figure::CpuStolenMs, stolen * MS_PER_TICK);
}

/// What passed a host's interfaces, received and sent, as far as it left the host. After the name of an interface its line has eight
/// numbers of what it received and eight of what it sent, the bytes first.
fn interfaces(lines: &str) -> (f64, f64) {
    let interfaces = lines.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    let bytes = |(_, numbers): (&str, &str)| {
        let number = |index: usize| numbers.split_whitespace().nth(index)?.parse::<f64>().ok();
        Some((number(0)?, number(8)?))
    };
    interfaces.filter_map(bytes).fold((0.0, 0.0), |(received, sent), (more, out)| (received + more, sent + out))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::whole("cpu  100 20 30 400 50 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n", [1_200.0, 430.0, 4_500.0, 80.0].map(Some))]
    #[case::without_a_hypervisor("cpu  100 20 30 400 50 6 7", [None; 4])]
    #[case::nonsense("cpu  many 20 30 400 50 6 7 8", [None; 4])]
    #[case::empty("", [None; 4])]
    fn processor_time_is_read(#[case] stat: &str, #[case] expected: [Option<f64>; 4]) {
        let mut figures = Figures::default();
        processors(stat, &mut figures);
        let parts = [Figure::CpuUserMs, Figure::CpuSystemMs, Figure::CpuIdleMs, Figure::CpuStolenMs];
        assert_eq!(parts.map(|part| figures.get(part)), expected);
    }

    #[test]
    fn what_stays_on_a_host_does_not_count() {
        let lines = "Inter-|   Receive                 |  Transmit\n face |bytes    packets errs drop fifo frame compressed \
                     multicast|bytes    packets errs\n    lo: 900 9 0 0 0 0 0 0 900 9 0 0 0 0 0 0\n  eth0: 100 3 0 0 0 0 0 \
                     0 20 1 0 0 0 0 0 0\n direct1:5 1 0 0 0 0 0 0 7 1 0 0 0 0 0 0\n broken: 7\n";
        assert_eq!(interfaces(lines), (105.0, 27.0));
    }

    #[test]
    fn this_machine_is_read_again_and_again() {
        let mut reader = ProcUsageReader::new([ClientHost::this()].iter());
        let (first, second) = (reader.read(), reader.read());
        for figure in [Figure::CpuIdleMs, Figure::MemoryAvailableBytes, Figure::NetworkInBytes] {
            assert!(first.get(figure).is_some() && second.get(figure) >= Some(0.0), "{figure:?}");
        }
        assert!(second.get(Figure::CpuUserMs) >= first.get(Figure::CpuUserMs));
    }
}
