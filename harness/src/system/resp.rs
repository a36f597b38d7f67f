//! The wire format: an encoder for commands and a parser for replies (RESP2 and RESP3), made for the hot path.
//!
//! The parser borrows from the connection's buffer, allocates for arrays only, and treats every byte as hostile.

/// A line of a reply may not be longer: error texts and lengths are far shorter.
const LINE_BYTES_MAX: usize = 64 * 1024;

/// Elements an array may claim to have: what a key of a load may grow to.
const ARRAY_ELEMENTS_MAX: usize = 1 << 20;

/// How deep arrays may lie in arrays; `CLUSTER SLOTS` needs four.
const DEPTH_MAX: u8 = 8;

/// One reply. What only RESP3 has is read as what RESP2 has for the same, so nobody else needs to know which of them is spoken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply<'a> {
    /// `+text`
    Simple(&'a [u8]),
    /// `-text`, `!length` and that many bytes
    Error(&'a [u8]),
    /// `:number`, `#t` and `#f` as 1 and 0
    Integer(i64),
    /// `$length` and that many bytes, `=length` without what they are, `,number` and `(number`
    Bulk(&'a [u8]),
    /// `$-1`, `*-1` or `_`
    Nil,
    /// `*count` or `~count` and that many replies, `%count` and twice as many
    Array(Vec<Self>),
    /// `>count` and that many replies: nobody asked for it
    Push(Vec<Self>),
}

/// The bytes are no reply, or one that is larger than anything a server should send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotResp;

impl<'a> Reply<'a> {
    /// The first reply in `bytes` and how many bytes it takes; `None` when it is not complete yet.
    pub fn parse(bytes: &'a [u8]) -> Result<Option<(Self, usize)>, NotResp> {
        parse(bytes, DEPTH_MAX)
    }
}

type Parsed<'a> = Result<Option<(Reply<'a>, usize)>, NotResp>;

fn parse(bytes: &[u8], depth: u8) -> Parsed<'_> {
    let Some((&kind, rest)) = bytes.split_first() else { return Ok(None) };
    // Checked before the line is complete: garbage must not look like a slow reply.
    if !b"+-:$*_#,(=!~%>".contains(&kind) {
        return Err(NotResp);
    }
    let Some(line) = line(rest)? else { return Ok(None) };
    let used = line.len() + 3;
    match kind {
        b'+' => Ok(Some((Reply::Simple(line), used))),
        b'-' => Ok(Some((Reply::Error(line), used))),
        b':' => Ok(Some((Reply::Integer(integer(line)?), used))),
        b'_' if line.is_empty() => Ok(Some((Reply::Nil, used))),
        b'#' if matches!(line, b"t" | b"f") => Ok(Some((Reply::Integer(i64::from(line == b"t")), used))),
        b'_' | b'#' => Err(NotResp),
        b',' | b'(' => Ok(Some((Reply::Bulk(line), used))),
        b'$' => bulk(bytes, line, used),
        b'=' => verbatim(bytes, line, used),
        b'!' => error(bytes, line, used),
        _ => array(bytes, kind, line, used, depth),
    }
}

fn bulk<'a>(bytes: &'a [u8], line: &[u8], used: usize) -> Parsed<'a> {
    let Some(length) = length(line)? else { return Ok(Some((Reply::Nil, used))) };
    let end = used.checked_add(length).ok_or(NotResp)?;
    let after = end.checked_add(2).ok_or(NotResp)?;
    match bytes.get(end..after) {
        Some(b"\r\n") => Ok(Some((Reply::Bulk(&bytes[used..end]), after))),
        Some(_) => Err(NotResp),
        None => Ok(None),
    }
}

/// Text behind three letters that say what it is, and a colon.
fn verbatim<'a>(bytes: &'a [u8], line: &[u8], used: usize) -> Parsed<'a> {
    match bulk(bytes, line, used)? {
        Some((Reply::Bulk(text), used)) => Ok(Some((Reply::Bulk(text.get(4..).ok_or(NotResp)?), used))),
        Some(_) => Err(NotResp),
        None => Ok(None),
    }
}

fn error<'a>(bytes: &'a [u8], line: &[u8], used: usize) -> Parsed<'a> {
    match bulk(bytes, line, used)? {
        Some((Reply::Bulk(text), used)) => Ok(Some((Reply::Error(text), used))),
        Some(_) => Err(NotResp),
        None => Ok(None),
    }
}

fn array<'a>(bytes: &'a [u8], kind: u8, line: &[u8], mut used: usize, depth: u8) -> Parsed<'a> {
    let Some(count) = length(line)? else { return Ok(Some((Reply::Nil, used))) };
    let count = if kind == b'%' { count.saturating_mul(2) } else { count };
    if depth == 0 || count > ARRAY_ELEMENTS_MAX {
        return Err(NotResp);
    }
    // The claimed count is not trusted with memory: elements must arrive first.
    let mut elements = Vec::with_capacity(count.min(16));
    for _ in 0..count {
        let Some((element, length)) = parse(&bytes[used..], depth - 1)? else { return Ok(None) };
        elements.push(element);
        used += length;
    }
    Ok(Some((if kind == b'>' { Reply::Push(elements) } else { Reply::Array(elements) }, used)))
}

fn line(bytes: &[u8]) -> Result<Option<&[u8]>, NotResp> {
    let Some(end) = bytes.iter().take(LINE_BYTES_MAX).position(|&byte| byte == b'\r') else {
        return if bytes.len() >= LINE_BYTES_MAX { Err(NotResp) } else { Ok(None) };
    };
    match bytes.get(end + 1) {
        Some(b'\n') => Ok(Some(&bytes[..end])),
        Some(_) => Err(NotResp),
        None => Ok(None),
    }
}

fn length(line: &[u8]) -> Result<Option<usize>, NotResp> {
    match integer(line)? {
        -1 => Ok(None),
        length => usize::try_from(length).map(Some).map_err(|_| NotResp),
    }
}

fn integer(line: &[u8]) -> Result<i64, NotResp> {
    let (negative, digits) = match line.split_first() {
        Some((b'-', digits)) => (true, digits),
        _ => (false, line),
    };
    if digits.is_empty() {
        return Err(NotResp);
    }
    let mut number = 0_i64;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(NotResp);
        }
        number = number.checked_mul(10).and_then(|n| n.checked_add(i64::from(digit - b'0'))).ok_or(NotResp)?;
    }
    Ok(if negative { -number } else { number })
}

/// Adds a whole command: an array of bulk strings.
pub fn push_command(out: &mut Vec<u8>, arguments: &[&[u8]]) {
    push_array(out, arguments.len());
    for argument in arguments {
        push_bulk(out, argument);
    }
}

/// Adds the head of a command with `arguments` arguments.
pub fn push_array(out: &mut Vec<u8>, arguments: usize) {
    push_head(out, b'*', arguments);
}

/// Adds the head of an argument of `length` bytes; the bytes and a `\r\n` are the caller's to add.
pub fn push_bulk_head(out: &mut Vec<u8>, length: usize) {
    push_head(out, b'$', length);
}

/// Short numbers, which most are, go out in one piece.
fn push_head(out: &mut Vec<u8>, kind: u8, number: usize) {
    match u8::try_from(number) {
        Ok(number @ 0..=9) => out.extend_from_slice(&[kind, b'0' + number, b'\r', b'\n']),
        Ok(number @ 10..=99) => {
            out.extend_from_slice(&[kind, b'0' + number / 10, b'0' + number % 10, b'\r', b'\n']);
        }
        _ => {
            out.push(kind);
            push_decimal(out, number as u64);
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// Adds an argument.
pub fn push_bulk(out: &mut Vec<u8>, argument: &[u8]) {
    push_bulk_head(out, argument.len());
    out.extend_from_slice(argument);
    out.extend_from_slice(b"\r\n");
}

/// Adds a number in decimal digits.
pub fn push_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0_u8; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"+OK\r\n", Reply::Simple(b"OK"))]
    #[case(b"-ERR no\r\n", Reply::Error(b"ERR no"))]
    #[case(b":-12\r\n", Reply::Integer(-12))]
    #[case(b"$3\r\na\r\n\r\n", Reply::Bulk(b"a\r\n"))]
    #[case(b"$0\r\n\r\n", Reply::Bulk(b""))]
    #[case(b"$-1\r\n", Reply::Nil)]
    #[case(b"*-1\r\n", Reply::Nil)]
    #[case(b"*0\r\n", Reply::Array(vec![]))]
    #[case(b"*2\r\n:1\r\n*1\r\n+a\r\n", Reply::Array(vec![Reply::Integer(1), Reply::Array(vec![Reply::Simple(b"a")])]))]
    #[case::resp3_nothing(b"_\r\n", Reply::Nil)]
    #[case::resp3_yes(b"#t\r\n", Reply::Integer(1))]
    #[case::resp3_no(b"#f\r\n", Reply::Integer(0))]
    #[case::resp3_double(b",-1.5e3\r\n", Reply::Bulk(b"-1.5e3"))]
    #[case::resp3_big_number(b"(12345678901234567890\r\n", Reply::Bulk(b"12345678901234567890"))]
    #[case::resp3_verbatim(b"=6\r\ntxt:hi\r\n", Reply::Bulk(b"hi"))]
    #[case::resp3_error(b"!6\r\nERR no\r\n", Reply::Error(b"ERR no"))]
    #[case::resp3_set(b"~1\r\n+a\r\n", Reply::Array(vec![Reply::Simple(b"a")]))]
    #[case::resp3_map(b"%1\r\n+a\r\n:1\r\n", Reply::Array(vec![Reply::Simple(b"a"), Reply::Integer(1)]))]
    #[case::resp3_push(b">1\r\n+a\r\n", Reply::Push(vec![Reply::Simple(b"a")]))]
    fn a_reply_parses_and_every_prefix_is_incomplete(#[case] bytes: &[u8], #[case] reply: Reply<'_>) {
        let more = [bytes, b"+next\r\n"].concat();
        assert_eq!(Reply::parse(&more), Ok(Some((reply, bytes.len()))));
        for end in 0..bytes.len() {
            assert_eq!(Reply::parse(&bytes[..end]), Ok(None), "after {end} bytes");
        }
    }

    #[rstest]
    #[case::no_type(b"HTTP/1.1 400 Bad Request\r\n")]
    #[case::an_attribute(b"|1\r\n")]
    #[case::neither_true_nor_false(b"#x\r\n")]
    #[case::more_than_nothing(b"_x\r\n")]
    #[case::no_room_for_what_it_is(b"=3\r\ntxt\r\n")]
    #[case::streamed(b"$?\r\n")]
    #[case::lone_return(b"+OK\rx")]
    #[case::no_number(b":\r\n")]
    #[case::letters(b":1a\r\n")]
    #[case::overflow(b":99999999999999999999\r\n")]
    #[case::negative_length(b"$-2\r\n")]
    #[case::huge_length(b"$9223372036854775807\r\nx")]
    #[case::unterminated_bulk(b"$1\r\nabc")]
    #[case::huge_array(b"*1048577\r\n")]
    #[case::too_deep(b"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n")]
    fn nonsense_is_refused(#[case] bytes: &[u8]) {
        // A length beyond what a connection reads is for the connection to refuse; the parser only may not overflow.
        let expected = if bytes.starts_with(b"$92") { Ok(None) } else { Err(NotResp) };
        assert_eq!(Reply::parse(bytes), expected);
    }

    #[test]
    fn an_endless_line_is_refused() {
        assert_eq!(Reply::parse(&vec![b'+'; LINE_BYTES_MAX + 1]), Err(NotResp));
    }

    #[test]
    fn a_command_is_an_array_of_bulk_strings() {
        let mut out = Vec::new();
        push_command(&mut out, &[b"GET", b"app:1234567890"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$14\r\napp:1234567890\r\n");
    }

    proptest! {
        #[test]
        fn hostile_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::parse(&bytes);
        }

        #[test]
        fn hostile_bytes_of_resp_never_panic(bytes in "[-+:$*_#,(=!~%>0-9\r\n]{0,60}") {
            if let Ok(Some((_, used))) = Reply::parse(bytes.as_bytes()) {
                prop_assert!(used <= bytes.len());
            }
        }

        #[test]
        fn decimals_are_decimal(number in any::<u64>()) {
            let mut out = Vec::new();
            push_decimal(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
