//! Starting a server and waiting until it answers.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::time::Duration;

use futures_util::future::{join_all, try_join_all};
use redis::{RedisError, Value};
use tokio::time::sleep;

use crate::evidence::ExitCause;
use crate::system::{Access, AccessTimeouts, NodeSpec, Servers, SystemError};
use crate::vocab::{Address, NodeName};

/// How long a server may take until it answers. It takes 10 ms on an idle machine, and one that reads its files says so.
pub const ANSWER_BOUND: Duration = Duration::from_secs(20);

/// How often a starting server is tried.
const ANSWER_POLL: Duration = Duration::from_millis(3);

impl Servers {
    /// Starts a node's server and returns when it answers and has read its files, or still reads them when its time is over. That
    /// the system is well is another matter.
    pub async fn start(&self, node: &NodeName, within: Duration) -> Result<(), SystemError> {
        start(self, self.spec(node)?, within).await
    }

    /// Starts a node's server, which must refuse its files: end by itself with code 1, with these words in its log. Returns the line
    /// that has them.
    pub async fn start_in_vain(&self, node: &NodeName, words: &str, within: Duration) -> Result<String, SystemError> {
        match begin(self, self.spec(node)?, within, Some(REFUSED)).await? {
            Begun::Ended(cause) => {
                let log = self.provider.log_tail(node)?;
                let line = log.lines().find(|line| line.contains(words));
                let said = line.filter(|_| cause == REFUSED).map(|line| format!("it ended with {cause}: {line}"));
                said.ok_or_else(|| self.not_done(node, format!("ended with {cause} and does not say `{words}`"), None))
            }
            Begun::Ready => Err(self.not_done(node, "started, and was to refuse".to_owned(), None)),
            Begun::Loading | Begun::Silent => {
                let reason = format!("did not refuse to start within {} s", within.as_secs());
                Err(self.not_done(node, reason, Some(within)))
            }
        }
    }

    /// Starts every node, one group after the other, and introduces them to each other. When some of a group fail, the error is of the
    /// first of them in the order of the plan.
    pub async fn start_all(&self) -> Result<(), SystemError> {
        let mut groups = BTreeMap::<_, Vec<_>>::new();
        for node in &self.nodes {
            let group = self.systems.of(&node.name).start_group(node);
            groups.entry(group).or_default().push(start(self, node, ANSWER_BOUND));
        }
        for group in groups.into_values() {
            join_all(group).await.into_iter().collect::<Result<(), _>>()?;
        }
        let introductions = self.systems.parts().iter().map(|part| part.system.introduce(self));
        try_join_all(introductions).await.map(drop)
    }
}

/// How a server ends that cannot read its files. (`exit(1)`, in Redis `rdb.c` and `aof.c`.)
const REFUSED: ExitCause = ExitCause::Code(1);

/// What became of a server that was started.
enum Begun {
    /// It answers and has read its files.
    Ready,
    /// It still reads them, when its time is over.
    Loading,
    /// It gave no answer in its time.
    Silent,
    /// It ended.
    Ended(ExitCause),
}

/// Starts the server. One that still reads its files when its time is over has started.
async fn start(servers: &Servers, node: &NodeSpec, within: Duration) -> Result<(), SystemError> {
    match begin(servers, node, within, None).await? {
        Begun::Ready | Begun::Loading => Ok(()),
        Begun::Ended(cause) => {
            Err(servers.not_done(&node.name, format!("ended with {cause} instead of starting"), None))
        }
        Begun::Silent => {
            Err(servers.not_done(&node.name, format!("gave no answer within {} s", within.as_secs()), Some(within)))
        }
    }
}

/// Starts the server and returns when it answers and has read its files, which it may refuse while it answers already, or ends.
async fn begin(
    servers: &Servers,
    node: &NodeSpec,
    within: Duration,
    expected: Option<ExitCause>,
) -> Result<Begun, SystemError> {
    let config = servers.directory.node_config(&node.name);
    let more = servers.systems.of(&node.name).arguments(node).iter().map(OsString::from);
    let arguments: Vec<_> = std::iter::once(config.into()).chain(more).collect();
    servers.provider.start(&node.name, &arguments, expected).await?;
    let mut is_loading = false;
    let answering = async {
        loop {
            match answer(servers.access(), node.address).await {
                Ok(Answer::Ready) => break,
                Ok(Answer::Loading) => is_loading = true,
                Err(_) => {}
            }
            sleep(ANSWER_POLL).await;
        }
    };
    tokio::select! {
        () = answering => Ok(Begun::Ready),
        ended = servers.provider.exit(&node.name) => Ok(Begun::Ended(ended?)),
        () = sleep(within) => Ok(if is_loading { Begun::Loading } else { Begun::Silent }),
    }
}

/// What a starting server answers.
enum Answer {
    /// Anything but that it is loading.
    Ready,
    /// It reads its files, which may yet fail.
    Loading,
}

/// Asks for any answer at all. A connection alone proves little: the kernel accepts it before the server has opened
/// its files, which may yet fail.
async fn answer(access: &Access, address: Address) -> Result<Answer, RedisError> {
    let mut connection = access.connect(address, AccessTimeouts::default()).await?;
    let answer: Result<Value, RedisError> = redis::cmd("PING").query_async(&mut *connection).await;
    match answer {
        Err(error) if error.code() == Some("LOADING") => Ok(Answer::Loading),
        Err(error) if error.code().is_none() => Err(error),
        _ => Ok(Answer::Ready),
    }
}
