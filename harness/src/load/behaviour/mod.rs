//! How a client behaves when something goes wrong: declared by the scenario, or as a client library does.

pub mod preset;

use std::fmt;
use std::time::Duration as StdDuration;

use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use self::preset::Preset;
use super::keys::below;
use crate::system::ReadsFrom;
use crate::vocab::{Duration, Percent};

/// How a client connects, and how it behaves when something goes wrong.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(from = "WrittenClient")]
pub struct Client {
    /// The client library whose defaults it has, if it has any's.
    pub preset: Option<Preset>,
    /// How long an attempt waits for a connection or a reply.
    pub timeout: Duration,
    /// How long an operation is retried before its outcome is final, counted from its first attempt.
    pub deadline: Duration,
    /// How many attempts an operation has at most, those not counted after which a redirection was followed; as many as the
    /// deadline allows if none.
    pub attempts: Option<u32>,
    /// How many redirections in a row are followed at once; then the client waits first, as after an error. At 0 none is followed
    /// at all.
    pub redirects: u32,
    /// How long a client waits before it tries again for the first time.
    pub retry_wait: Duration,
    /// What the waits of an operation grow to, each twice the one before.
    pub retry_wait_max: Duration,
    /// How much of each wait is left to chance.
    pub jitter: Percent,
    /// What makes it ask who owns what.
    pub refresh_on: RefreshOn,
    /// How often it asks who owns what of its own accord; never if none.
    pub refresh_every: Option<Duration>,
    /// Whether a worker does nothing more after its first operation that is not ok, as a program does that an uncaught error ends.
    pub gives_up: bool,
    /// How servers are to answer it.
    pub resp: Protocol,
    /// The user that it is to the servers; the default user if none.
    pub user: Option<String>,
    /// What it proves that by, on each new connection; it says nothing of itself if none.
    pub password: Option<String>,
    /// Which nodes operations that only read are sent to.
    pub reads_from: ReadsFrom,
    /// Where there are sentinels: whether a node that they name as the master must say so itself (`ROLE`), on each new connection.
    pub verifies_role: bool,
    /// Whether it speaks TLS; as the servers do if not said.
    pub tls: Option<bool>,
    /// The same client where sentinels tell who is the master; none if it is the same there.
    by_sentinels: Option<Box<Self>>,
}

/// A version of the protocol, which a client may ask for (`HELLO`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(try_from = "u8")]
pub enum Protocol {
    /// RESP2, which servers speak unless they are asked for another.
    #[default]
    Resp2,
    /// RESP3.
    Resp3,
}

impl TryFrom<u8> for Protocol {
    type Error = String;

    fn try_from(version: u8) -> Result<Self, String> {
        match version {
            2 => Ok(Self::Resp2),
            3 => Ok(Self::Resp3),
            _ => Err(format!("there is no RESP{version}: servers speak 2 and 3")),
        }
    }
}

/// Which reasons make a client ask who owns what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefreshOn {
    /// [`Refresh::Moved`].
    pub moved: bool,
    /// [`Refresh::Error`].
    pub error: bool,
    /// [`Refresh::Switch`], where there are sentinels: it listens to them.
    pub switch: bool,
}

impl RefreshOn {
    /// Each of them.
    pub const ALL: Self = Self { moved: true, error: true, switch: true };
    /// None of them: the client never asks again.
    pub const NOTHING: Self = Self { moved: false, error: false, switch: false };

    fn of(reasons: &[Refresh]) -> Self {
        let has = |reason| reasons.contains(&reason);
        Self { moved: has(Refresh::Moved), error: has(Refresh::Error), switch: has(Refresh::Switch) }
    }
}

/// What makes a client ask who owns what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub enum Refresh {
    /// A `MOVED` redirection.
    Moved,
    /// An error that casts doubt on the node that was asked: it refuses, is silent, or says that it cannot serve.
    Error,
    /// A sentinel's message that another node is the master (`+switch-master`).
    Switch,
}

/// A client as a scenario writes it: what it does not say is as in the preset.
#[derive(Debug, Default, Deserialize)]
#[serde(rename = "Client", deny_unknown_fields, default)]
struct WrittenClient {
    preset: Option<Preset>,
    timeout: Option<Duration>,
    deadline: Option<Duration>,
    attempts: Option<u32>,
    redirects: Option<u32>,
    retry_wait: Option<Duration>,
    retry_wait_max: Option<Duration>,
    jitter: Option<Percent>,
    refresh_on: Option<Vec<Refresh>>,
    refresh_every: Option<Duration>,
    gives_up: Option<bool>,
    resp: Option<Protocol>,
    user: Option<String>,
    password: Option<String>,
    reads_from: Option<ReadsFrom>,
    verifies_role: Option<bool>,
    tls: Option<bool>,
}

impl From<WrittenClient> for Client {
    fn from(written: WrittenClient) -> Self {
        let preset = written.preset;
        let by_sentinels = preset.map(|preset| Box::new(written.over(&preset.by_sentinels())));
        Self { by_sentinels, ..written.over(&preset.map_or_else(Self::default, Preset::client)) }
    }
}

impl WrittenClient {
    /// The client that it makes of another one.
    fn over(&self, like: &Client) -> Client {
        let written = self;
        let retry_wait = written.retry_wait.unwrap_or(like.retry_wait);
        Client {
            preset: written.preset,
            timeout: written.timeout.unwrap_or(like.timeout),
            deadline: written.deadline.unwrap_or(like.deadline),
            attempts: written.attempts.or(like.attempts),
            redirects: written.redirects.unwrap_or(like.redirects),
            retry_wait,
            retry_wait_max: written.retry_wait_max.unwrap_or(like.retry_wait_max).max(retry_wait),
            jitter: written.jitter.unwrap_or(like.jitter),
            refresh_on: written.refresh_on.as_deref().map_or(like.refresh_on, RefreshOn::of),
            refresh_every: written.refresh_every.or(like.refresh_every),
            gives_up: written.gives_up.unwrap_or(like.gives_up),
            resp: written.resp.unwrap_or(like.resp),
            user: written.user.clone(),
            password: written.password.clone(),
            reads_from: written.reads_from.unwrap_or(like.reads_from),
            verifies_role: written.verifies_role.unwrap_or(like.verifies_role),
            tls: written.tls,
            by_sentinels: None,
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self {
            preset: None,
            timeout: Duration::from_millis(500),
            deadline: Duration::from_millis(10_000),
            attempts: None,
            redirects: 5,
            retry_wait: Duration::from_millis(10),
            retry_wait_max: Duration::from_millis(10),
            jitter: Percent::default(),
            refresh_on: RefreshOn::ALL,
            refresh_every: None,
            gives_up: false,
            resp: Protocol::Resp2,
            user: None,
            password: None,
            reads_from: ReadsFrom::Master,
            verifies_role: true,
            tls: None,
            by_sentinels: None,
        }
    }
}

impl Client {
    /// Makes it what it is where sentinels tell who is the master.
    pub(crate) fn meets_sentinels(&mut self) {
        if let Some(client) = self.by_sentinels.take() {
            *self = *client;
        }
    }

    /// How long it waits before the `nth` retry (from 0) of an operation.
    pub(crate) fn wait(&self, nth: u32, random: &mut ChaCha8Rng) -> StdDuration {
        let doubled = self.retry_wait.0.saturating_mul(1_u32.checked_shl(nth).unwrap_or(u32::MAX));
        let wait = doubled.min(self.retry_wait_max.0);
        // Between nothing of the part that is left to chance and all of it, in thousandths.
        let chance = below(1_001, random) as f64 / 1e3;
        wait.mul_f64(1.0 - self.jitter.fraction() * chance)
    }
}

impl fmt::Display for Client {
    /// `an attempt times out after 500ms, an operation after 10s`, and what is not as if nothing had been said.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let usual = Self::default();
        if let Some(preset) = &self.preset {
            write!(f, "{preset}: ")?;
        }
        write!(f, "an attempt times out after {}, an operation after {}", self.timeout, self.deadline)?;
        if let Some(attempts) = self.attempts {
            write!(f, " or {attempts} attempts")?;
        }
        if self.gives_up {
            f.write_str(", and its worker gives up")?;
        }
        if self.redirects != usual.redirects {
            write!(f, "; follows {} redirections in a row", self.redirects)?;
        }
        if (self.retry_wait, self.retry_wait_max) != (usual.retry_wait, usual.retry_wait_max) {
            write!(f, "; waits {} before it tries again", self.retry_wait)?;
            if self.retry_wait_max > self.retry_wait {
                write!(f, ", then twice as long each time up to {}", self.retry_wait_max)?;
            }
        }
        if self.jitter > Percent::default() {
            write!(f, ", {} % of it by chance", self.jitter.value())?;
        }
        let RefreshOn { moved, error, switch } = self.refresh_on;
        let reasons = [(moved, "MOVED"), (error, "an error"), (switch, "+switch-master")];
        let on: Vec<_> = reasons.iter().filter(|(asks, _)| *asks).map(|(_, word)| *word).collect();
        match self.refresh_every {
            Some(every) if on.is_empty() => write!(f, "; asks who owns what every {every}")?,
            Some(every) => write!(f, "; asks who owns what every {every} and after {}", on.join(" or "))?,
            None if on.is_empty() => f.write_str("; never asks again who owns what")?,
            None if on.len() < reasons.len() => write!(f, "; asks who owns what after {} only", on.join(" or "))?,
            None => {}
        }
        if !self.verifies_role {
            f.write_str("; takes whom sentinels name for the master without asking for its role")?;
        }
        if self.resp == Protocol::Resp3 {
            f.write_str("; speaks RESP3")?;
        }
        if self.tls == Some(false) {
            f.write_str("; speaks plain TCP")?;
        }
        match self.reads_from {
            ReadsFrom::Master => {}
            ReadsFrom::Replica => f.write_str("; reads from replicas")?,
            ReadsFrom::Any => f.write_str("; reads from masters and replicas")?,
        }
        match (&self.user, &self.password) {
            (Some(user), _) => write!(f, "; is the user `{user}`"),
            (None, Some(_)) => f.write_str("; is the default user, with a password"),
            (None, None) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rstest::rstest;

    use super::*;
    use crate::load::testing::load;

    fn client(fields: &str) -> Client {
        load("app", &format!("mix: [Get()], keys: Uniform(1), client: ({fields})")).client
    }

    #[rstest]
    #[case::usual("", [10, 10, 10])]
    #[case::constant("retry_wait: \"50ms\"", [50, 50, 50])]
    #[case::growing("retry_wait: \"8ms\", retry_wait_max: \"20ms\"", [8, 16, 20])]
    #[case::a_bound_below_the_first("retry_wait: \"50ms\", retry_wait_max: \"20ms\"", [50, 50, 50])]
    fn waits_grow(#[case] fields: &str, #[case] millis: [u64; 3]) {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let waits = [0, 1, 2].map(|nth| client(fields).wait(nth, &mut random));
        assert_eq!(waits, millis.map(StdDuration::from_millis));
        let last = client(fields).wait(u32::MAX, &mut random);
        assert_eq!(last, StdDuration::from_millis(millis[2]));
    }

    #[test]
    fn a_part_of_each_wait_is_left_to_chance() {
        let client = client("retry_wait: \"100ms\", jitter: 50");
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let waits: Vec<_> = (0..1_000).map(|_| client.wait(0, &mut random).as_millis()).collect();
        assert!(waits.iter().all(|wait| (50..=100).contains(wait)));
        assert!(waits.iter().any(|wait| *wait < 55) && waits.iter().any(|wait| *wait > 95));
    }

    #[test]
    fn what_is_said_goes_before_the_preset() {
        let [as_it_is, hurried] = ["preset: Naive", "preset: Naive, attempts: 9, refresh_on: [Moved]"].map(client);
        let by_sentinels = hurried.by_sentinels.clone();
        let refresh_on = RefreshOn { moved: true, ..RefreshOn::NOTHING };
        let expected = Client { attempts: Some(9), refresh_on, by_sentinels, ..as_it_is.clone() };
        assert_eq!(hurried, expected);
        assert_eq!(hurried.by_sentinels.as_ref().unwrap().attempts, Some(9));
        assert_eq!(as_it_is.attempts, Some(1));
        assert_ne!(hurried, as_it_is);
    }
}
