//! How the harness itself reaches the servers of a run, whatever a scenario asks of their clients.

use std::io::{self, ErrorKind as IoErrorKind};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisConnectionInfo, RedisError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::TlsClient;
use crate::vocab::Address;

/// The user of the lab's servers that the harness is, with all rights, and what it proves it by: nobody else is on their network.
const USER: &str = "redis-harness";
const PASSWORD: &str = "redis-harness";

/// How the harness itself reaches the servers of a run.
#[derive(Clone, Debug, Default)]
pub struct Access {
    /// Who it is to them; the default user if none.
    pub credentials: Option<Credentials>,
    /// How it speaks TLS with them; plain TCP if none.
    pub tls: Option<TlsClient>,
}

/// How a client proves to a server who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

/// How long the harness waits for a server; without end where there is no bound.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AccessTimeouts {
    /// For a connection, the greeting included.
    pub connection: Option<Duration>,
    /// For each reply.
    pub reply: Option<Duration>,
}

/// A connection of the harness to a server. Dropping it closes it, whatever it still waits for.
pub struct AccessConnection {
    commands: MultiplexedConnection,
    _driver: JoinSet<()>,
}

impl Access {
    /// To the servers of a lab: by a user of its own, so that a scenario may close the default user, or change its password under
    /// way.
    pub fn of_lab() -> Self {
        Self { credentials: Some(Credentials { user: USER.to_owned(), password: PASSWORD.to_owned() }), tls: None }
    }

    /// Connects to a server.
    pub async fn connect(&self, address: Address, timeouts: AccessTimeouts) -> Result<AccessConnection, RedisError> {
        let connecting = async {
            let stream = TcpStream::connect(address.0).await?;
            stream.set_nodelay(true)?;
            match &self.tls {
                None => self.greet(stream, timeouts).await,
                Some(tls) => self.greet(tls.handshake(address.ip(), stream).await?, timeouts).await,
            }
        };
        match timeouts.connection {
            None => connecting.await,
            Some(bound) => timeout(bound, connecting).await.unwrap_or_else(|_| Err(too_late().into())),
        }
    }

    async fn greet<S>(&self, stream: S, timeouts: AccessTimeouts) -> Result<AccessConnection, RedisError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let mut greeting = RedisConnectionInfo::default().set_skip_set_lib_name();
        if let Some(Credentials { user, password }) = &self.credentials {
            greeting = greeting.set_username(user).set_password(password);
        }
        let config = AsyncConnectionConfig::new().set_response_timeout(timeouts.reply);
        let (commands, driver) = MultiplexedConnection::new_with_config(&greeting, stream, config).await?;
        let mut running = JoinSet::new();
        running.spawn(driver);
        Ok(AccessConnection { commands, _driver: running })
    }
}

fn too_late() -> io::Error {
    io::Error::new(IoErrorKind::TimedOut, "no connection in time")
}

impl Deref for AccessConnection {
    type Target = MultiplexedConnection;

    fn deref(&self) -> &MultiplexedConnection {
        &self.commands
    }
}

impl DerefMut for AccessConnection {
    fn deref_mut(&mut self) -> &mut MultiplexedConnection {
        &mut self.commands
    }
}
