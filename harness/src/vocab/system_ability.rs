//! What the nodes of a system can do, on which words of the language rest.

/// What the nodes of a system can do, beside serving.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemAbility {
    /// They know each other: a new one must be introduced.
    Membership,
    /// They agree on who of them failed.
    FailureFlags,
    /// They elect a replica of a master that failed.
    Elections,
    /// They refuse to serve when too few of them are left.
    Refusing,
    /// They divide the keys by numbers.
    NumberedKeys,
    /// Clients learn which replicas could serve reads.
    ReplicaReads,
    /// They follow whom they are told to.
    RolesByCommand,
    /// Each serves by itself and knows of no other.
    Independence,
    /// Clients ask sentinels who is the master.
    Sentinels,
}

impl SystemAbility {
    /// What is missing where nodes cannot do it, after "here".
    pub const fn lack(self) -> &'static str {
        match self {
            Self::Membership => "these servers are no cluster",
            Self::FailureFlags => "no node says of another that it failed",
            Self::Elections => "nobody elects a replica",
            Self::Refusing => "no node refuses to serve because others are gone",
            Self::NumberedKeys => "keys are not divided by numbers",
            Self::ReplicaReads => "clients are told of masters alone",
            Self::RolesByCommand => "no node can be told whom to follow",
            Self::Independence => "it takes masters that know nothing of each other",
            Self::Sentinels => "no sentinel tells clients who is the master",
        }
    }
}
