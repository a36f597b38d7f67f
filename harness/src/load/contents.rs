//! Everything that a key holds, read at once: for the final read.

use super::op::{AttemptOutcome, encode_mget, error_outcome, read_balances, read_group, text};
use super::resp::{Reply, push_command};
use super::value::{ID_BYTES, read_number, read_value};
use crate::evidence::{DataType, ErrorKind, Value};

/// Adds the command that reads all that a key with such data holds, of a group with so many keys.
pub(crate) fn encode(data: DataType, group_keys: u16, out: &mut Vec<u8>, key: &[u8]) {
    match data {
        // A channel is no key: nothing is found.
        DataType::Value
        | DataType::Counter
        | DataType::Log
        | DataType::Channel
        | DataType::ShardChannel
        | DataType::Lock => push_command(out, &[b"GET", key]),
        DataType::List => push_command(out, &[b"LRANGE", key, b"0", b"-1"]),
        DataType::Set => push_command(out, &[b"SMEMBERS", key]),
        DataType::Hash => push_command(out, &[b"HKEYS", key]),
        DataType::SortedSet => push_command(out, &[b"ZRANGE", key, b"0", b"-1"]),
        DataType::Group | DataType::Scattered | DataType::Accounts => encode_mget(out, key, group_keys),
    }
}

/// What the reply tells: the value, or the elements in their order; none of a key that does not exist. Else why it tells nothing.
pub(crate) fn read(data: DataType, reply: &Reply<'_>) -> Result<Vec<Value>, AttemptOutcome> {
    if let Reply::Error(text) = reply {
        return Err(error_outcome(text));
    }
    let one = |value| if value == Value::Missing { Vec::new() } else { vec![value] };
    let values = match (data, reply) {
        (DataType::Value, _) => text(reply, read_value).map(one),
        (DataType::Counter, _) => text(reply, read_number).map(one),
        (DataType::Log, Reply::Nil) => Some(Vec::new()),
        (DataType::Log, Reply::Bulk(bytes)) => Some(bytes.chunks(ID_BYTES).map(read_value).collect()),
        (DataType::Group | DataType::Scattered, _) => read_group(reply).map(one),
        (DataType::Accounts, _) => read_balances(reply).map(one),
        (DataType::List | DataType::Set | DataType::Hash | DataType::SortedSet, Reply::Array(elements)) => {
            elements.iter().map(|element| text(element, read_value)).collect()
        }
        _ => None,
    };
    values.ok_or(AttemptOutcome::Unknown(ErrorKind::Protocol))
}

/// The elements that a client read, in the order of the reply; those of a set or a hash, which have none, by their ids.
pub(crate) fn elements(data: DataType, reply: &Reply<'_>) -> Vec<Value> {
    let read = |element: &Reply<'_>| text(element, read_value).unwrap_or(Value::Foreign);
    let mut elements: Vec<_> = match reply {
        Reply::Bulk(bytes) => bytes.chunks(ID_BYTES).map(read_value).collect(),
        // The names of a hash's fields: each has a value behind it.
        Reply::Array(replies) if data == DataType::Hash => replies.iter().step_by(2).map(read).collect(),
        Reply::Array(replies) => replies.iter().map(read).collect(),
        _ => Vec::new(),
    };
    if matches!(data, DataType::Set | DataType::Hash) {
        elements.sort_unstable();
    }
    elements
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const A: &str = "1c654bc0cee1ad82";
    const B: &str = "8add4590aad7b12d";

    #[rstest]
    #[case(DataType::Value, &format!("$16\r\n{A}\r\n"), &[Value::Written(0xAA)])]
    #[case(DataType::Value, "$-1\r\n", &[])]
    #[case(DataType::Counter, "$1\r\n3\r\n", &[Value::Number(3)])]
    #[case(DataType::Log, &format!("$32\r\n{A}{B}\r\n"), &[Value::Written(0xAA), Value::Written(0xBB)])]
    #[case::half_an_element(DataType::Log, &format!("$20\r\n{A}0000\r\n"), &[Value::Written(0xAA), Value::Foreign])]
    #[case(DataType::Log, "$-1\r\n", &[])]
    #[case(DataType::List, &format!("*2\r\n$16\r\n{B}\r\n$16\r\n{A}\r\n"), &[Value::Written(0xBB), Value::Written(0xAA)])]
    #[case(DataType::Set, "*0\r\n", &[])]
    #[case(DataType::Hash, "*1\r\n$1\r\nx\r\n", &[Value::Foreign])]
    #[case(DataType::Group, &format!("*2\r\n$16\r\n{A}\r\n$16\r\n{B}\r\n"), &[Value::Torn])]
    #[case(DataType::Group, "*2\r\n$-1\r\n$-1\r\n", &[])]
    #[case(DataType::Accounts, "*3\r\n$2\r\n-5\r\n$3\r\n101\r\n$1\r\n4\r\n", &[Value::Number(100)])]
    #[case::less_than_nothing(DataType::Accounts, "*2\r\n$2\r\n-5\r\n$1\r\n4\r\n", &[Value::Foreign])]
    #[case::no_number(DataType::Accounts, "*2\r\n$2\r\n-5\r\n$1\r\nx\r\n", &[Value::Foreign])]
    #[case::one_account_is_gone(DataType::Accounts, "*2\r\n$2\r\n-5\r\n$-1\r\n", &[Value::Torn])]
    #[case::no_account_is_there(DataType::Accounts, "*2\r\n$-1\r\n$-1\r\n", &[])]
    fn all_that_a_key_holds_is_read(#[case] data: DataType, #[case] bytes: &str, #[case] expected: &[Value]) {
        let (reply, _) = Reply::parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!(read(data, &reply).unwrap(), expected);
    }

    #[rstest]
    #[case(DataType::Value, "*0\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case(DataType::List, "$1\r\nx\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case(DataType::Group, ":1\r\n", AttemptOutcome::Unknown(ErrorKind::Protocol))]
    #[case(DataType::Set, "-WRONGTYPE no\r\n", AttemptOutcome::NotExecuted(ErrorKind::OtherReply))]
    fn what_is_no_answer_tells_nothing(#[case] data: DataType, #[case] bytes: &str, #[case] expected: AttemptOutcome) {
        let (reply, _) = Reply::parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!(read(data, &reply), Err(expected));
    }

    #[rstest]
    #[case(DataType::List, &format!("*2\r\n$16\r\n{B}\r\n$16\r\n{A}\r\n"), &[Value::Written(0xBB), Value::Written(0xAA)])]
    #[case(DataType::Set, &format!("*2\r\n$16\r\n{B}\r\n$16\r\n{A}\r\n"), &[Value::Written(0xAA), Value::Written(0xBB)])]
    #[case(DataType::Hash, &format!("*4\r\n$16\r\n{B}\r\n+x\r\n$16\r\n{A}\r\n+x\r\n"), &[Value::Written(0xAA), Value::Written(0xBB)])]
    #[case(DataType::Log, &format!("$32\r\n{B}{A}\r\n"), &[Value::Written(0xBB), Value::Written(0xAA)])]
    #[case::foreign(DataType::Set, "*1\r\n+x\r\n", &[Value::Foreign])]
    #[case::none(DataType::List, "*0\r\n", &[])]
    fn elements_that_clients_read_are_known(#[case] data: DataType, #[case] bytes: &str, #[case] expected: &[Value]) {
        let (reply, _) = Reply::parse(bytes.as_bytes()).unwrap().unwrap();
        assert_eq!(elements(data, &reply), expected);
    }
}
