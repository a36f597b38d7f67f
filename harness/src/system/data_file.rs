//! Where a server keeps its data: the names are those of its directives, or their defaults (Redis 7.0 `redis.conf` and `aof.c`).

use std::fmt;
use std::fs;
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
    /// The path of a file that a node left.
    pub fn data_file(&self, node: &NodeName, file: DataFile) -> Result<PathBuf, SystemError> {
        let (spec, directory) = (self.spec(node)?, self.provider.data_directory(node)?);
        let missing = || SystemError::DataFile { node: node.clone(), reason: format!("it left no {file}") };
        find(spec, &directory, file).ok_or_else(missing)
    }
}

fn find(node: &NodeSpec, directory: &Path, file: DataFile) -> Option<PathBuf> {
    let named = |directive, default: &str| node.text(directive).unwrap_or(default).to_owned();
    let aof = named("appendfilename", "appendonly.aof");
    let found = match file {
        DataFile::Rdb => directory.join(named("dbfilename", "dump.rdb")),
        DataFile::Aof => newest_incremental(&directory.join(named("appenddirname", "appendonlydir")), &aof)
            .unwrap_or_else(|| directory.join(aof)),
    };
    found.is_file().then_some(found)
}

/// The incremental file with the highest number: `appendonly.aof.2.incr.aof`.
fn newest_incremental(directory: &Path, aof: &str) -> Option<PathBuf> {
    let number = |name: &str| -> Option<u64> {
        name.strip_prefix(aof)?.strip_prefix('.')?.strip_suffix(".incr.aof")?.parse().ok()
    };
    let files = fs::read_dir(directory).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
    let numbered = files.filter_map(|path| Some((number(path.file_name()?.to_str()?)?, path)));
    numbered.max().map(|(_, path)| path)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::system::{Cluster, System};

    fn node() -> NodeSpec {
        Cluster { masters: 3, replicas: 0 }.nodes().remove(0)
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
        let temporary = tempfile::tempdir().unwrap();
        fs::create_dir(temporary.path().join("appendonlydir")).unwrap();
        for file in files {
            fs::write(temporary.path().join(file), "x").unwrap();
        }
        assert_eq!(find(&node(), temporary.path(), file), found.map(|found| temporary.path().join(found)));
    }

    #[test]
    fn it_has_the_name_that_the_scenario_gives_it() {
        let temporary = tempfile::tempdir().unwrap();
        fs::write(temporary.path().join("a.rdb"), "x").unwrap();
        let mut node = node();
        node.config.insert("DBFilename".to_owned(), "a.rdb".to_owned());
        assert_eq!(find(&node, temporary.path(), DataFile::Rdb), Some(temporary.path().join("a.rdb")));
    }
}
