//! Every link of some hosts.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{ChosenLinks, Hosts, LinksKind, between};
use crate::evidence::LinksText;
use crate::text::Cursor;
use crate::validate::Checker;
use crate::vocab::HostName;

/// to and from each of these hosts
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Documented)]
#[serde(transparent)]
pub struct Of(pub Vec<HostName>);

impl Of {
    pub(super) const EXAMPLE: &str = r#"Of(["A"])"#;
}

impl fmt::Display for Of {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "all links of {}", HostName::list(&self.0))
    }
}

impl LinksKind for Of {
    fn check(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        checker.check_hosts(&self.0, at.index(0));
    }

    fn choose(&self, hosts: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        let links = between(&self.0, &hosts.all()).collect();
        ChosenLinks { links, text: LinksText::default().words("all links of ").hosts(&self.0) }
    }

    fn hosts(&self) -> Vec<HostName> {
        self.0.clone()
    }
}
