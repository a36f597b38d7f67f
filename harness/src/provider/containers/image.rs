//! Images of servers: what they run, and what that says before any run.

use std::collections::HashMap;
use std::io;
use std::time::Duration;

use futures_util::{Stream, StreamExt};
use testcontainers::bollard::Docker;
use testcontainers::bollard::container::{AttachContainerResults, LogOutput};
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::{ContainerCreateBody, HealthConfig, HostConfig, ImageInspect};
use testcontainers::bollard::query_parameters::{AttachContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use testcontainers::runners::AsyncRunner;
use testcontainers::{GenericImage, ImageExt};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::engine::{connect, failed, in_words};
use super::{asked, janitor, owner};
use crate::provider::ImageError;
use crate::vocab::ServerVersion;

/// How long a server may take to print its version, or to refuse a file, with the container around it.
const ASK_BOUND: Duration = Duration::from_secs(20);

/// How much of what it prints is kept.
const PRINTED_BYTES: usize = 64 * 1_024;

/// A server's image, whose version is known from running it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServerImage {
    /// Its name, as people wrote it.
    pub name: String,
    /// What starts its server: its entrypoint, and the first word of its command, before any argument.
    pub(super) command: Vec<String>,
    /// Its version.
    pub version: ServerVersion,
}

/// Name and tag. A digest's colon parts them as well.
pub(super) fn name_and_tag(image: &str) -> (&str, &str) {
    let repository = image.rfind('/').map_or(0, |slash| slash + 1);
    let colon = image[repository..].rfind(':').map(|colon| repository + colon);
    colon.map_or((image, "latest"), |colon| (&image[..colon], &image[colon + 1..]))
}

impl ServerImage {
    /// Finds it on this machine, or has the engine pull it, and asks its server for its version. Outside of labs, in a program that
    /// becomes one if it is started as one: it is started again to clean up if this process is killed.
    pub fn find(name: &str) -> Result<Self, ImageError> {
        let run = |source| ImageError::Run { image: name.to_owned(), source };
        block_on(async { Self::find_by(&connect().await?, name).await }).map_err(run)?
    }

    /// What its server prints when it is run to its end with these arguments and this input. Outside of labs.
    pub fn ask(&self, arguments: &[&str], input: &str) -> io::Result<String> {
        block_on(async {
            let docker = connect().await.map_err(io::Error::other)?;
            ask(&docker, &self.name, &self.command, arguments, input).await
        })?
    }

    /// See [`Self::find`].
    pub(super) async fn find_by(docker: &Docker, name: &str) -> Result<Self, ImageError> {
        let inspected = inspect(docker, name).await?;
        let id = id_of(name, &inspected);
        let command = command_of(name, inspected)?;
        let printed = match asked::printed(&id) {
            Some(printed) => Ok(printed),
            // By its id: the name may mean another one by now.
            None => ask(docker, &id, &command, &["--version"], "").await,
        };
        let printed = printed.map_err(|source| ImageError::Run { image: name.to_owned(), source })?;
        let version = version_of(name, &command, &printed)?;
        asked::keep(id, &printed);
        Ok(Self { name: name.to_owned(), command, version })
    }
}

/// What the engine knows of an image, which it pulls if it must.
pub(super) async fn inspect(docker: &Docker, name: &str) -> Result<ImageInspect, ImageError> {
    let inspected = match docker.inspect_image(name).await {
        Err(DockerError::DockerResponseServerError { status_code: 404, .. }) => {
            pull(name).await?;
            docker.inspect_image(name).await
        }
        inspected => inspected,
    };
    inspected.map_err(|error| not_there(name, &error))
}

/// What means this image for ever, whatever its name means later.
pub(super) fn id_of(name: &str, image: &ImageInspect) -> String {
    image.id.clone().unwrap_or_else(|| name.to_owned())
}

/// See [`ServerImage::command`].
pub(super) fn command_of(name: &str, image: ImageInspect) -> Result<Vec<String>, ImageError> {
    let config = image.config.unwrap_or_default();
    let program = config.cmd.unwrap_or_default().into_iter().take(1);
    let command: Vec<_> = config.entrypoint.unwrap_or_default().into_iter().chain(program).collect();
    if command.is_empty() { Err(ImageError::NoCommand { image: name.to_owned() }) } else { Ok(command) }
}

/// The version of an image's server, by what it prints when it is asked.
pub(super) fn version_of(name: &str, command: &[String], printed: &str) -> Result<ServerVersion, ImageError> {
    let image = name.to_owned();
    match printed.parse::<ServerVersion>() {
        Ok(version) if version.is_too_old() => Err(ImageError::TooOld { image, version }),
        Ok(version) => Ok(version),
        Err(()) => {
            let printed = printed.trim().lines().next().unwrap_or("nothing").to_owned();
            Err(ImageError::NotAServer { image, command: command.join(" "), printed })
        }
    }
}

/// Does what may make containers, outside of labs, and leaves none of them whatever ends this process.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> io::Result<T> {
    janitor::keep()?;
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work))
}

async fn pull(image: &str) -> Result<(), ImageError> {
    let (name, tag) = name_and_tag(image);
    let request = GenericImage::new(name, tag).with_container_name("never-started");
    request.pull_image().await.map(drop).map_err(|error| not_there(image, &error))
}

fn not_there(image: &str, error: &(dyn std::error::Error + 'static)) -> ImageError {
    ImageError::NotThere { image: image.to_owned(), said: in_words(error) }
}

/// Runs a command in a container of its own, which ends with it.
async fn ask(docker: &Docker, image: &str, command: &[String], arguments: &[&str], input: &str) -> io::Result<String> {
    let id = make_container(docker, image, command, arguments).await?;
    let printed = timeout(ASK_BOUND, run(docker, &id, input)).await;
    if !matches!(printed, Ok(Ok(_))) {
        // It was not started, or goes on where it should have ended.
        remove_container(docker, &id).await;
    }
    printed.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "it did not end in time")))
}

/// Makes a container for a command, which will have an input and no network; returns its id. The engine removes it when the command
/// has ended.
pub(super) async fn make_container(
    docker: &Docker,
    image: &str,
    command: &[String],
    arguments: &[&str],
) -> io::Result<String> {
    let words = command.iter().map(String::as_str).chain(arguments.iter().copied());
    let container = ContainerCreateBody {
        image: Some(image.to_owned()),
        entrypoint: Some(words.map(str::to_owned).collect()),
        cmd: Some(Vec::new()),
        labels: Some(HashMap::from([(owner::LABEL.to_owned(), owner::label())])),
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        healthcheck: Some(no_health_check()),
        host_config: Some(HostConfig {
            auto_remove: Some(true),
            network_mode: Some("none".to_owned()),
            ..HostConfig::default()
        }),
        ..ContainerCreateBody::default()
    };
    Ok(docker.create_container(None, container).await.map_err(failed("make a container"))?.id)
}

/// Ends and removes a container. The engine may be about to.
pub(super) async fn remove_container(docker: &Docker, id: &str) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _ = docker.remove_container(id, Some(options)).await;
}

/// Starts a container that was made; returns what leads to and from its command.
pub(super) async fn start_container(docker: &Docker, id: &str) -> io::Result<AttachContainerResults> {
    let options = AttachContainerOptionsBuilder::new().stream(true).stdin(true).stdout(true).stderr(true).build();
    let attached = docker.attach_container(id, Some(options)).await.map_err(failed("attach to a container"))?;
    docker.start_container(id, None).await.map_err(failed("start a container"))?;
    Ok(attached)
}

/// Starts a container that was made and reads what it prints until it ends.
async fn run(docker: &Docker, id: &str, input: &str) -> io::Result<String> {
    let AttachContainerResults { output, input: mut to } = start_container(docker, id).await?;
    // What ended already reads nothing any more, and what it printed counts.
    let _ = to.write_all(input.as_bytes()).await;
    let _ = to.shutdown().await;
    Ok(printed(output).await)
}

/// What comes until the end, at most [`PRINTED_BYTES`].
async fn printed(mut output: impl Stream<Item = Result<LogOutput, DockerError>> + Unpin) -> String {
    let mut bytes = Vec::new();
    while let Some(Ok(part)) = output.next().await {
        bytes.extend_from_slice(part.as_ref());
        bytes.truncate(PRINTED_BYTES);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What an image's authors had in mind to watch their server would only load the machine.
pub(super) fn no_health_check() -> HealthConfig {
    HealthConfig { test: Some(vec!["NONE".to_owned()]), ..HealthConfig::default() }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("redis", "redis", "latest")]
    #[case("redis:7.4", "redis", "7.4")]
    #[case("valkey/valkey:8.1", "valkey/valkey", "8.1")]
    #[case("registry.example:5000/redis", "registry.example:5000/redis", "latest")]
    #[case("registry.example:5000/redis:7.4-alpine", "registry.example:5000/redis", "7.4-alpine")]
    #[case("redis@sha256:abc", "redis@sha256", "abc")]
    fn a_name_is_parted_from_its_tag(#[case] image: &str, #[case] name: &str, #[case] tag: &str) {
        assert_eq!(name_and_tag(image), (name, tag));
    }
}
