//! Every snapshot belongs to a scenario. This file also is where `cargo insta` learns that snapshots live here: it
//! searches the directory of each test target's source.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

#[test]
fn every_snapshot_belongs_to_a_scenario() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let names = |directory: &Path, extension: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
        let wanted = entries.filter(|path| path.extension().is_some_and(|found| found == extension));
        wanted.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let families = fs::read_dir(top.join("scenarios")).unwrap().map(|entry| entry.unwrap().path());
    let scenarios: BTreeSet<_> = families
        .flat_map(|family| {
            let prefix = family.file_name().unwrap().to_str().unwrap().to_owned();
            names(&family, "ron").into_iter().map(move |name| format!("{prefix}__{name}"))
        })
        .collect();
    let snapshots = names(&top.join("snapshots"), "snap");
    let orphans: Vec<_> = snapshots.difference(&scenarios).collect();
    assert!(orphans.is_empty(), "no scenario for: {orphans:?}");
    assert!(!snapshots.is_empty(), "there are no snapshots at all");
}
