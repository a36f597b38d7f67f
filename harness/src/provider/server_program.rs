//! The program of a server, as it can be asked before any run: a binary or an image.

use std::fmt;
use std::io;

use super::{ImageError, ProviderChoice, ServerBinary, ServerError, ServerImage, UnpackedImage};
use crate::vocab::ServerVersion;

/// What a node's server is to be, before it is known whether there is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WantedServer {
    /// A binary: a path or a name on PATH, or what [`ServerBinary::find`] finds without a name.
    Binary(Option<String>),
    /// An image, of which containers are made.
    Image(String),
    /// An image, of which only the files are used.
    ImageRootfs(String),
}

/// Why there is no server to run.
#[derive(Debug, thiserror::Error)]
pub enum NoServer {
    /// No binary.
    #[error(transparent)]
    Binary(#[from] ServerError),
    /// No image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// A server's program, whose version is known from running it once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ServerProgram {
    /// A binary of this machine.
    Binary(ServerBinary),
    /// An image.
    Image(ServerImage),
}

impl ProviderChoice {
    /// The server of a node for which the scenario names this binary or this image, if it names any.
    pub fn server(&self, binary: Option<&str>, image: Option<&str>) -> WantedServer {
        match self {
            Self::Namespaces => WantedServer::Binary(binary.map(str::to_owned)),
            Self::Containers { image: of_all } => WantedServer::Image(image.unwrap_or(of_all).to_owned()),
            Self::ImageRootfs { image: of_all } => WantedServer::ImageRootfs(image.unwrap_or(of_all).to_owned()),
        }
    }
}

impl WantedServer {
    /// Finds it, unpacks it if only its files are used, and asks for its version.
    pub fn find(&self) -> Result<ServerProgram, NoServer> {
        match self {
            Self::Binary(name) => Ok(ServerProgram::Binary(ServerBinary::find(name.as_deref())?)),
            Self::Image(name) => Ok(ServerProgram::Image(ServerImage::find(name)?)),
            Self::ImageRootfs(name) => {
                UnpackedImage::make(name)?;
                Ok(ServerProgram::Image(ServerImage::find(name)?))
            }
        }
    }
}

impl ServerProgram {
    /// Its version.
    pub fn version(&self) -> ServerVersion {
        match self {
            Self::Binary(binary) => binary.version,
            Self::Image(image) => image.version,
        }
    }

    /// What it prints when it reads a configuration that it must refuse, so that it ends.
    pub fn says_of(&self, config: &str) -> io::Result<String> {
        match self {
            Self::Binary(binary) => binary.says_of(config),
            Self::Image(image) => image.ask(&["-"], config),
        }
    }
}

impl fmt::Display for ServerProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Binary(binary) => write!(f, "{}", binary.path.display()),
            Self::Image(image) => f.write_str(&image.name),
        }
    }
}
