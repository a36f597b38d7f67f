//! One direction only.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{ChosenLinks, Hosts, LinksKind};
use crate::evidence::LinksText;
use crate::text::{Cursor, Problem};
use crate::validate::Checker;
use crate::vocab::{HostName, Link};

/// in this one direction: what the first send to the second
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct OneWay {
    /// The hosts that send.
    pub from: Vec<HostName>,
    /// The hosts that do not hear them.
    pub to: Vec<HostName>,
}

impl OneWay {
    pub(super) const EXAMPLE: &str = r#"OneWay(from: ["A"], to: ["B"])"#;
}

impl fmt::Display for OneWay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}", HostName::list(&self.from), HostName::list(&self.to))
    }
}

impl LinksKind for OneWay {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.check_hosts(&self.from, at.field("from"));
        checker.check_hosts(&self.to, at.field("to"));
        // A host has no link to itself.
        for (position, host) in self.to.iter().enumerate() {
            if let Some(first) = self.from.iter().position(|other| other == host) {
                let place = at.field("to").index(position).head();
                let problem = Problem::new(place, format!("`{host}` is on both ends: a host has no link to itself"));
                checker.report(problem.also(at.field("from").index(first).head(), "the other end"));
            }
        }
    }

    fn choose(&self, _: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        let pairs = self.from.iter().flat_map(|from| self.to.iter().map(move |to| (from, to)));
        let pairs = pairs.filter(|(from, to)| from != to);
        let links = pairs.map(|(from, to)| Link::new(from.clone(), to.clone())).collect();
        ChosenLinks { links, text: LinksText::default().hosts(&self.from).words(" -> ").hosts(&self.to) }
    }

    fn hosts(&self) -> Vec<HostName> {
        [self.from.as_slice(), &self.to].concat()
    }
}
