//! Asks servers who serves which shard.

use std::time::{Duration, Instant};

use super::connection::{Connection, DeadlineTimer};
use super::resp::{Reply, push_command};
use crate::evidence::ErrorKind;
use crate::network::ClientHost;
use crate::vocab::Address;

/// Asks a server `question`, on a connection of its own, within a bound. `learn` takes the reply and says whether it told
/// anything.
pub(crate) async fn ask(
    host: &ClientHost,
    node: Address,
    question: &[&[u8]],
    within: Duration,
    mut learn: impl FnMut(&Reply<'_>) -> bool,
) -> Result<(), ErrorKind> {
    let mut request = Vec::new();
    push_command(&mut request, question);
    let mut learned = false;
    let asking = async {
        let mut connection = Connection::open(host, node, 0).await?;
        connection.exchange(&request, 1, |_, reply| learned = learn(reply)).await
    };
    DeadlineTimer::new().until(Instant::now() + within, asking).await.unwrap_or(Err(ErrorKind::TimedOut))?;
    if learned { Ok(()) } else { Err(ErrorKind::OtherReply) }
}
