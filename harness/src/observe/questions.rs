//! Asks a server questions, over a connection that lasts.

use std::borrow::Cow;
use std::time::Duration;

use redis::{Pipeline, RedisError, Value};

use crate::system::{Access, AccessConnection, AccessTimeouts};
use crate::vocab::Address;

/// How long a connection may take. A host of the lab answers within a millisecond or is cut off.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(300);

/// How long an answer may take. A server that is busy for longer does not answer its clients either.
const RESPONSE_TIMEOUT: Duration = Duration::from_millis(500);

/// The same questions for one server, again and again.
pub(super) struct Questions {
    address: Address,
    access: Access,
    commands: Pipeline,
    connection: Option<AccessConnection>,
}

impl Questions {
    /// These commands for the server at `address`; nothing is asked yet.
    pub(super) fn new(address: Address, access: Access, commands: &[Vec<String>]) -> Self {
        let mut pipeline = redis::pipe();
        for words in commands {
            let mut command = redis::Cmd::new();
            command.arg(words);
            pipeline.add_command(command);
        }
        Self { address, access, commands: pipeline, connection: None }
    }

    /// Asks all of them in one round trip; why there is no answer to each, if so. Nothing is tried twice.
    pub(super) async fn ask(&mut self) -> Result<Answers, String> {
        let replies = self.query().await;
        if replies.is_err() {
            // A connection that failed once may be out of step: the next question gets a new one.
            self.hang_up();
        }
        replies.map(Answers)
    }

    async fn query(&mut self) -> Result<Vec<Value>, String> {
        let words = |error: RedisError| error.to_string();
        let connection = match &mut self.connection {
            Some(connection) => connection,
            none => none.insert(connect(&self.access, self.address).await.map_err(words)?),
        };
        let replies: Vec<Value> = self.commands.query_async(&mut **connection).await.map_err(words)?;
        let asked = self.commands.len();
        if replies.len() == asked { Ok(replies) } else { Err(format!("it did not send {asked} replies")) }
    }

    /// Closes the connection.
    pub(super) fn hang_up(&mut self) {
        self.connection = None;
    }
}

async fn connect(access: &Access, address: Address) -> Result<AccessConnection, RedisError> {
    let timeouts = AccessTimeouts { connection: Some(CONNECT_TIMEOUT), reply: Some(RESPONSE_TIMEOUT) };
    access.connect(address, timeouts).await
}

/// What a server answered, question by question.
pub(super) struct Answers(Vec<Value>);

impl Answers {
    /// The answers as text: of a list of lists each inner one is a block of lines, and the record separator of ASCII is between two.
    /// Whatever else is no string answers none of the questions and reads as nothing.
    pub(super) fn texts(&self) -> Vec<Cow<'_, str>> {
        self.0.iter().map(text).collect()
    }
}

fn text(reply: &Value) -> Cow<'_, str> {
    match reply {
        Value::BulkString(bytes) => String::from_utf8_lossy(bytes),
        Value::VerbatimString { text, .. } | Value::SimpleString(text) => Cow::Borrowed(text),
        Value::Array(blocks) => {
            let block = |block: &Value| match block {
                Value::Array(lines) => lines.iter().map(text).collect::<Vec<_>>().join("\n"),
                _ => String::new(),
            };
            Cow::Owned(blocks.iter().map(block).collect::<Vec<_>>().join("\u{1e}"))
        }
        _ => Cow::Borrowed(""),
    }
}
