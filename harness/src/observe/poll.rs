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

use super::collector::Collector;
use crate::evidence::{NodeStatus, Reach};
use crate::system::{NodeReport, ReportReader};
use crate::vocab::{Address, NodeName};

/// How long a connection may take. A host of the lab answers within a millisecond or is cut off.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// How long an answer may take. A server that is busy for longer does not answer its clients either.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// No interval is finer: a timer of the runtime has a resolution of a millisecond.
const FINEST_INTERVAL: Duration = Duration::from_millis(1);

type Statuses = watch::Receiver<BTreeMap<NodeName, NodeStatus>>;

/// Makes changes of status and links known at once, whatever the nodes are busy with.
pub(super) async fn watch_status(collector: Arc<Collector>, mut status: Statuses, mut reach: watch::Receiver<Reach>) {
    loop {
        collector.status_changed();
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
    collector: Arc<Collector>,
    connection: Option<MultiplexedConnection>,
    questions: Pipeline,
    reader: Box<dyn ReportReader>,
}

impl Poller {
    pub(super) fn new(node: NodeName, address: Address, collector: Arc<Collector>) -> Self {
        let system = collector.system();
        let mut questions = redis::pipe();
        for question in system.questions() {
            let mut command = redis::Cmd::new();
            command.arg(*question);
            questions.add_command(command);
        }
        let reader = system.report_reader(&node);
        Self { node, address, collector, connection: None, questions, reader }
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
        let asked = self.collector.clock().now();
        let replies = self.query().await;
        if replies.is_err() {
            // A connection that failed once may be out of step: the next question gets a new one.
            self.connection = None;
        }
        let collector = Arc::clone(&self.collector);
        let node = self.node.clone();
        collector.answered(&node, asked, replies.and_then(|replies| self.read(&replies)));
    }

    /// One round trip for all questions. Nothing is tried twice.
    async fn query(&mut self) -> Result<Vec<Value>, String> {
        let words = |error: RedisError| error.to_string();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(self.address).await.map_err(words)?),
        };
        let replies: Vec<Value> = self.questions.query_async(connection).await.map_err(words)?;
        let asked = self.questions.len();
        if replies.len() == asked { Ok(replies) } else { Err(format!("it did not send {asked} replies")) }
    }

    fn read(&mut self, replies: &[Value]) -> Result<&NodeReport, String> {
        let answers: Vec<_> = replies.iter().map(text).collect();
        let reader = &mut self.reader;
        self.collector.with_names(|names| reader.read(&answers, names)).map_err(|error| error.to_string())
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

/// A reply as text. Whatever is no string answers none of the questions and reads as nothing.
fn text(reply: &Value) -> Cow<'_, str> {
    match reply {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Cow::Borrowed(text),
        _ => Cow::Borrowed(""),
    }
}
