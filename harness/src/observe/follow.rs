//! Reads a node's log while the server writes it.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::collector::Collector;
use crate::vocab::NodeName;

/// How often a log is looked at. The lines carry times of their own, so this is only how late they become known.
const INTERVAL: Duration = Duration::from_millis(10);

/// A line that is longer than this is not a log line; what was read of it is dropped.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Follows a log until `stop` says so; then reads what is left.
pub(super) async fn run(
    mut follower: Follower,
    node: NodeName,
    collector: Arc<Collector>,
    mut stop: watch::Receiver<bool>,
) {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut last_round = false;
    while !last_round {
        tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => last_round = true,
            _ = ticks.tick() => {}
        }
        // A log that cannot be read now is tried again: it may not exist yet. One that never can leaves a failover
        // without phases, which the verdict reports.
        let _ = follower.read_new(|line| collector.log_line(&node, line));
    }
}

/// Gives the complete lines of a file that grows, is truncated, replaced, or does not exist yet.
pub(super) struct Follower {
    path: PathBuf,
    open: Option<Open>,
    /// The beginning of a line whose end is not written yet.
    rest: Vec<u8>,
}

struct Open {
    file: File,
    inode: u64,
    position: u64,
}

impl Follower {
    /// Follows the file at `path` from its beginning.
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, open: None, rest: Vec::new() }
    }

    /// Hands every line that was completed since the last call to `each`.
    ///
    /// This reads from the page cache what a server has just written there: a few microseconds, and a single system
    /// call when nothing is new, so it may run on the runtime's own threads.
    pub(super) fn read_new(&mut self, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        let metadata = std::fs::metadata(&self.path)?;
        let open = match &mut self.open {
            Some(open) if open.is_still(&metadata) => open,
            stale => {
                self.rest.clear();
                let file = File::open(&self.path)?;
                // Asked of the open file: another one may be at the path by now.
                let inode = file.metadata()?.ino();
                stale.insert(Open { file, inode, position: 0 })
            }
        };
        if open.position == metadata.len() {
            return Ok(());
        }
        let mut buffer = [0; 16 * 1024];
        open.file.seek(SeekFrom::Start(open.position))?;
        loop {
            let length = open.file.read(&mut buffer)?;
            if length == 0 {
                return Ok(());
            }
            open.position += length as u64;
            split_lines(&mut self.rest, &buffer[..length], &mut each);
        }
    }
}

impl Open {
    /// Whether the file at the path is the one that is open, and still holds what was read of it. A file that was
    /// truncated and has grown beyond that since the last look is not told apart; a server needs longer for it.
    fn is_still(&self, metadata: &Metadata) -> bool {
        self.inode == metadata.ino() && self.position <= metadata.len()
    }
}

/// Hands the lines that `new` completes to `each`, without their ends, and keeps what follows the last end in `rest`.
fn split_lines(rest: &mut Vec<u8>, new: &[u8], each: &mut impl FnMut(&[u8])) {
    let mut parts = new.split(|byte| *byte == b'\n');
    let last = parts.next_back().unwrap_or_default();
    for part in parts {
        if rest.is_empty() {
            each(part);
        } else {
            rest.extend_from_slice(part);
            each(rest);
            rest.clear();
        }
    }
    if rest.len() + last.len() > LINE_BYTES_MAX {
        rest.clear();
    } else {
        rest.extend_from_slice(last);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    fn read(follower: &mut Follower) -> Vec<String> {
        let mut lines = Vec::new();
        // A missing file is part of what is tested.
        let _ = follower.read_new(|line| lines.push(String::from_utf8_lossy(line).into_owned()));
        lines
    }

    #[test]
    fn follows_a_file_through_its_life() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("redis.log");
        let mut follower = Follower::new(path.clone());
        assert!(read(&mut follower).is_empty(), "it does not exist yet");

        let mut file = File::create(&path).unwrap();
        write!(file, "one\ntwo\nthr").unwrap();
        assert_eq!(read(&mut follower), ["one", "two"]);
        assert!(read(&mut follower).is_empty(), "half a line is none");
        write!(file, "ee\n\n\u{fffd}\n").unwrap();
        assert_eq!(read(&mut follower), ["three", "", "\u{fffd}"]);

        write!(file, "lost").unwrap();
        assert!(read(&mut follower).is_empty());
        let mut file = File::create(&path).unwrap();
        writeln!(file, "cut").unwrap();
        assert_eq!(read(&mut follower), ["cut"], "the file was truncated");

        std::fs::write(directory.path().join("new"), "a file of another inode\n").unwrap();
        std::fs::rename(directory.path().join("new"), &path).unwrap();
        assert_eq!(read(&mut follower), ["a file of another inode"]);
    }

    proptest! {
        #[test]
        fn the_cuts_between_reads_do_not_matter(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            cut in 1_usize..50,
        ) {
            let (mut rest, mut lines) = (Vec::new(), Vec::new());
            for new in text.chunks(cut) {
                split_lines(&mut rest, new, &mut |line: &[u8]| lines.push(line.to_vec()));
            }
            lines.push(rest);
            let expected: Vec<_> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
