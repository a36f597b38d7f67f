//! A line of a server's log: when it was written, and what it says of replication. What else it says, the system knows.
//!
//! Pure text in, values out. The wording was read from recorded logs of Redis 6.2, 7.0 and 8.0 and Valkey 8.0 and 9.1
//! (`fixtures/logs`). The level is never looked at: the same line has had different levels in different versions.

use crate::evidence::LogEvent;

/// Reads one line, without its line end: `PID:ROLE DD Mon YYYY HH:MM:SS.mmm LEVEL text`.
///
/// Gives the line's time in microseconds since 1970 UTC (servers of the lab run with `TZ=UTC`) and what its text `says`; none
/// for a line that says nothing of interest, for the lines of the start-up banner and for anything else.
pub(super) fn parse(line: &[u8], says: impl FnOnce(&str) -> Option<LogEvent>) -> Option<(i64, LogEvent)> {
    let line = String::from_utf8_lossy(line);
    let mut fields = line.trim_end().splitn(7, ' ');
    let (pid, role) = fields.next()?.split_once(':')?;
    if pid.is_empty() || !pid.bytes().all(|byte| byte.is_ascii_digit()) || role.len() != 1 {
        return None;
    }
    let (day, month, year, time) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let _level = fields.next()?;
    // The text comes first: nearly all lines end here, and need no time.
    let says = says(fields.next()?)?;
    Some((unix_us(day, month, year, time)?, says))
}

fn unix_us(day: &str, month: &str, year: &str, time: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let month = i8::try_from(MONTHS.iter().position(|name| *name == month)? + 1).ok()?;
    let (clock, millis) = time.split_once('.')?;
    let mut clock = clock.splitn(3, ':').map(|part| part.parse::<i8>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    let millis: i32 = millis.parse().ok().filter(|millis| (0..1_000).contains(millis))?;
    let (year, day) = (year.parse().ok()?, day.parse().ok()?);
    let civil = jiff::civil::DateTime::new(year, month, day, hour, minute, second, millis * 1_000_000).ok()?;
    Some(jiff::tz::Offset::UTC.to_timestamp(civil).ok()?.as_microsecond())
}

/// What the text of a line says of replication, which is the same in every system.
pub(super) fn sync(text: &str) -> Option<LogEvent> {
    let of_master = text.strip_prefix("MASTER ").or_else(|| text.strip_prefix("PRIMARY "));
    if let Some(rest) = of_master {
        return match rest.strip_prefix("<-> REPLICA sync")? {
            " started" => Some(LogEvent::SyncStarted),
            rest if rest.starts_with(": Finished with success") => Some(LogEvent::SyncFinished),
            _ => None,
        };
    }
    // Redis 8 transfers over a channel of its own and does not say the first of these.
    if text.starts_with("Full resync from ") || text.starts_with("PSYNC is not possible, initialize RDB channel") {
        return Some(LogEvent::FullResync);
    }
    text.starts_with("Successful partial resynchronization with ").then_some(LogEvent::PartialResync)
}
