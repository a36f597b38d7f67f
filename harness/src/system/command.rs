//! Commands to a run's servers, as an administrator gives them.

use std::fmt::Write as _;
use std::time::Duration;

use redis::{AsyncConnectionConfig, Client, RedisError, Value};

use super::{Servers, SystemError};
use crate::vocab::NodeName;

/// How long a server may take to accept a connection.
const CONNECT_BOUND: Duration = Duration::from_secs(2);

/// How long a server may take to reply to a command.
pub const REPLY_BOUND: Duration = Duration::from_secs(5);

impl Servers {
    /// Gives a node a command on a connection of its own, from the router; the reply as text.
    ///
    /// Of a list the text has a line for each element, of an error its code and its words. A server that does not reply has not
    /// done as it was told.
    pub async fn command(&self, node: &NodeName, arguments: &[&str]) -> Result<String, SystemError> {
        let address = self.spec(node)?.address.0;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_BOUND))
            .set_response_timeout(Some(REPLY_BOUND));
        let asking = async {
            let client = Client::open((address.ip().to_string(), address.port()))?;
            let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
            let (name, arguments) = arguments.split_first().unwrap_or((&"", &[]));
            redis::cmd(name).arg(arguments).query_async::<Value>(&mut connection).await
        };
        match asking.await {
            Ok(value) => Ok(text_of(&value)),
            Err(error) => match error_reply(&error) {
                Some(text) => Ok(text),
                None => Err(self.not_done(node, format!("did not reply to `{}`: {error}", arguments.join(" ")), None)),
            },
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
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::status(Value::Okay, "OK")]
    #[case::nothing(Value::Nil, "(nil)")]
    #[case::number(Value::Int(-2), "-2")]
    #[case::list(Value::Array(vec![Value::BulkString(b"maxmemory".to_vec()), Value::Int(0)]), "maxmemory\n0")]
    fn replies_are_text(#[case] value: Value, #[case] text: &str) {
        assert_eq!(text_of(&value), text);
    }
}
