//! What a key holds, and what it is called.

/// What a key holds. A load has as many keys of each type as it says, and they are different keys.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DataType {
    /// A string that is replaced as a whole.
    #[default]
    Value,
    /// A string that is a number and is incremented.
    Counter,
    /// A string that grows by what is appended.
    Log,
    /// A list that grows at its end and is taken from at its beginning.
    List,
    /// A set.
    Set,
    /// A hash: the names of its fields are the elements.
    Hash,
    /// A sorted set.
    SortedSet,
    /// Several strings that are only written together: by one command or in one transaction. Their keys share a hash tag.
    Group,
    /// The same without a hash tag, so that the keys lie wherever each belongs.
    Scattered,
    /// A channel of messages, which is no key and holds nothing: every node passes them on.
    Channel,
    /// A channel whose messages stay in the shard that it belongs to by its name.
    ShardChannel,
    /// Several numbers between which amounts are transferred. Their keys share a hash tag.
    Accounts,
    /// A lock, which every one of several masters has or has not: it is there for as long as somebody holds it.
    Lock,
}

impl DataType {
    /// All of them, by their codes in a history: new ones go to the end, so that old histories still read.
    pub const ALL: [Self; 13] = [
        Self::Value,
        Self::Counter,
        Self::Log,
        Self::List,
        Self::Set,
        Self::Hash,
        Self::SortedSet,
        Self::Group,
        Self::Scattered,
        Self::Channel,
        Self::ShardChannel,
        Self::Accounts,
        Self::Lock,
    ];

    /// What stands before and behind a key's number, after the load's prefix. The keys of a group, and accounts, go on with `:1`, `:2`, ...
    pub const fn affixes(self) -> (&'static str, &'static str) {
        match self {
            Self::Value => ("", ""),
            Self::Counter => ("counter:", ""),
            Self::Log => ("log:", ""),
            Self::List => ("list:", ""),
            Self::Set => ("set:", ""),
            Self::Hash => ("hash:", ""),
            Self::SortedSet => ("zset:", ""),
            Self::Group => ("{", "}"),
            Self::Scattered => ("scattered:", ""),
            Self::Channel => ("channel:", ""),
            Self::ShardChannel => ("shardchannel:", ""),
            Self::Accounts => ("accounts:{", "}"),
            Self::Lock => ("lock:", ""),
        }
    }

    /// Whether it is several keys that are only written together.
    pub const fn is_group(self) -> bool {
        matches!(self, Self::Group | Self::Scattered)
    }

    /// Whether it is a channel of messages, and no key.
    pub const fn is_channel(self) -> bool {
        matches!(self, Self::Channel | Self::ShardChannel)
    }

    /// Whether what is written to it must be there afterwards, so that its writes are accounted for.
    pub const fn is_stored(self) -> bool {
        !self.is_channel() && !matches!(self, Self::Lock)
    }

    /// Whether it is made of elements, which are inserted one by one.
    pub const fn is_collection(self) -> bool {
        matches!(self, Self::Log | Self::List | Self::Set | Self::Hash | Self::SortedSet)
    }

    /// Whether its elements are in the order in which they were inserted.
    pub const fn is_ordered(self) -> bool {
        matches!(self, Self::Log | Self::List)
    }
}
