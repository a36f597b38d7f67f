//! What the kernel says of processes that cannot go on (`/proc/pressure`).

/// The total of a line, `some` or `full`, in nanoseconds since the machine was booted; the file says microseconds.
///
/// A line is `some avg10=0.00 avg60=0.00 avg300=0.00 total=1234`.
pub fn pressure_nanos(text: &str, line: &str) -> Option<u64> {
    let rest = text.lines().find_map(|each| each.strip_prefix(line)?.strip_prefix(' '))?;
    let total: u64 = rest.rsplit_once("total=")?.1.parse().ok()?;
    Some(total.saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("some", Some(77_650_437_000))]
    #[case("full", Some(5_000))]
    #[case("none", None)]
    fn the_kernel_is_understood(#[case] line: &str, #[case] nanos: Option<u64>) {
        let text = "some avg10=11.08 avg60=13.87 avg300=13.13 total=77650437\nfull avg10=0.00 total=5\n";
        assert_eq!(pressure_nanos(text, line), nanos);
    }
}
