//! Asks a node for its view, again and again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::io::tcp::TcpSettings;
use redis::{AsyncConnectionConfig, Client, ConnectionAddr, IntoConnectionInfo, Pipeline, RedisError, Value};
use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

use super::board::Board;
use super::members::members;
use super::view::{Reading, ViewError, combine};
use crate::evidence::{NodeStatus, Reach};
use crate::vocab::{Address, NodeName};

/// How long a connection may take. A host of the lab answers within a millisecond or is cut off.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// How long an answer may take. A server that is busy for longer does not answer its clients either.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// No interval is finer: a timer of the runtime has a resolution of a millisecond.
const FINEST_INTERVAL: Duration = Duration::from_millis(1);

type Statuses = watch::Receiver<BTreeMap<NodeName, NodeStatus>>;

/// Makes changes of status and links known at once, whatever the nodes are busy with.
pub(super) async fn watch_status(board: Arc<Board>, mut status: Statuses, mut reach: watch::Receiver<Reach>) {
    loop {
        board.status_changed();
        tokio::select! {
            () = next_change(&mut status) => {}
            () = next_change(&mut reach) => {}
        }
    }
}

/// Waits for a change; for ever when there can be none.
async fn next_change<T>(status: &mut watch::Receiver<T>) {
    if status.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Asks one node.
pub(super) struct Poller {
    node: NodeName,
    address: Address,
    board: Arc<Board>,
    connection: Option<MultiplexedConnection>,
    question: Pipeline,
    /// What the last answer said.
    last: Option<LastReading>,
    /// The text of `CLUSTER NODES` without what changes all the time; kept for its allocation.
    digest: String,
}

struct LastReading {
    digest: String,
    names_version: u64,
    reading: Reading,
}

impl Poller {
    pub(super) fn new(node: NodeName, address: Address, board: Arc<Board>) -> Self {
        let mut question = redis::pipe();
        question.cmd("CLUSTER").arg("NODES").cmd("CLUSTER").arg("INFO").cmd("INFO").arg("replication");
        Self { node, address, board, connection: None, question, last: None, digest: String::new() }
    }

    /// Asks every `interval` while the node runs. A change of any status cuts a question short and asks anew.
    pub(super) async fn run(mut self, mut status: Statuses, first: Duration, interval: Duration) {
        let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, interval.max(FINEST_INTERVAL));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let runs = status.borrow_and_update().get(&self.node) == Some(&NodeStatus::Running);
            if !runs {
                self.connection = None;
                next_change(&mut status).await;
                continue;
            }
            tokio::select! {
                biased;
                () = next_change(&mut status) => {}
                () = self.ask(&mut ticks) => {}
            }
        }
    }

    async fn ask(&mut self, ticks: &mut tokio::time::Interval) {
        ticks.tick().await;
        let asked = self.board.clock().now();
        let replies = self.query().await;
        if replies.is_err() {
            // A connection that failed once may be out of step: the next question gets a new one.
            self.connection = None;
        }
        let board = Arc::clone(&self.board);
        let node = self.node.clone();
        board.answered(&node, asked, replies.and_then(|replies| self.read(&replies)));
    }

    /// One round trip for all three commands. Nothing is tried twice.
    async fn query(&mut self) -> Result<[Value; 3], String> {
        let words = |error: RedisError| error.to_string();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(self.address).await.map_err(words)?),
        };
        let replies: Vec<Value> = self.question.query_async(connection).await.map_err(words)?;
        replies.try_into().map_err(|_| "it did not send three replies".to_owned())
    }

    /// Reads the replies. `CLUSTER NODES` is the long one and nearly always says what it said before: then only the
    /// other two are read.
    fn read(&mut self, replies: &[Value; 3]) -> Result<&Reading, String> {
        let [nodes, info, replication] = replies.each_ref().map(text);
        digest(&nodes, &mut self.digest);
        let names_version = self.board.names_version();
        let same = |last: &LastReading| last.names_version == names_version && last.digest == self.digest;
        let words = |error: ViewError| error.to_string();
        let (digest, (id, members)) = if let Some(last) = self.last.take().filter(same) {
            (last.digest, (last.reading.id, last.reading.view.members))
        } else {
            let members = self.board.with_names(|names| members(&self.node, &nodes, names));
            (self.digest.clone(), members.map_err(words)?)
        };
        let reading = combine(id, members, &info, &replication).map_err(words)?;
        Ok(&self.last.insert(LastReading { digest, names_version, reading }).reading)
    }
}

async fn connect(address: Address) -> Result<MultiplexedConnection, RedisError> {
    let endpoint = ConnectionAddr::Tcp(address.ip().to_string(), address.0.port()).into_connection_info()?;
    let redis = endpoint.redis_settings().clone().set_skip_set_lib_name();
    let endpoint = endpoint.set_tcp_settings(TcpSettings::default().set_nodelay(true)).set_redis_settings(redis);
    let timeouts = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT_TIMEOUT))
        .set_response_timeout(Some(RESPONSE_TIMEOUT));
    Client::open(endpoint)?.get_multiplexed_async_connection_with_config(&timeouts).await
}

/// A reply as text. Whatever is no string is no reply to these commands and reads as nothing.
fn text(reply: &Value) -> Cow<'_, str> {
    match reply {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Cow::Borrowed(text),
        _ => Cow::Borrowed(""),
    }
}

/// `CLUSTER NODES` without the columns ping-sent and pong-received, which change with every heartbeat.
fn digest(nodes: &str, digest: &mut String) {
    const PING_SENT: usize = 4;
    const PONG_RECEIVED: usize = 5;
    digest.clear();
    for line in nodes.lines() {
        let fields = line.split(' ').enumerate();
        for (_, field) in fields.filter(|(index, _)| !(PING_SENT..=PONG_RECEIVED).contains(index)) {
            digest.push_str(field);
            digest.push(' ');
        }
        digest.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heartbeats_do_not_change_the_digest() {
        let (mut one, mut two) = (String::new(), String::new());
        digest("id 10.128.0.2:6379@16379 master - 0 1795176791661 2 connected 0-5\nx y", &mut one);
        digest("id 10.128.0.2:6379@16379 master - 17 1795176791999 2 connected 0-5\nx y", &mut two);
        assert_eq!(one, two);
        digest("id 10.128.0.2:6379@16379 master,fail? - 17 1795176791999 2 connected 0-5\nx y", &mut two);
        assert_ne!(one, two);
    }
}
