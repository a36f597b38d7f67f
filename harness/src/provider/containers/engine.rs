//! The engine: how it is reached, and what it says when it cannot do something.

use std::env;
use std::error::Error;
use std::io;

use testcontainers::bollard::Docker;
use testcontainers::bollard::errors::Error as DockerError;
use testcontainers::bollard::models::SystemInfo;
use testcontainers::core::client::{ClientError, docker_client_instance};

use crate::vocab::Missing;

/// Where the engine is, if it is not where engines are.
const HOST_VARIABLE: &str = "DOCKER_HOST";

/// Connects to the engine and has it answer.
pub(super) async fn connect() -> Result<Docker, Missing> {
    let host = env::var(HOST_VARIABLE).unwrap_or_default();
    if !host.is_empty() && !host.starts_with("unix://") {
        return Err(not_here(&format!("{HOST_VARIABLE} is {host}")));
    }
    let docker = docker_client_instance().await.map_err(|error| unreachable(&error))?;
    docker.ping().await.map_err(|error| unreachable(&error))?;
    Ok(docker)
}

/// Whether it has no more rights than whoever started it.
pub(super) fn is_rootless(engine: &SystemInfo) -> bool {
    engine.security_options.iter().flatten().any(|option| option == "name=rootless")
}

/// Its containers would have another kernel, or other files.
pub(super) fn not_here(why: &str) -> Missing {
    Missing {
        what: "run servers in containers".to_owned(),
        why: format!(
            "this engine runs on another machine, or in a virtual one: {why}; hosts need this machine's kernel"
        ),
        enable: format!("unset {HOST_VARIABLE}, and start an engine on this machine; or leave out --provider"),
    }
}

fn unreachable(error: &(dyn Error + 'static)) -> Missing {
    let (why, enable) = match io_error(error).map(io::Error::kind) {
        Some(io::ErrorKind::PermissionDenied) => (
            "its socket is closed to this user".to_owned(),
            "sudo usermod -aG docker $USER, and log in again (who may use it is as good as root)",
        ),
        Some(io::ErrorKind::ConnectionRefused) => {
            ("nothing listens on its socket".to_owned(), "sudo systemctl start docker")
        }
        _ if is_no_socket(error) => (
            "there is no engine's socket".to_owned(),
            "sudo apt-get install docker.io; or set DOCKER_HOST to its socket",
        ),
        _ => (in_words(error), "see the reason"),
    };
    Missing { what: "reach a container engine".to_owned(), why, enable: enable.to_owned() }
}

fn is_no_socket(error: &(dyn Error + 'static)) -> bool {
    // The client's own errors hide what they come from.
    let said = |cause: &(dyn Error + 'static)| match cause.downcast_ref() {
        Some(ClientError::Init(cause)) => matches!(cause, DockerError::SocketNotFoundError(_)),
        _ => matches!(cause.downcast_ref(), Some(DockerError::SocketNotFoundError(_))),
    };
    chain(error).any(said) || io_error(error).is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn chain<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| (*error).source())
}

fn io_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    chain(error).find_map(|cause| cause.downcast_ref())
}

/// The engine's own words, or else those of whatever failed on the way to it.
pub(super) fn in_words(error: &(dyn Error + 'static)) -> String {
    let of_engine = chain(error).find_map(|cause| match cause.downcast_ref() {
        Some(DockerError::DockerResponseServerError { message, .. }) => Some(message.trim().to_owned()),
        _ => None,
    });
    of_engine.unwrap_or_else(|| {
        let last = chain(error).last().map(ToString::to_string).unwrap_or_default();
        let first = error.to_string();
        if first.contains(&last) { first } else { format!("{first}: {last}") }
    })
}

/// Turns what the engine refused into an error for those who only pass it on.
pub(super) fn failed(doing: &str) -> impl FnOnce(DockerError) -> io::Error {
    move |error| io::Error::other(format!("cannot {doing}: {}", in_words(&error)))
}
