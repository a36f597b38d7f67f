//! What is wrong with the connections that workers share.

use crate::load::{Connections, Load};
use crate::scenario::WORKERS_MAX;
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::Duration;

impl Checker<'_> {
    /// How the workers of a load share connections.
    pub(super) fn check_connections(&mut self, load: &Load, at: Cursor<'_>) {
        if load.is_idle() {
            return;
        }
        let field = at.field("connections");
        let (count, written) = match load.connections {
            Connections::PerWorker | Connections::PerOperation => return,
            Connections::Pool { max } => (max, field.field("max")),
            Connections::Shared(count) => (count, field.index(0)),
        };
        let (threads, workers) = (load.threads(), load.workers());
        let multiplexed = matches!(load.connections, Connections::Shared(_));
        if count == 0 {
            let problem = Problem::new(written.head(), "without a connection nobody can send anything");
            self.report(problem.help("write how many connections there are to each node, at least 1"));
        } else if count > WORKERS_MAX {
            let message = format!("a load has 1 to {WORKERS_MAX} connections to each node, not {count}");
            self.report(Problem::new(written.head(), message));
        } else if count < threads {
            let message = format!("{count} connections to each node cannot be divided over {threads} threads");
            let problem = Problem::new(written.head(), message).also(at.field("threads").head(), "so many threads");
            self.report(problem.help("each thread has connections of its own: write one for each at least"));
        } else if multiplexed && count > workers {
            let message = format!("{count} connections to each node, and {workers} workers who could share them");
            let problem = Problem::new(written.head(), message);
            self.report(problem.help("write fewer, or `PerWorker`, with which each worker has its own"));
        }
        if multiplexed {
            self.check_nothing_blocks(load, at.field("mix"));
        }
    }

    /// While a server waits for something on behalf of a client, it answers nothing else on the same connection.
    fn check_nothing_blocks(&mut self, load: &Load, mix: Cursor<'_>) {
        let message = "this keeps the replies to all others waiting who use the same connection";
        let help = "write `connections: Pool(max: 8)`, say, or give it a load of its own";
        for (index, op) in load.mix.iter().enumerate() {
            let entry = mix.index(index);
            if op.kind().blocks_for() > Duration::default() {
                self.report(Problem::new(entry.head(), message).help(help));
            }
            if op.kind().wait().is_some() {
                let problem = Problem::new(entry.field("wait").head(), message);
                self.report(problem.help(help).help("or leave `wait` out"));
            }
        }
    }
}
