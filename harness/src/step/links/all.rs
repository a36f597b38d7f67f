//! Every link there is.

use std::fmt;

use documented::Documented;
use rand_chacha::ChaCha8Rng;
use serde::Deserialize;

use super::{ChosenLinks, Hosts, LinksKind, between};
use crate::evidence::LinksText;
use crate::text::Cursor;
use crate::validate::Checker;
use crate::vocab::HostName;

/// every link between any two hosts
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Documented)]
pub(super) struct All;

impl All {
    pub(super) const EXAMPLE: &str = "All";
}

impl fmt::Display for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("all links")
    }
}

impl LinksKind for All {
    fn check(&self, _: &mut Checker<'_>, _: Cursor<'_>) {}

    fn choose(&self, hosts: Hosts<'_>, _: &[HostName], _: &mut ChaCha8Rng) -> ChosenLinks {
        let all = hosts.all();
        let text = format!("all links of {} hosts", all.len());
        ChosenLinks { links: between(&all, &all).collect(), text: LinksText::default().words(text) }
    }

    fn hosts(&self) -> Vec<HostName> {
        Vec::new()
    }
}
