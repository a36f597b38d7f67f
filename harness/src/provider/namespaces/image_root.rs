//! The files of an unpacked image as the root directory of processes in the lab.

use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::mount::{MsFlags, mount};
use nix::unistd::{chdir, chroot};

use crate::provider::lab::mount_memory;
use crate::provider::server::{PRINTED_BYTES_MAX, run_bounded};
use crate::provider::{ImageError, ProviderError, UnpackedImage, file};
use crate::vocab::ServerVersion;

/// The directories beside those of nodes for what is written in roots, what the kernel needs for that, and the roots themselves. No
/// node is named so.
const PARTS: [&str; 3] = ["written", "work", ROOTS];
const ROOTS: &str = "roots";

/// What is the lab's in every root: processes and disks of nodes, devices, and what the kernel tells.
const LAB: [&str; 3] = ["/proc", "/dev", "/sys"];

/// Makes the place for roots in memory of the lab. No root shows it, or each would show all that were made before.
pub(super) fn prepare(memory: &Path) -> Result<(), ProviderError> {
    let roots = memory.join(ROOTS);
    fs::create_dir_all(&roots).map_err(file("make the directory", &roots))?;
    mount_memory(&roots, None)?;
    let hidden = mount(None::<&str>, &roots, None::<&str>, MsFlags::MS_UNBINDABLE, None::<&str>);
    hidden.map_err(|error| file("hide the mount at", &roots)(error.into()))
}

/// A root directory with the files of an image, of which nothing is changed: what is written there is memory of the lab.
pub(super) struct ImageRoot {
    image: UnpackedImage,
    root: PathBuf,
}

impl ImageRoot {
    /// Makes one in memory of the lab that is [`prepare`]d, by a name of its own. The lab's own directories and the run's are the same
    /// there, by the same paths.
    pub(super) fn make(
        image: UnpackedImage,
        (memory, name): (&Path, &str),
        run_directory: &Path,
    ) -> Result<Self, ProviderError> {
        let [written, work, root] = PARTS.map(|part| memory.join(part).join(name));
        for path in [&written, &work, &root] {
            fs::create_dir_all(path).map_err(file("make the directory", path))?;
        }
        let (files, written, work) = (image.files.display(), written.display(), work.display());
        let options = format!("lowerdir={files},upperdir={written},workdir={work}");
        mount(Some("overlay"), &root, Some("overlay"), MsFlags::empty(), Some(options.as_str()))
            .map_err(|error| file("mount an overlay at", &root)(error.into()))?;
        for path in LAB.map(Path::new).into_iter().chain([run_directory]) {
            let inside = root.join(path.strip_prefix("/").unwrap_or(path));
            fs::create_dir_all(&inside).map_err(file("make the directory", &inside))?;
            // With what is mounted below: an ordinary user's lab may not part what it found mounted together.
            mount(Some(path), &inside, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
                .map_err(|error| file("mount a directory at", &inside)(error.into()))?;
        }
        Ok(Self { image, root })
    }

    /// A command that runs the image's server in a directory of its root.
    pub(super) fn command(&self, directory: &Path) -> io::Result<Command> {
        let [root, directory] = [self.root.as_path(), directory].map(|path| CString::new(path.as_os_str().as_bytes()));
        let (root, directory) = (root?, directory?);
        let mut command = Command::new(&self.image.program);
        command.env_clear().envs(self.image.environment.iter().map(|(name, value)| (name, value)));
        #[expect(unsafe_code, reason = "a process can only change its root by itself, before it becomes the server")]
        // SAFETY: between fork and exec the closure makes only system calls (chroot, chdir), which are async-signal-safe, and
        // neither allocates nor locks.
        unsafe {
            command.pre_exec(move || {
                chroot(root.as_c_str())?;
                Ok(chdir(directory.as_c_str())?)
            });
        }
        Ok(command)
    }

    /// The image's name.
    pub(super) fn image(&self) -> &str {
        &self.image.name
    }

    /// The version of its server, which it asks for: so it can run here.
    pub(super) fn version(&self) -> Result<ServerVersion, ImageError> {
        let run = |source| ImageError::Run { image: self.image.name.clone(), source };
        let asked = self.command(Path::new("/")).and_then(|mut command| {
            let (status, printed) = run_bounded(command.arg("--version"), PRINTED_BYTES_MAX)?;
            status.map(|_| printed).ok_or_else(|| io::ErrorKind::TimedOut.into())
        });
        self.image.version_of(&asked.map_err(run)?)
    }
}
