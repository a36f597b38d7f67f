//! Commands to a run's servers, as an administrator gives them.

use std::fmt::Write as _;
use std::time::Duration;

use redis::{RedisError, Value};
use tokio::time::timeout;

use super::{Access, AccessTimeouts, Servers, SystemError};
use crate::vocab::{Address, NodeName};

/// How long a server may take to reply to a command, the connection and the client's greeting included.
pub const REPLY_BOUND: Duration = Duration::from_secs(5);

impl Servers {
    /// Gives a node a command on a connection of its own, from the router; the reply as text.
    ///
    /// Of a list the text has a line for each element, of an error its code and its words. A server that does not reply within
    /// [`REPLY_BOUND`] has not done as it was told.
    pub async fn command(&self, node: &NodeName, arguments: &[&str]) -> Result<String, SystemError> {
        let address = self.spec(node)?.address;
        let unanswered =
            |why: &str, within| self.not_done(node, format!("did not reply to `{}`{why}", arguments.join(" ")), within);
        match timeout(REPLY_BOUND, ask(self.access(), address, arguments)).await {
            Ok(Ok(value)) => Ok(text_of(&value)),
            Ok(Err(error)) => error_reply(&error).ok_or_else(|| unanswered(&format!(": {error}"), None)),
            Err(_) => Err(unanswered(&format!(" within {} s", REPLY_BOUND.as_secs()), Some(REPLY_BOUND))),
        }
    }

    /// A server that replied something else than it had to has not done as it was told.
    pub fn check_reply(
        &self,
        node: &NodeName,
        arguments: &[&str],
        reply: &str,
        expected: &str,
    ) -> Result<(), SystemError> {
        if reply == expected {
            return Ok(());
        }
        let command = arguments.join(" ");
        Err(self.not_done(node, format!("replied `{reply}` to `{command}` and not `{expected}`"), None))
    }
}

/// Gives a server a command. It may take any time: the kernel accepts a connection for a server that stands still, so the
/// caller sets one bound for the connection, the greeting and the reply.
async fn ask(access: &Access, address: Address, arguments: &[&str]) -> Result<Value, RedisError> {
    let mut connection = access.connect(address, AccessTimeouts::default()).await?;
    let (name, arguments) = arguments.split_first().unwrap_or((&"", &[]));
    redis::cmd(name).arg(arguments).query_async(&mut *connection).await
}

/// An error that the server itself sent, in its words.
fn error_reply(error: &RedisError) -> Option<String> {
    let code = error.code()?;
    Some(error.detail().map_or_else(|| code.to_owned(), |detail| format!("{code} {detail}")))
}

fn text_of(value: &Value) -> String {
    let mut text = String::new();
    write_text(&mut text, value);
    text
}

fn write_text(text: &mut String, value: &Value) {
    // Writing to a string cannot fail.
    let _ = match value {
        Value::Nil => write!(text, "(nil)"),
        Value::Int(number) => write!(text, "{number}"),
        Value::BulkString(bytes) => write!(text, "{}", String::from_utf8_lossy(bytes)),
        Value::SimpleString(line) | Value::VerbatimString { text: line, .. } => write!(text, "{line}"),
        Value::Okay => write!(text, "OK"),
        Value::Array(values) | Value::Set(values) => {
            for (index, value) in values.iter().enumerate() {
                if index > 0 {
                    text.push('\n');
                }
                write_text(text, value);
            }
            Ok(())
        }
        other => write!(text, "{other:?}"),
    };
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddrV4};

    use rstest::rstest;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Longer than what the client's library waits for by itself.
    const BOUND: Duration = Duration::from_millis(1_200);

    /// A stopped process' kernel still accepts, so a connection alone is no answer; and a server may stop at any point.
    #[rstest]
    #[case::silent_from_the_start(b"")]
    #[case::silent_after_the_greeting(b"+OK\r\n")]
    #[tokio::test]
    async fn only_who_asks_ends_the_wait_for_a_silent_server(#[case] greeting: &[u8]) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = Address(SocketAddrV4::new(Ipv4Addr::LOCALHOST, listener.local_addr().unwrap().port()));
        let access = Access::of_lab();
        let silent = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 1024];
            assert!(stream.read(&mut buffer).await.unwrap() > 0);
            stream.write_all(greeting).await.unwrap();
            std::future::pending::<()>().await;
        };
        tokio::select! {
            asked = timeout(BOUND, ask(&access, address, &["PING"])) => assert!(asked.is_err(), "{asked:?}"),
            () = silent => {}
        }
    }

    #[rstest]
    #[case::status(Value::Okay, "OK")]
    #[case::nothing(Value::Nil, "(nil)")]
    #[case::number(Value::Int(-2), "-2")]
    #[case::list(Value::Array(vec![Value::BulkString(b"maxmemory".to_vec()), Value::Int(0)]), "maxmemory\n0")]
    fn replies_are_text(#[case] value: Value, #[case] text: &str) {
        assert_eq!(text_of(&value), text);
    }
}
