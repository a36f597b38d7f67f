//! What was done to links, and the sentence that proves it.

use std::io;
use std::time::Duration;

use super::links::Treatment;
use super::probe::Proven;
use crate::vocab::{CutBy, Instant, Link, ServerPort};

/// What was done to links.
#[derive(Clone, Debug, PartialEq)]
pub struct ChangedLinks {
    /// The links that the cut or shape applies to, sorted.
    pub links: Vec<Link>,
    /// The cut or shape that began or ended.
    pub was: Treatment,
    /// The instant just before the first request to the kernel.
    pub began: Instant,
    /// The instant just after the kernel carried out the last one.
    pub done: Instant,
    /// The proof that the links now do what they should; the error says why there is none.
    pub proof: Result<String, String>,
}

/// The proof that a cut began and, if links are rejected, how many open connections ended.
pub(super) fn cut(by: CutBy, before: Proven, after: Proven, ended: &io::Result<usize>) -> String {
    let vanished = format!("{} vanished on {}", probes(after.vanished), links(after.vanished));
    let before = match before.passed {
        passed if passed == after.vanished => "that had passed one before".to_owned(),
        0 => "that were cut already".to_owned(),
        passed => format!("of which {passed} had passed one before; the others were cut already"),
    };
    let told = match by {
        CutBy::Drop => String::new(),
        CutBy::Reject => format!(", each sender was told at once, and {}", connections(ended)),
    };
    format!("{vanished} {before}{told}")
}

/// The proof that a cut of a port began, which probes of other ports pass.
pub(super) fn cut_port(port: ServerPort, before: Proven, after: Proven, others: Proven) -> String {
    let of_links = |probes: usize| probes / probes_of_link(port);
    let on = links(of_links(after.vanished));
    let vanished = format!("{} to and from the {port} vanished on {on}", probes(after.vanished));
    let before = match before.passed {
        passed if passed == after.vanished => "that had passed them before".to_owned(),
        0 => "that were cut already".to_owned(),
        passed => format!("of which {} had passed them before; the others were cut already", of_links(passed)),
    };
    let cut = if others.vanished == 0 { String::new() } else { format!("; {} cut by others", links(others.vanished)) };
    format!("{vanished} {before}, and {} of another port passed{cut}", probes(others.passed))
}

/// The proof that a cut of a port ended.
pub(super) fn healed_port(port: ServerPort, before: Proven, after: Proven) -> String {
    let of_links = |probes: usize| probes / probes_of_link(port);
    let on = links(of_links(before.vanished));
    let vanished = format!("{} to and from the {port} vanished on {on} just before the end", probes(before.vanished));
    let still = if after.vanished == 0 {
        String::new()
    } else {
        format!("; {} cut by others", links(of_links(after.vanished)))
    };
    format!("{vanished}, and {} passed after it{still}", after.passed)
}

/// How many probes of the port each link has: of each of its numbers one to it and one from it.
fn probes_of_link(port: ServerPort) -> usize {
    2 * port.numbers().count()
}

/// The proof that a cut ended.
pub(super) fn healed_cut(before: Proven, after: Proven) -> String {
    let vanished = format!("{} vanished on {} just before the end", probes(before.vanished), links(before.vanished));
    let still = if after.vanished == 0 { String::new() } else { format!("; {} cut by others", links(after.vanished)) };
    format!("{vanished}, and {} passed after it{still}", after.passed)
}

/// The proof that a shape began: `12 probes took 40.1 to 40.6 ms on 12 links`.
pub(super) fn shaped(seen: Proven) -> String {
    format!("{} took {} on {}", probes(seen.passed), times(seen), links(seen.passed))
}

/// The proof that a shape ended: that it worked until then, what it did, and that it is over.
pub(super) fn healed_shape(before: Proven, outcome: &str, after: Proven) -> String {
    let until = match before.passed {
        0 => String::new(),
        passed => format!("{} took {} just before the end; ", probes(passed), times(before)),
    };
    let still = if after.vanished == 0 { String::new() } else { format!("; {} cut by others", links(after.vanished)) };
    format!("{until}{outcome}; {} passed after it{still}", probes(after.passed))
}

/// `40.1 to 40.6 ms`.
fn times(proven: Proven) -> String {
    let (least, largest) = proven.took.unwrap_or_default();
    let milliseconds = |took: Duration| took.as_secs_f64() * 1e3;
    format!("{:.1} to {:.1} ms", milliseconds(least), milliseconds(largest))
}

fn connections(ended: &io::Result<usize>) -> String {
    match ended {
        Ok(1) => "1 open connection was ended".to_owned(),
        Ok(count) => format!("{count} open connections were ended"),
        Err(why) => format!("open connections were left silent, as the kernel does not end them: {why}"),
    }
}

fn probes(count: usize) -> String {
    counted(count, "probe")
}

fn links(count: usize) -> String {
    counted(count, "link")
}

fn counted(count: usize, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::several(Ok(12), "12 open connections were ended")]
    #[case::one(Ok(1), "1 open connection was ended")]
    #[case::a_kernel_that_cannot(
        Err(io::Error::other("not supported")),
        "open connections were left silent, as the kernel does not end them: not supported"
    )]
    fn a_reject_says_what_became_of_open_connections(#[case] ended: io::Result<usize>, #[case] says: &str) {
        let (before, after) = (Proven { passed: 2, ..Proven::default() }, Proven { vanished: 2, ..Proven::default() });
        let seen = "2 probes vanished on 2 links that had passed one before";
        assert_eq!(
            cut(CutBy::Reject, before, after, &ended),
            format!("{seen}, each sender was told at once, and {says}")
        );
        assert_eq!(cut(CutBy::Drop, before, after, &ended), seen);
    }

    /// How many probes of the port passed before, and how many of another port vanished after.
    #[rstest]
    #[case::all_open(4, 0, "on 2 links that had passed them before, and 2 probes of another port passed")]
    #[case::cut_already(0, 0, "on 2 links that were cut already, and 2 probes of another port passed")]
    #[case::one_wholly(
        2,
        1,
        "on 2 links of which 1 had passed them before; the others were cut already, and 1 probe of another port passed; \
         1 link cut by others"
    )]
    fn a_cut_port_says_that_others_pass(#[case] before: usize, #[case] cut_by_others: usize, #[case] says: &str) {
        let proven = |passed, vanished| Proven { passed, vanished, ..Proven::default() };
        let seen = cut_port(ServerPort::Bus, proven(before, 0), proven(0, 4), proven(2 - cut_by_others, cut_by_others));
        assert_eq!(seen, format!("4 probes to and from the bus port vanished {says}"));
        let healed = healed_port(ServerPort::Clients, proven(0, 12), proven(6, 6));
        let vanished = "12 probes to and from the client port vanished on 2 links just before the end";
        assert_eq!(healed, format!("{vanished}, and 6 passed after it; 1 link cut by others"));
    }
}
