//! Where a server keeps its data: the names are those of its directives, or their defaults (Redis 7.0 `redis.conf` and `aof.c`).

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{NodeSpec, Servers, SystemError};
use crate::vocab::NodeName;

/// A file that a server keeps its data in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DataFile {
    /// The newest append-only file that is appended to (`appendonly.aof.1.incr.aof`; before Redis 7 there is only `appendonly.aof`).
    Aof,
    /// The snapshot (`dump.rdb`).
    Rdb,
}

impl fmt::Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Aof => "append-only file",
            Self::Rdb => "RDB file",
        })
    }
}

impl Servers {
    /// The path of a file that a node left, from its data directory on.
    pub fn data_file(&self, node: &NodeName, file: DataFile) -> Result<PathBuf, SystemError> {
        let (spec, files) = (self.spec(node)?, self.provider.data_files(node)?);
        let missing = || SystemError::DataFile { node: node.clone(), reason: format!("it left no {file}") };
        find(spec, &files, file).ok_or_else(missing)
    }
}

fn find(node: &NodeSpec, files: &[PathBuf], file: DataFile) -> Option<PathBuf> {
    let named = |directive, default: &str| node.text(directive).unwrap_or(default).to_owned();
    let aof = named("appendfilename", "appendonly.aof");
    let found = match file {
        DataFile::Rdb => named("dbfilename", "dump.rdb").into(),
        DataFile::Aof => newest_incremental(files, Path::new(&named("appenddirname", "appendonlydir")), &aof)
            .unwrap_or_else(|| aof.into()),
    };
    files.contains(&found).then_some(found)
}

/// The incremental file with the highest number: `appendonly.aof.2.incr.aof`.
fn newest_incremental(files: &[PathBuf], directory: &Path, aof: &str) -> Option<PathBuf> {
    let number = |name: &str| -> Option<u64> {
        name.strip_prefix(aof)?.strip_prefix('.')?.strip_suffix(".incr.aof")?.parse().ok()
    };
    let inner = files.iter().filter(|path| path.parent() == Some(directory));
    let numbered = inner.filter_map(|path| Some((number(path.file_name()?.to_str()?)?, path)));
    numbered.max().map(|(_, path)| path.clone())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::system::{Cluster, System};

    fn node() -> NodeSpec {
        Cluster::new(3, 0).nodes().remove(0)
    }

    #[rstest]
    #[case(&[("dump.rdb")], DataFile::Rdb, Some("dump.rdb"))]
    #[case(&[("dump.rdb")], DataFile::Aof, None)]
    #[case(&[("appendonly.aof")], DataFile::Aof, Some("appendonly.aof"))]
    #[case(
        &["appendonlydir/appendonly.aof.9.incr.aof", "appendonlydir/appendonly.aof.10.incr.aof", "appendonlydir/appendonly.aof.10.base.rdb", "appendonlydir/appendonly.aof.manifest"],
        DataFile::Aof,
        Some("appendonlydir/appendonly.aof.10.incr.aof")
    )]
    fn the_newest_is_found(#[case] files: &[&str], #[case] file: DataFile, #[case] found: Option<&str>) {
        let files: Vec<_> = files.iter().map(PathBuf::from).collect();
        assert_eq!(find(&node(), &files, file), found.map(PathBuf::from));
    }

    #[test]
    fn it_has_the_name_that_the_scenario_gives_it() {
        let mut node = node();
        node.config.insert("DBFilename".to_owned(), "a.rdb".to_owned());
        assert_eq!(find(&node, &["a.rdb".into()], DataFile::Rdb), Some("a.rdb".into()));
    }
}
