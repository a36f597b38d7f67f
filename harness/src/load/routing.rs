//! Asks servers who serves which shard.

use std::time::{Duration, Instant};

use super::connection::DeadlineTimer;
use super::dialer::Dialer;
use super::resp::{Reply, push_command};
use crate::evidence::ErrorKind;
use crate::vocab::Address;

/// Asks a server `question`, on a connection of its own, within a bound. `learn` takes the reply and says whether it told
/// anything.
pub(crate) async fn ask(
    dialer: &Dialer,
    node: Address,
    question: &[&[u8]],
    within: Duration,
    mut learn: impl FnMut(&Reply<'_>) -> bool,
) -> Result<(), ErrorKind> {
    let mut request = Vec::new();
    push_command(&mut request, question);
    let mut learned = false;
    let (mut timer, until) = (DeadlineTimer::new(), Instant::now() + within);
    let mut connection = dialer.open(node, &mut timer, until).await?;
    let asking = connection.exchange(&request, 1, |_, reply| learned = learn(reply));
    timer.until(until, asking).await.unwrap_or(Err(ErrorKind::TimedOut))?;
    if learned { Ok(()) } else { Err(ErrorKind::OtherReply) }
}
