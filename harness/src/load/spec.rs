//! A load as a scenario writes it.

use std::collections::BTreeSet;

use serde::Deserialize;

use super::keys::Uniform;
use super::{Client, Connections, Keys, LoadPace, Op, ValueSize};
use crate::evidence::{DataType, KeyNames};
use crate::system::KeyPlace;
use crate::vocab::{Duration, HostName, Size};

/// A group of workers that do operations on one key space from one client host.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// Its name, of letters, digits, `-` and `_`.
    pub name: String,
    /// The host that its connections come from: a client host, which loads may share, or a node's. A client host of its
    /// own, named as the load, if not said.
    #[serde(default)]
    pub from: Option<HostName>,
    /// Which of several systems side by side it drives: `cluster`, `sentinel`, `replication`, `standalone` or `independent`. Need not
    /// be said where there is one.
    #[serde(default)]
    pub on: Option<String>,
    /// When operations start.
    #[serde(default)]
    pub pace: LoadPace,
    /// How many workers may do operations at the same time, each with connections of its own: in a closed loop in all, in an
    /// open one for each shard. See [`Self::workers`].
    #[serde(default)]
    pub workers: Option<u16>,
    /// How many threads of the harness the workers of a closed loop are divided over, each with a map of who owns what of its
    /// own; one if not said.
    #[serde(default)]
    pub threads: Option<u16>,
    /// Whether each worker of a closed loop keeps to the keys of one shard, and so to one connection.
    #[serde(default)]
    pub per_shard: bool,
    /// How many entries of the mix a worker does at the same time: it writes the commands that go to one shard in one go, and
    /// waits for all their replies. A closed loop waits until it has so many for a shard; an open one sends together what has
    /// waited for the worker. One after the other if not said.
    #[serde(default)]
    pub pipeline: Option<u16>,
    /// How long each worker of a closed loop waits after an operation, or a pipeline of them, before it begins the next; no time if not said.
    #[serde(default)]
    pub think: Option<Duration>,
    /// How many connections it holds open beside those of its workers, which ask nothing and come back when they are lost.
    #[serde(default)]
    pub idle: Option<u32>,
    /// How many subscribers it has, each to every channel that its mix publishes to, on connections of their own that come back when
    /// they are lost.
    #[serde(default)]
    pub subscribers: Option<u16>,
    /// The host that the subscribers' connections come from; that of the load if not said.
    #[serde(default)]
    pub subscribers_from: Option<HostName>,
    /// How its workers share connections.
    #[serde(default)]
    pub connections: Connections,
    /// The operations and how often each is chosen; none for a load of idle connections alone.
    #[serde(default)]
    pub mix: Vec<Op>,
    /// The keys they work on. No two writes of one key are under way together, so that its history has one order, unless it is
    /// `contended`.
    #[serde(default = "no_keys")]
    pub keys: Keys,
    /// Whether workers write the same keys at the same time.
    #[serde(default)]
    pub contended: bool,
    /// What stands before a key's number; `<name>:` if not said. Numbers begin at 1.
    #[serde(default)]
    pub prefix: Option<String>,
    /// How many digits a key's number has at least, filled up with zeros.
    #[serde(default)]
    pub digits: Option<u8>,
    /// How many hash tags the keys are spread over: keys with the same tag lie together.
    #[serde(default)]
    pub hash_tags: Option<u32>,
    /// Where the keys lie; everywhere if not said.
    #[serde(default)]
    pub only: Option<KeyPlace>,
    /// How many keys, from the first on, are written before the timeline begins.
    #[serde(default)]
    pub preload: Option<u32>,
    /// The size of the values that are preloaded. See [`Self::preload_value`].
    #[serde(default)]
    pub preload_value: Option<ValueSize>,
    /// How many mix entries the load does before it is finished; without it, it goes on to the end of the timeline.
    #[serde(default)]
    pub operations: Option<u64>,
    /// How the client behaves when something goes wrong.
    #[serde(default)]
    pub client: Client,
    /// An operation that takes longer is reported as it happens.
    #[serde(default)]
    pub slow: Option<Duration>,
}

/// Those of a load that does no operations.
fn no_keys() -> Keys {
    Keys::Uniform(Uniform(0))
}

impl Load {
    /// The host that its connections come from.
    pub fn host(&self) -> HostName {
        self.from.clone().unwrap_or_else(|| HostName::new(&self.name))
    }

    /// The host that its subscribers' connections come from.
    pub fn subscribers_host(&self) -> HostName {
        self.subscribers_from.clone().unwrap_or_else(|| self.host())
    }

    /// Every host that it needs: its own, and that of its subscribers.
    pub fn hosts(&self) -> impl Iterator<Item = HostName> {
        [self.host(), self.subscribers_host()].into_iter()
    }

    /// The kinds of channels that its mix publishes to.
    pub fn channel_types(&self) -> BTreeSet<DataType> {
        self.mix.iter().map(|op| op.kind().data()).filter(|data| data.is_channel()).collect()
    }

    /// Whether that entry of its mix goes through all keys, and no other removes any or lets them expire: then those of the load's
    /// values that were written before are to be found.
    pub fn looks_for_keys(&self, op: &Op) -> bool {
        op.kind().iterates() && !self.mix.iter().any(Op::may_remove)
    }

    /// How many workers may do operations at the same time: in all for a closed loop, 4 if the scenario does not say; for an
    /// open one on each shard, 32 if it does not say. A shard is the slots that one master owns at the start: operations that
    /// wait for it must not keep those on others waiting.
    pub fn workers(&self) -> u16 {
        self.workers.unwrap_or(if self.pace.is_closed() { 4 } else { 32 })
    }

    /// Whether it is nothing but idle connections.
    pub fn is_idle(&self) -> bool {
        self.idle.is_some() && self.mix.is_empty()
    }

    /// How many threads its workers are divided over.
    pub fn threads(&self) -> u16 {
        self.threads.unwrap_or(1)
    }

    /// How many entries of the mix a worker does at the same time at most.
    pub fn pipeline(&self) -> u16 {
        self.pipeline.unwrap_or(1)
    }

    /// How many keys, from the first on, are written before the timeline begins.
    pub fn preload(&self) -> u32 {
        self.preload.unwrap_or(0)
    }

    /// How many accounts each of its banks has; 0 if its mix has none.
    pub fn accounts(&self) -> u16 {
        let of_bank = self.mix.iter().find(|op| op.kind().data() == DataType::Accounts);
        of_bank.and_then(|op| op.kind().keys()).unwrap_or(0)
    }

    /// The size of the values that are preloaded: that of the mix's first operation that writes any, if the scenario does not say;
    /// 16 bytes if none does.
    pub fn preload_value(&self) -> ValueSize {
        let of_mix = || self.mix.iter().find_map(|op| op.kind().value());
        self.preload_value.as_ref().or_else(of_mix).cloned().unwrap_or(ValueSize::Fixed(Size { bytes: 16 }))
    }

    /// What its keys hold.
    pub fn data_types(&self) -> BTreeSet<DataType> {
        let preloaded = self.preload.map(|_| DataType::Value);
        self.mix.iter().map(|op| op.kind().data()).chain(preloaded).collect()
    }

    /// Its keys' type, if they have one only.
    pub fn data_type(&self) -> Option<DataType> {
        let types = self.data_types();
        types.first().copied().filter(|_| types.len() == 1)
    }

    /// What its keys are called, but for the number of a hash tag that is looked for.
    pub fn key_names(&self) -> KeyNames {
        let one_position = self.only.as_ref().is_some_and(|place| place.shard().is_none());
        KeyNames {
            prefix: self.prefix.clone().unwrap_or_else(|| format!("{}:", self.name)),
            digits: self.digits.unwrap_or(0),
            hash_tags: self.hash_tags.unwrap_or(one_position.into()),
            first_tag: 1,
        }
    }
}
