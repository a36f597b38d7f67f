//! A disk with a cache, in memory of the lab's first process, which serves it to the kernel as a file system (FUSE).

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use fuser::{Config, Session, SessionACL};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, setns, unshare};

use super::requests::{Requests, SharedVolume};
use super::volume::Volume;
use crate::provider::{Forgotten, ProviderError, file};
use crate::vocab::Size;

/// Where the kernel gives the requests.
const DEVICE: &str = "/dev/fuse";

/// A disk with a cache, mounted. Only other processes may use the mount: this one serves it. If it waited for an answer of its own
/// when it is killed, the kernel would wait with it for ever; so whatever the harness does to the files, it does here.
pub(in crate::provider) struct CachingDisk {
    directory: PathBuf,
    shared: Arc<SharedVolume>,
}

/// Why such a disk cannot be had.
#[derive(Debug)]
pub(in crate::provider) enum MountError {
    /// The device that the kernel gives requests by cannot be opened.
    Open(Errno),
    /// The kernel does not mount it.
    Mount(Errno),
    /// No thread can serve it, or the kernel speaks another version of the protocol.
    Serve(io::Error),
}

impl From<MountError> for io::Error {
    fn from(error: MountError) -> Self {
        match error {
            MountError::Open(error) | MountError::Mount(error) => error.into(),
            MountError::Serve(error) => error,
        }
    }
}

impl CachingDisk {
    /// Mounts an empty one at a directory of this mount namespace, or of another. It is served until the lab ends.
    pub(in crate::provider) fn mount(
        mounts: Option<File>,
        directory: PathBuf,
        size: Size,
    ) -> Result<Self, ProviderError> {
        Self::try_mount(mounts, directory.clone(), size)
            .map_err(|error| file("mount a disk with a cache at", directory)(error.into()))
    }

    pub(in crate::provider) fn try_mount(
        mounts: Option<File>,
        directory: PathBuf,
        size: Size,
    ) -> Result<Self, MountError> {
        let device = OpenOptions::new().read(true).write(true).open(DEVICE);
        let device = device.map_err(|error| MountError::Open(Errno::from_raw(error.raw_os_error().unwrap_or(0))))?;
        match mounts {
            None => attach(&device, &directory),
            Some(mounts) => in_mounts(&mounts, || attach(&device, &directory)),
        }
        .map_err(MountError::Mount)?;
        let shared = SharedVolume::new(Volume::new(size.bytes));
        let requests = Requests(Arc::clone(&shared));
        let session = Session::from_fd(requests, OwnedFd::from(device), SessionACL::All, Config::default());
        let session = session.map_err(MountError::Serve)?;
        let serving = thread::Builder::new().name("lab-disk".to_owned()).spawn(|| session.run());
        serving.map_err(MountError::Serve)?;
        Ok(Self { directory, shared })
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(super) fn paths(&self) -> Result<Vec<PathBuf>, Errno> {
        self.shared.lock().volume.paths()
    }

    pub(super) fn read(&self, path: &Path) -> Result<Vec<u8>, Errno> {
        self.shared.lock().volume.content_at(path).map(<[u8]>::to_vec)
    }

    pub(super) fn write(&self, path: &Path, content: &[u8]) -> Result<(), Errno> {
        self.shared.lock().volume.put(path, content)
    }

    pub(super) fn wipe(&self) -> Result<(), Errno> {
        self.shared.lock().volume.wipe()
    }

    pub(super) fn left_bytes(&self) -> u64 {
        self.shared.lock().volume.left_bytes()
    }

    pub(super) fn fill(&self) {
        self.shared.lock().volume.fill();
    }

    pub(super) fn free(&self) -> bool {
        self.shared.lock().volume.free()
    }

    /// From now on every `fsync` takes so much longer.
    pub(in crate::provider) fn delay_fsync(&self, by: Duration) {
        self.shared.lock().fsync_delay = by;
    }

    /// How long an `fsync` takes; what does the waiting.
    pub(in crate::provider) fn fsync_timer(&self) -> impl FnOnce() -> Result<Duration, Errno> + Send + use<> {
        let shared = Arc::clone(&self.shared);
        move || shared.time_fsync()
    }

    /// How much longer it takes.
    pub(in crate::provider) fn fsync_delay(&self) -> Duration {
        self.shared.lock().fsync_delay
    }

    /// The power fails in the moment in which `kill` has been done, if it can be: nothing is read or written between the two, nor
    /// after that until [`Self::power_on`].
    pub(in crate::provider) fn power_off<T, E>(
        &self,
        kill: impl FnOnce() -> Result<T, E>,
    ) -> Result<(T, Vec<Forgotten>), E> {
        let mut state = self.shared.lock();
        let killed = kill()?;
        let forgotten = state.volume.power_off();
        drop(state);
        self.shared.wake();
        Ok((killed, forgotten))
    }

    /// It can be used again.
    pub(in crate::provider) fn power_on(&self) {
        self.shared.lock().volume.power_on();
    }
}

/// Has the kernel ask `device` for what is in `directory`.
fn attach(device: &File, directory: &Path) -> nix::Result<()> {
    // A server in a container may be any user.
    let options = format!("fd={},rootmode=40000,user_id=0,group_id=0,allow_other", device.as_raw_fd());
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV;
    mount(Some("fuse"), directory, Some("fuse"), flags, Some(options.as_str()))
}

/// Works in another mount namespace, in a thread of its own, which shares no root directory with others: else it could not go there.
fn in_mounts(mounts: &File, work: impl FnOnce() -> nix::Result<()> + Send) -> nix::Result<()> {
    let inside = || {
        unshare(CloneFlags::CLONE_FS)?;
        setns(mounts, CloneFlags::CLONE_NEWNS)?;
        work()
    };
    thread::scope(|scope| scope.spawn(inside).join()).unwrap_or(Err(Errno::EIO))
}
