//! Which provider a run uses.

use std::fs::File;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::containers;
use super::namespaces::{self, Outer};
use super::{ClientSpec, Need, Provider, ProviderError, Sandbox, SandboxError, ServerSpec, Storage};
use crate::evidence::{Journal, RunDirectory};
use crate::vocab::Missing;

/// Who makes the hosts of a run and starts its servers.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ProviderChoice {
    /// The lab itself: hosts are namespaces of its own, servers its children.
    #[default]
    Namespaces,
    /// A container engine: hosts are containers, servers those of their images.
    Containers {
        /// The image of nodes that name none, and of the lab.
        image: String,
    },
    /// The lab itself, with the servers of images, whose files it has, and without containers.
    ImageRootfs {
        /// The image of nodes that name none.
        image: String,
    },
}

impl ProviderChoice {
    /// Starts this binary again as a lab with this request; returns when its namespaces exist.
    ///
    /// The request must be shorter than 128 KiB. The lab's standard error goes to `log`.
    pub fn spawn(&self, request: &str, log: File) -> Result<Sandbox, SandboxError> {
        match self {
            Self::Namespaces | Self::ImageRootfs { .. } => Sandbox::spawn(&Outer::NAMESPACES, request, log),
            Self::Containers { image } => containers::spawn(image, request, log),
        }
    }

    /// Makes the hosts and the data directories of a run, and starts no process. Only the lab's process can.
    ///
    /// `clients` are hosts in addition to those of the servers. Each node has a
    /// disk of its own. `seed` determines everything that shapes draw at random. Logs
    /// go to `directory`.
    pub async fn raise(
        &self,
        servers: &[ServerSpec],
        clients: &[ClientSpec],
        storage: Storage,
        seed: u64,
        directory: &RunDirectory,
        journal: Journal,
    ) -> Result<Arc<dyn Provider>, ProviderError> {
        let lab = match self {
            Self::Namespaces => namespaces::raise(None, (servers, clients), storage, seed, directory, journal).await?,
            Self::ImageRootfs { image } => {
                namespaces::raise(Some(image), (servers, clients), storage, seed, directory, journal).await?
            }
            Self::Containers { image } => {
                containers::raise(image, (servers, clients), storage, seed, directory, journal).await?
            }
        };
        Ok(Arc::new(lab))
    }

    /// Whether what makes the hosts is there at all, found out without making any.
    pub fn answers(&self) -> Result<(), Missing> {
        match self {
            Self::Namespaces => Ok(()),
            Self::Containers { .. } | Self::ImageRootfs { .. } => containers::engine().map(drop),
        }
    }

    /// Whether this machine can do what is needed, found out by trying it once (about 30 ms); the answer is kept.
    ///
    /// Without hosts nothing else can be tried, so the error is then that of [`Need::Hosts`]. A binary whose `main()` does
    /// not begin with [`super::enter_if_asked`] gets an error that says so.
    pub fn check(&self, need: Need) -> Result<(), Missing> {
        match self {
            Self::Namespaces => namespaces::check(need),
            Self::ImageRootfs { .. } => self.answers().and_then(|()| namespaces::check(need)),
            Self::Containers { image } => containers::check(image, need),
        }
    }
}
