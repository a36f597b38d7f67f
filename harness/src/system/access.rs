//! How the harness itself reaches the servers of a run, whatever a scenario asks of their clients.

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, RedisError};

use crate::vocab::Address;

/// The user of the lab's servers that the harness is, with all rights, and what it proves it by: nobody else is on their network.
const USER: &str = "redis-harness";
const PASSWORD: &str = "redis-harness";

/// How the harness itself reaches the servers of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// Who it is to them; the default user if none.
    pub credentials: Option<Credentials>,
}

/// How a client proves to a server who it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The user's name.
    pub user: String,
    /// The user's password.
    pub password: String,
}

impl Access {
    /// To the servers of a lab: by a user of its own, so that a scenario may close the default user, or change its password under
    /// way.
    pub fn of_lab() -> Self {
        Self { credentials: Some(Credentials { user: USER.to_owned(), password: PASSWORD.to_owned() }) }
    }

    /// Connects to a server.
    pub async fn connect(
        &self,
        address: Address,
        timeouts: &AsyncConnectionConfig,
    ) -> Result<MultiplexedConnection, RedisError> {
        let endpoint = ConnectionAddr::Tcp(address.ip().to_string(), address.0.port()).into_connection_info()?;
        let mut redis = endpoint.redis_settings().clone().set_skip_set_lib_name();
        if let Some(Credentials { user, password }) = &self.credentials {
            redis = redis.set_username(user).set_password(password);
        }
        let endpoint = endpoint.set_tcp_settings(TcpSettings::default().set_nodelay(true)).set_redis_settings(redis);
        Client::open(endpoint)?.get_multiplexed_async_connection_with_config(timeouts).await
    }
}
