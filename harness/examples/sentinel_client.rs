//! A client that learns its master by the redis crate's own Sentinel discovery: it writes until a write is accepted, and says when
//! that was. `fixtures/discovery` runs it in the same failover as a load of the harness.
#![expect(clippy::print_stdout, reason = "a program that says what it found")]

use std::env;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::RedisResult;
use redis::sentinel::{SentinelClient, SentinelServerType};

/// How long it waits between two attempts: as long as the loads of the harness do if not told otherwise.
const RETRY_WAIT: Duration = Duration::from_millis(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> RedisResult<()> {
    let addresses = (1..).map_while(|number| env::var(format!("S{number}")).ok());
    let sentinels: Vec<_> = addresses.map(|address| format!("redis://{address}/")).collect();
    let mut client = SentinelClient::build(sentinels, "A".to_owned(), None, SentinelServerType::Master)?;
    let mut refused = 0;
    while write(&mut client).await.is_err() {
        refused += 1;
        tokio::time::sleep(RETRY_WAIT).await;
    }
    let accepted = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    println!("{{\"accepted_unix_us\": {}, \"attempts_before\": {refused}}}", accepted.as_micros());
    Ok(())
}

/// Asks the sentinels anew, as after every error.
async fn write(client: &mut SentinelClient) -> RedisResult<()> {
    let mut master = client.get_async_connection().await?;
    redis::cmd("SET").arg("sentinel_client").arg("a value").exec_async(&mut master).await
}
