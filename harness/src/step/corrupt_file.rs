//! A byte of a server's file is not what it was.

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
use crate::validate::Verb;
use crate::vocab::NodeName;

/// inverts the byte in the middle of a stopped server's newest append-only file (`file: Aof`) or its snapshot (`file: Rdb`)
#[derive(Clone, Debug, PartialEq, Deserialize, Documented)]
#[serde(deny_unknown_fields)]
pub struct CorruptFile {
    /// A node by its name.
    #[serde(default)]
    pub node: Option<NodeName>,
    /// Nodes chosen when the step begins.
    #[serde(default)]
    pub select: Option<Selector>,
    /// Which file.
    pub file: DataFile,
}

impl CorruptFile {
    pub(super) const EXAMPLE: &str = r#"CorruptFile(node: "A", file: Rdb)"#;
}

impl fmt::Display for CorruptFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CorruptFile {}: a byte of the {}", self.target(), self.file)
    }
}

impl NodeStep for CorruptFile {
    const VERB: Verb = Verb { present: "corrupt a file of", past: "left with a corrupt file" };
    const REQUIRES: &'static [NodeStatus] = &[NodeStatus::Down];

    fn target(&self) -> Target {
        Target { node: self.node.clone(), select: self.select.clone() }
    }

    fn effect(&self) -> Effect {
        Effect { data: DataEffect::Damaged, harms: true, ..Effect::NONE }
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
            let at = invert(&mut content).ok_or_else(|| SystemError::DataFile {
                node: node.clone(),
                reason: format!("{} is empty", path.display()),
            })?;
            servers.provider().write_data(node, &path, &content)?;
            let is_corrupt = servers.provider().read_data(node, &path)? == content;
            let name = path.file_name().unwrap_or_default().display().to_string();
            Ok(Applied { began, proof: is_corrupt.then(|| format!("byte {at} of {name} is inverted")) })
        }
        .boxed_local()
    }
}

/// Inverts the byte in the middle; returns its place, or none if there is no byte.
fn invert(content: &mut [u8]) -> Option<usize> {
    let at = content.len().checked_sub(1)? / 2;
    content[at] = !content[at];
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_becomes_another() {
        let mut content = [1, 2, 3];
        assert_eq!(invert(&mut []), None);
        assert_eq!(invert(&mut content), Some(1));
        assert_eq!(content, [1, !2, 3]);
    }
}
