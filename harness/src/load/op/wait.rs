//! `WAIT` or `WAITAOF` behind a write: any operation that writes may have one.

use std::fmt;

use serde::Deserialize;

use super::{AttemptOutcome, error_kind};
use crate::evidence::ErrorKind;
use crate::load::resp::{Reply, push_array, push_bulk};
use crate::load::value::push_number;
use crate::text::{Cursor, Problem};
use crate::vocab::Duration;

/// `WAIT replicas timeout` behind a write, on the same connection. A short count leaves the write's outcome unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// How many replicas must have acknowledged.
    pub replicas: u16,
    /// Ask for files instead (`WAITAOF`, Redis and Valkey since 7.2): 1 for the append-only file of the master itself, 0 for
    /// those of the replicas alone.
    #[serde(default)]
    pub local: Option<u16>,
    /// How long to wait for them.
    pub timeout: Duration,
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())?;
        self.local.map_or(Ok(()), |local| write!(f, " {local}"))?;
        write!(f, " {} for {}", self.replicas, self.timeout)
    }
}

impl Wait {
    /// What people call the command.
    pub(crate) fn name(self) -> &'static str {
        if self.local.is_some() { "WAITAOF" } else { "WAIT" }
    }

    /// What is wrong with it by itself.
    pub(crate) fn problems(self, at: Cursor<'_>) -> Vec<Problem> {
        let mut problems = Vec::new();
        if self.local.is_some_and(|local| local > 1) {
            let problem = Problem::new(at.field("local").head(), "a master has one append-only file");
            problems.push(problem.help("write 1 for the master's own file, or 0 for those of replicas alone"));
        }
        if self.replicas == 0 && self.local.is_none_or(|local| local == 0) {
            let problem = Problem::new(at.field("replicas").head(), "waiting for no replica waits for nothing");
            problems.push(problem.help("ask for at least 1, or leave `wait` out"));
        }
        if self.timeout == Duration::default() {
            let problem = Problem::new(at.field("timeout").head(), "a `WAIT` with the timeout 0 waits for ever");
            problems.push(problem.help("write a time, such as `timeout: \"100ms\"`"));
        }
        problems
    }

    /// Adds the command to a request.
    pub(super) fn encode(self, out: &mut Vec<u8>) {
        push_array(out, 3 + usize::from(self.local.is_some()));
        push_bulk(out, self.name().as_bytes());
        self.local.into_iter().for_each(|local| push_number(out, local.into()));
        push_number(out, self.replicas.into());
        // Zero would mean for ever.
        push_number(out, (self.timeout.as_nanos() / 1_000_000).max(1));
    }

    /// What the reply makes of the answer to the write.
    ///
    /// A write that was executed stays executed, whatever `WAIT` says. But then nobody knows whether a failover keeps it.
    pub(super) fn classify(self, reply: &Reply<'_>, write: AttemptOutcome) -> AttemptOutcome {
        let (AttemptOutcome::Acknowledged(_) | AttemptOutcome::Replaced(..)) = write else { return write };
        let enough = |reply: &Reply<'_>, wanted: u16| match reply {
            Reply::Integer(count) => Some(*count >= wanted.into()),
            _ => None,
        };
        let enough = match (reply, self.local) {
            // Such as UNBLOCKED, when the master was demoted while it waited.
            (Reply::Error(text), _) => return AttemptOutcome::Unknown(error_kind(text)),
            (count, None) => enough(count, self.replicas),
            (Reply::Array(counts), Some(local)) => match &counts[..] {
                [own, replicas] => {
                    enough(own, local).zip(enough(replicas, self.replicas)).map(|(one, other)| one && other)
                }
                _ => None,
            },
            _ => None,
        };
        match enough {
            Some(true) => write,
            Some(false) => AttemptOutcome::Unknown(ErrorKind::WaitShort),
            None => AttemptOutcome::Unknown(ErrorKind::Protocol),
        }
    }
}
