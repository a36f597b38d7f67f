//! Asks servers who serves which shard.

use std::time::{Duration, Instant};

use super::connection::DeadlineTimer;
use super::dialer::Dialer;
use super::resp::Reply;
use crate::evidence::ErrorKind;
use crate::system::Question;
use crate::vocab::Address;

/// Asks a server `question`, on a connection of its own, within a bound. `learn` takes each reply, with which of them it is, and says
/// whether it told anything.
pub(crate) async fn ask(
    dialer: &Dialer,
    node: Address,
    question: &Question,
    within: Duration,
    mut learn: impl FnMut(usize, &Reply<'_>) -> bool,
) -> Result<(), ErrorKind> {
    let mut learned = false;
    let (mut timer, until) = (DeadlineTimer::new(), Instant::now() + within);
    let mut connection = dialer.open(node, &mut timer, until).await?;
    let asking =
        connection.exchange(&question.request, question.replies, |place, reply| learned |= learn(place.nth, reply));
    timer.until(until, asking).await.unwrap_or(Err(ErrorKind::TimedOut))?;
    if learned { Ok(()) } else { Err(ErrorKind::OtherReply) }
}
