//! A disk with a cache: what the kernel, servers and a power failure make of it.

use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};

use harness::evidence::{NodeStatus, RunDirectory};
use harness::provider::{Forgotten, PowerFailure, Storage};
use harness::vocab::NodeName;
use tokio::time::sleep;

use super::inside::{Outcome, STORAGE, apply, nodes, raise, say};

const DELAY: Duration = Duration::from_millis(200);
/// Longer than killed processes may take to be gone.
const LONG_DELAY: Duration = Duration::from_secs(20);
/// How long the kernel may take to tell of a closed file.
const CLOSED_BOUND: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(1);

/// The power of one node fails while all run, and it starts again.
pub(super) async fn power_fails(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), Storage { caching: true, ..STORAGE }).await?;
    lab.start_all().await?;
    let node = NodeName::from("B");
    let data = lab.provider().data_directory(&node)?;
    let mut kept = File::create(data.join("kept"))?;
    kept.write_all(b"one")?;
    kept.sync_all()?;
    kept.write_all(b"three")?;
    fs::write(data.join("lost"), "lost")?;
    let PowerFailure { is_proven, forgotten, .. } = lab.provider().power_off(&node).await?;
    let expected = [Forgotten::Bytes { file: "kept".into(), bytes: 5 }, Forgotten::Made("lost".into())];
    assert!(is_proven && expected.iter().all(|expected| forgotten.contains(expected)), "{forgotten:?}");
    assert_eq!(lab.provider().status_of(&node)?, NodeStatus::Down);
    assert_eq!(fs::read(data.join("kept"))?, b"one");
    assert_eq!(fs::read(data.join("lost")).map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    kept.write_all(b"late").expect_err("what was open when the power failed is not usable");
    apply(&lab, "Start", &node).await?;
    Ok(0)
}

/// It is slow where it is told to be, can be full, and is a file system like others.
pub(super) async fn disk_serves(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), Storage { caching: true, ..STORAGE }).await?;
    let (provider, node) = (lab.provider(), NodeName::from("A"));
    let data = provider.data_directory(&node)?;
    assert!(provider.delay_fsync(&node, DELAY).await? >= DELAY);
    // What comes from the kernel takes as long.
    let began = Instant::now();
    File::create(data.join("slow"))?.sync_all()?;
    assert!(began.elapsed() >= DELAY);
    fs::remove_file(data.join("slow"))?;
    assert!(provider.delay_fsync(&node, Duration::ZERO).await? < DELAY);
    let large = vec![7; 1 << 20];
    fs::create_dir(data.join("inner"))?;
    fs::write(data.join("large"), &large)?;
    fs::rename(data.join("large"), data.join("inner/larger"))?;
    assert!(fs::read(data.join("inner/larger"))? == large);
    provider.fill_data(&node)?;
    assert_eq!(provider.space_left(&node)?, 0);
    let full = OpenOptions::new().append(true).open(data.join("inner/larger"))?.write_all(b"more");
    assert_eq!(full.map_err(|error| error.kind()), Err(ErrorKind::StorageFull));
    assert!(provider.free_data(&node)? && provider.space_left(&node)? > 0);
    provider.wipe(&node)?;
    assert_eq!(provider.data_files(&node)?, Vec::<std::path::PathBuf>::new());
    // The kernel tells a file system of this kind of a closed file some time after `close`, and until then its bytes are there.
    let closed = Instant::now() + CLOSED_BOUND;
    while provider.space_left(&node)? != STORAGE.size.bytes && Instant::now() < closed {
        sleep(POLL).await;
    }
    assert_eq!(provider.space_left(&node)?, STORAGE.size.bytes);
    Ok(0)
}

/// Is killed while a disk is found to be slow.
pub(super) async fn hold_slow(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), Storage { caching: true, ..STORAGE }).await?;
    lab.start_all().await?;
    let namespace = fs::read_link("/proc/self/ns/pid")?;
    let node = NodeName::from("A");
    let killed = async {
        sleep(DELAY).await;
        say(&namespace.to_string_lossy());
    };
    let (slow, ()) = tokio::join!(lab.provider().delay_fsync(&node, LONG_DELAY), killed);
    Err(format!("not killed within {:?}", slow?).into())
}
