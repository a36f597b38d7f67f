//! Waiting for what the observer sees.

use std::time::Duration;

use tokio::sync::watch;

use crate::observe::Observation;
use crate::vocab::Instant;

/// Waits until `missing` finds nothing missing, at most `within`; the error is what it said last.
///
/// Only an observation counts for which every running node was asked after `since`: what was seen before a fault says nothing
/// about what holds after it.
pub async fn wait_for(
    observation: &mut watch::Receiver<Observation>,
    since: Instant,
    within: Duration,
    mut missing: impl FnMut(&Observation) -> Option<String>,
) -> Result<(), String> {
    let mut last_state = "nothing was seen".to_owned();
    let watched = async {
        loop {
            {
                let observation = observation.borrow_and_update();
                match missing(&observation) {
                    None if observation.asked > since => return Ok(()),
                    None => "not every node has been asked again".clone_into(&mut last_state),
                    Some(reason) => last_state = reason,
                }
            }
            if observation.changed().await.is_err() {
                return Err("the observer ended");
            }
        }
    };
    match tokio::time::timeout(within, watched).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(ended)) => Err(format!("{ended}; before that: {last_state}")),
        Err(_) => Err(last_state),
    }
}
