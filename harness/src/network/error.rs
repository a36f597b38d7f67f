//! What can go wrong with hosts and links.

use std::io;

use nix::errno::Errno;

/// Why the network could not be made.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// A system call failed.
    #[error("cannot {doing}: {source}")]
    System {
        /// What was tried.
        doing: String,
        /// Why it failed.
        source: io::Error,
    },
    /// The kernel refused a netlink request.
    #[error("cannot {doing}: {source}")]
    Netlink {
        /// What was tried.
        doing: String,
        /// What the kernel said.
        source: rtnetlink::Error,
    },
    /// The thread that was to make the network panicked.
    #[error("the thread that makes the lab's network panicked")]
    Panicked,
}

impl NetworkError {
    /// The kernel's error number.
    pub(crate) fn errno(&self) -> Errno {
        let number = match self {
            Self::System { source, .. } => source.raw_os_error(),
            Self::Netlink { source: rtnetlink::Error::NetlinkError(message), .. } => message.to_io().raw_os_error(),
            _ => None,
        };
        number.map_or(Errno::UnknownErrno, Errno::from_raw)
    }
}

/// Turns an [`io::Error`] into a [`NetworkError::System`].
pub(super) fn system(doing: impl Into<String>) -> impl FnOnce(io::Error) -> NetworkError {
    move |source| NetworkError::System { doing: doing.into(), source }
}

/// Turns a netlink error into a [`NetworkError::Netlink`].
pub(super) fn netlink(doing: impl Into<String>) -> impl FnOnce(rtnetlink::Error) -> NetworkError {
    move |source| NetworkError::Netlink { doing: doing.into(), source }
}
