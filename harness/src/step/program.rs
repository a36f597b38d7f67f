//! A program of one's own.

use std::fmt;
use std::time::Duration as StdDuration;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::error::{Abort, StepEnd};
use super::{Stage, StepKind};
use crate::evidence::{EventKind, ExitCause};
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{Duration, HostName, NodeName};

/// How many of the last lines that a program printed say why it failed.
const LINES_SHOWN: usize = 5;

/// runs a program on a host, such as a benchmark or a check of one's own, with the address of each node in its environment (`A`, and `A_HOST` and `A_PORT`) and, if servers speak TLS, the files for it (`TLS_CA_CERT_FILE`, `TLS_CERT_FILE` and `TLS_KEY_FILE`); what it prints is evidence, and the run fails unless it ends in time with exit code 0
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The host that it runs on: a client host, or a node's.
    pub from: HostName,
    /// The program, by its path or as it is found on PATH, and its arguments.
    pub run: Vec<String>,
    /// The longest that it may take.
    pub within: Duration,
}

impl Program {
    pub(super) const EXAMPLE: &str =
        r#"Program(from: "app", run: ["sh", "-c", "redis-cli --cluster check $A"], within: "10s")"#;

    async fn wait(&self, stage: &mut Stage<'_>, step: usize) -> Result<StepEnd, Abort> {
        let clock = stage.journal.clock();
        let began = clock.now();
        let (servers, environment) = (stage.servers, stage.servers.program_environment());
        let ended = servers.provider().run_program(&self.from, &self.run, &environment, self.within.0).await?;
        let (took_ms, cpu_ms) = (clock.now().millis_since(began), ended.cpu.as_secs_f64() * 1e3);
        let last_lines = last_lines(&ended.printed);
        let event = EventKind::ProgramEnded { step, cause: ended.cause, took_ms, cpu_ms, printed: ended.printed };
        stage.journal.record(event);
        let how = match ended.cause {
            ExitCause::Code(0) if ended.in_time => return Ok(StepEnd::Done),
            cause if ended.in_time => format!("it ended with {cause}"),
            _ => format!("it still ran after {}", self.within),
        };
        let last_state = format!("{how}; the last that it printed:\n{last_lines}");
        stage.journal.record(EventKind::UntilMissed { step, last_state });
        Ok(StepEnd::Failed)
    }
}

fn last_lines(printed: &str) -> String {
    let lines: Vec<_> = printed.lines().collect();
    lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n")
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Program on {}: {}, within {}", self.from, self.run.join(" "), self.within)
    }
}

impl StepKind for Program {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.known_host(&self.from, at.field("from"));
        if self.run.first().is_none_or(String::is_empty) {
            let problem = Problem::new(at.field("run").head(), "there is no program in this");
            checker.report(problem.help(
                "write the program and its arguments: `run: [\"sh\", \"-c\", \"redis-cli --cluster check $A\"]`",
            ));
        }
        if self.within == Duration::default() {
            let problem = Problem::new(at.field("within").head(), "no program ends in no time");
            checker.report(problem.help("write the longest it may take, such as `within: \"60s\"`"));
        }
    }

    fn acts(&self) -> bool {
        false
    }

    fn waits(&self) -> bool {
        true
    }

    fn names(&self) -> Vec<NodeName> {
        Vec::new()
    }

    fn duration(&self) -> (StdDuration, StdDuration) {
        (StdDuration::ZERO, self.within.0)
    }

    fn bound(&self) -> StdDuration {
        self.within.0.saturating_add(StdDuration::from_secs(2))
    }

    fn perform<'a>(&'a self, stage: &'a mut Stage<'_>, index: usize) -> LocalBoxFuture<'a, Result<StepEnd, Abort>> {
        self.wait(stage, index).boxed_local()
    }
}
