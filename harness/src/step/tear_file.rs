//! The end of a server's file is missing, as after a crash in the middle of a write.

use std::fmt;

use documented::Documented;
use futures_util::FutureExt;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;

use super::node_step::{Applied, NodeStep};
use super::selector::Selector;
use super::target::Target;
use crate::evidence::{DataEffect, Effect, NodeStatus};
use crate::system::{DataFile, Servers, SystemError};
use crate::text::{Cursor, Problem};
use crate::validate::{Checker, Verb};
use crate::vocab::NodeName;

/// cuts the last bytes off a stopped server's newest append-only file (`file: Aof`) or its snapshot (`file: Rdb`)
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct TearFile {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// Which file.
    pub file: DataFile,
    /// How many bytes are cut off.
    pub bytes: u64,
}

impl TearFile {
    pub(super) const EXAMPLE: &str = r#"TearFile(node: "A", file: Aof, bytes: 10)"#;
}

impl fmt::Display for TearFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TearFile {}: {} bytes off the {}", self.target(), self.bytes, self.file)
    }
}

impl NodeStep for TearFile {
    const VERB: Verb = Verb { present: "tear a file of", past: "left with a torn file" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect { data: DataEffect::Damaged, harms: true, ..Effect::NONE }
    }

    fn check_arguments(&self, checker: &mut Checker<'_>, at: Cursor<'_>) {
        if self.bytes == 0 {
            checker.report(Problem::new(at.field("bytes").head(), "a file with all its bytes is not torn"));
        }
    }

    fn apply<'a>(
        &'a self,
        servers: &'a Servers,
        node: &'a NodeName,
    ) -> LocalBoxFuture<'a, Result<Applied, SystemError>> {
        async move {
            let path = servers.data_file(node, self.file)?;
            let began = servers.provider().now();
            let mut content = servers.provider().read_data(node, &path)?;
            let left = cut_off(&mut content, self.bytes).ok_or_else(|| SystemError::DataFile {
                node: node.clone(),
                reason: format!("{} is too short to cut {} bytes off", path.display(), self.bytes),
            })?;
            servers.provider().write_data(node, &path, &content)?;
            let is_torn = servers.provider().read_data(node, &path)? == content;
            let name = path.file_name().unwrap_or_default().display().to_string();
            Ok(Applied { began, proof: is_torn.then(|| format!("{name} has {left} bytes, {} fewer", self.bytes)) })
        }
        .boxed_local()
    }
}

/// Cuts bytes off the end; returns how many are left, or none if there were no more.
fn cut_off(content: &mut Vec<u8>, bytes: u64) -> Option<usize> {
    let left = content.len().checked_sub(usize::try_from(bytes).ok()?).filter(|left| *left > 0)?;
    content.truncate(left);
    Some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_is_cut_off() {
        let mut content = b"abcdef".to_vec();
        assert_eq!(cut_off(&mut content, 2), Some(4));
        assert_eq!(cut_off(&mut content, 4), None);
        assert_eq!(content, b"abcd");
    }
}
