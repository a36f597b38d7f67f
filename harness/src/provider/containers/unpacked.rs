//! The files of an image, unpacked once on this machine: its server then runs without an engine.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::slice;

use futures_util::TryStreamExt;
use testcontainers::bollard::Docker;
use tokio::io::AsyncWriteExt;
use tokio_tar::ArchiveBuilder;
use tokio_util::io::StreamReader;

use super::engine::connect;
use super::image::{
    block_on, command_of, id_of, inspect, make_container, remove_container, start_container, version_of,
};
use super::image_cache;
use crate::provider::ImageError;
use crate::vocab::ServerVersion;

/// What no server accepts in its configuration, so that it ends when it has read all of it.
const REFUSED: &[u8] = b"no-such-directive\n";

/// The files of an image in a directory of this machine, and how its server is started with this directory as its root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnpackedImage {
    /// The image's name, as people wrote it.
    pub name: String,
    /// The image's id: the name may mean another one later.
    id: String,
    /// The directory.
    pub files: PathBuf,
    /// The server: the last word of the image's entrypoint and command. What else is there would become another user, whom a lab may
    /// not have.
    pub program: String,
    /// What is in its environment.
    pub environment: Vec<(String, String)>,
}

impl UnpackedImage {
    /// Unpacks an image, if that has not been done, below the user's cache directory; has the engine pull it if it must. Outside of labs.
    pub fn make(name: &str) -> Result<Self, ImageError> {
        let cannot = |source| ImageError::Unpack { image: name.to_owned(), source };
        block_on(async {
            let docker = connect().await?;
            let (unpacked, command) = Self::known(&docker, name).await?;
            if !unpacked.files.exists() {
                unpack(&docker, &unpacked, &command).await.map_err(cannot)?;
            }
            Ok(unpacked)
        })
        .map_err(cannot)?
    }

    /// Finds an image that is unpacked.
    pub(in crate::provider) async fn find(name: &str) -> Result<Self, ImageError> {
        let (unpacked, _) = Self::known(&connect().await?, name).await?;
        let source = io::ErrorKind::NotFound.into();
        if unpacked.files.exists() { Ok(unpacked) } else { Err(ImageError::Unpack { image: name.to_owned(), source }) }
    }

    /// The version of its server, by what that prints when it is asked.
    pub(in crate::provider) fn version_of(&self, printed: &str) -> Result<ServerVersion, ImageError> {
        version_of(&self.name, slice::from_ref(&self.program), printed)
    }

    /// What the engine knows of an image, and where it is unpacked or would be; and its command.
    async fn known(docker: &Docker, name: &str) -> Result<(Self, Vec<String>), ImageError> {
        let inspected = inspect(docker, name).await?;
        let id = id_of(name, &inspected);
        let variables = inspected.config.as_ref().and_then(|config| config.env.clone()).unwrap_or_default();
        let command = command_of(name, inspected)?;
        let variable = |text: &String| text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        let cache = image_cache::directory().map_err(|source| ImageError::Unpack { image: name.to_owned(), source })?;
        let unpacked = Self {
            name: name.to_owned(),
            files: cache.join(id.trim_start_matches("sha256:")),
            id,
            program: command.last().cloned().unwrap_or_default(),
            environment: variables.iter().filter_map(variable).collect(),
        };
        Ok((unpacked, command))
    }
}

/// Unpacks an image to its directory, which appears when it is complete.
async fn unpack(docker: &Docker, image: &UnpackedImage, command: &[String]) -> io::Result<()> {
    let files = &image.files;
    let cache = files.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let _alone = image_cache::lock(cache)?;
    // Others, who had it, may have done it, or may have been killed.
    if files.exists() {
        return Ok(());
    }
    let incomplete = image_cache::incomplete(cache)?;
    let id = make_container(docker, &image.id, command, &["-"]).await?;
    let exported = export(docker, &id, incomplete.path()).await;
    remove_container(docker, &id).await;
    exported?;
    fs::rename(incomplete.keep(), files)
}

/// Writes the files of a container that was made below a directory. It runs meanwhile, so that it ends with this process: a server
/// reads its configuration for as long as its input is open.
async fn export(docker: &Docker, id: &str, to: &Path) -> io::Result<()> {
    let mut container = start_container(docker, id).await?;
    container.input.write_all(REFUSED).await?;
    let exported = Box::pin(docker.export_container(id).map_err(io::Error::other));
    ArchiveBuilder::new(StreamReader::new(exported)).set_preserve_permissions(true).build().unpack(to).await
}
