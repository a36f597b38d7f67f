//! Whether nodes can have disks with a cache, found out by mounting one and losing a file on it.

use std::fs;
use std::io;
use std::path::PathBuf;

use super::hosts::DATA;
use super::missing::{KernelFeature, KernelSettings, explain};
use super::user::errno;
use crate::provider::lab::{CachingDisk, MountError};
use crate::vocab::{Missing, Size};

/// Mounts a disk in the calling process's mount namespace, where it stays, and has the power fail.
pub(super) fn try_out_caching_disk(settings: KernelSettings) -> Result<(), Missing> {
    let disk =
        CachingDisk::try_mount(None, PathBuf::from(DATA), Size { bytes: 1 << 20 }).map_err(|error| match error {
            MountError::Open(error) => explain(KernelFeature::OpenFuse, error, settings),
            MountError::Mount(error) => explain(KernelFeature::MountFuse, error, settings),
            MountError::Serve(error) => explain(KernelFeature::MountFuse, errno(&error), settings),
        })?;
    lose_a_file(&disk).map_err(|error| explain(KernelFeature::MountFuse, errno(&error), settings))
}

/// Writes a file and loses it.
fn lose_a_file(disk: &CachingDisk) -> io::Result<()> {
    let file = PathBuf::from(DATA).join("lost");
    fs::write(&file, "lost")?;
    let written = fs::read(&file)? == b"lost";
    let forgotten = disk.power_off(|| Ok::<_, io::Error>(()))?.1;
    disk.power_on();
    if written && !forgotten.is_empty() && !file.exists() { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}
