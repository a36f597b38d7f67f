//! Servers that speak TLS, and what it takes.

use std::fs;
use std::path::Path;

use harness::evidence::RunDirectory;
use harness::system::NodeSpec;
use harness::vocab::{NodeName, Tls};

use super::inside::{Outcome, STORAGE, apply, nodes, ping, raise};

/// What is in every file with a key.
const KEY: &str = "PRIVATE KEY";

/// Who speaks TLS is answered, plain TCP has a port of its own, no key is in the evidence, and a `Wipe` costs nobody his.
pub(super) async fn stands(directory: &RunDirectory) -> Outcome {
    let specs: Vec<_> = nodes(3).into_iter().map(|node| NodeSpec { tls: Some(Tls::BesidePlain), ..node }).collect();
    let lab = raise(directory, &specs, STORAGE).await?;
    lab.start_all().await?;
    let (node, address) = (NodeName::from("A"), specs[0].address);
    for kind in ["Kill", "Wipe", "Start"] {
        apply(&lab, kind, &node).await?;
    }
    let answer = lab.command(&node, &["PING"]).await?;
    ping(&lab, address.plain()).await?;
    let plain_is_answered = ping(&lab, address).await.is_ok();
    let files = lab.program_environment();
    let has_key = |path: &Path| fs::read_to_string(path).is_ok_and(|text| text.contains(KEY));
    let keys = files.iter().filter(|(_, path)| has_key(Path::new(path))).count();
    let in_evidence = files_below(directory.path())?.iter().filter(|path| has_key(path)).count();
    lab.provider().shutdown().await;
    let seen = (answer.as_str(), plain_is_answered, keys, in_evidence);
    if seen == ("PONG", false, 1, 0) { Ok(0) } else { Err(format!("{seen:?}, {files:?}").into()) }
}

fn files_below(directory: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() { files.extend(files_below(&path)?) } else { files.push(path) }
    }
    Ok(files)
}
