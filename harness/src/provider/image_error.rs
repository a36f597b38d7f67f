//! Why an image is nothing that servers can be started from.

use std::io;

use crate::vocab::{Missing, ServerVersion};

/// Why there is no server of an image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// No engine answers.
    #[error(transparent)]
    NoEngine(#[from] Missing),
    /// The engine does not have the image and cannot pull it.
    #[error("there is no image {image}: {said}")]
    NotThere {
        /// The image.
        image: String,
        /// What the engine said.
        said: String,
    },
    /// The image says nothing about what it runs.
    #[error("the image {image} has neither an entrypoint nor a command, so nothing says how its server is started")]
    NoCommand {
        /// The image.
        image: String,
    },
    /// No container of the image could be run.
    #[error("cannot run the image {image}: {source}")]
    Run {
        /// The image.
        image: String,
        /// Why.
        source: io::Error,
    },
    /// The image's files could not be had.
    #[error("cannot unpack the image {image}: {source}")]
    Unpack {
        /// The image.
        image: String,
        /// Why.
        source: io::Error,
    },
    /// The image runs something else.
    #[error("the image {image} is neither Redis nor Valkey: `{command} --version` printed: {printed}")]
    NotAServer {
        /// The image.
        image: String,
        /// What it runs.
        command: String,
        /// The first line of what that printed.
        printed: String,
    },
    /// The server is too old for the harness.
    #[error("the image {image} has {version}; the harness needs Redis 6.2 or later, or Valkey")]
    TooOld {
        /// The image.
        image: String,
        /// Its version.
        version: ServerVersion,
    },
}
