//! What the kernel says of the memory of the machine (`/proc/meminfo`).

/// Memory, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::provider) struct Memory {
    /// The total.
    pub(in crate::provider) total: u64,
    /// What is available without swapping.
    pub(in crate::provider) available: u64,
    /// What is swapped out.
    pub(in crate::provider) swapped: u64,
}

/// Reads `/proc/meminfo`, whose lines are `MemTotal:  16318736 kB`.
pub(in crate::provider) fn memory(lines: &str) -> Result<Memory, String> {
    let bytes = |name: &str| {
        let line = lines.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        let kibibytes = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        kibibytes.map(|kibibytes| kibibytes * 1_024).ok_or_else(|| format!("/proc/meminfo has no {name}"))
    };
    Ok(Memory {
        total: bytes("MemTotal")?,
        available: bytes("MemAvailable")?,
        swapped: bytes("SwapTotal")?.saturating_sub(bytes("SwapFree")?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_read_in_bytes() {
        let lines = "MemTotal:       2048 kB\nMemAvailable:      1 kB\nSwapTotal:   10 kB\nSwapFree:    4 kB\n";
        assert_eq!(memory(lines), Ok(Memory { total: 2_097_152, available: 1_024, swapped: 6_144 }));
        assert_eq!(memory("MemTotal: 2 kB"), Err("/proc/meminfo has no MemAvailable".to_owned()));
        assert_eq!(memory("MemTotal: many kB"), Err("/proc/meminfo has no MemTotal".to_owned()));
    }
}
