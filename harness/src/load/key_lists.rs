//! Which keys each master holds at the end, by its own word.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::connection::DeadlineTimer;
use super::dialer::Dialer;
use super::hello::Hello;
use super::op::{OpKind, Scan, error_kind};
use super::resp::Reply;
use crate::evidence::{ErrorKind, EventKind, Journal, KeyListsWriter};
use crate::network::ClientHost;
use crate::system::{Access, Systems};
use crate::vocab::{Address, NodeName};

/// So many keys a server looks at for each step: it takes less than a millisecond.
const STEP: Scan = Scan { weight: 1, count: 1_000 };

/// Asks each of these masters, which are given with their indexes in the plan, for all of its keys, for `within` at most, and writes
/// them to the file; to be done when nobody writes any more. A `SCAN` tells what a server holds, whoever owns it.
///
/// A master that does not tell is no error: it is in the journal.
pub async fn list_keys(
    masters: &[(u16, NodeName, Address)],
    systems: &Systems,
    access: &Access,
    journal: &Journal,
    file: &Path,
    within: Duration,
) -> io::Result<()> {
    let deadline = Instant::now() + within;
    let dialer = Dialer::new(ClientHost::this(), access.tls.clone(), Hello::of_harness(access), 0);
    let listed = join_all(masters.iter().map(|(_, _, address)| keys_of(&dialer, *address, deadline))).await;
    let mut writer = KeyListsWriter::new(BufWriter::new(File::create(file)?))?;
    for ((index, node, _), listed) in masters.iter().zip(listed) {
        let node = node.clone();
        match listed {
            Ok(keys) => {
                writer.write(*index, keys.iter().map(|key| (&key[..], systems.of(&node).position_of(key))))?;
                journal.record(EventKind::KeysListed { node, keys: keys.len() as u64 });
            }
            Err(error) => journal.record(EventKind::KeysNotListed { node, error }),
        }
    }
    writer.flush()
}

/// All keys of a server. What comes twice, because its table grows meanwhile, is there once.
async fn keys_of(dialer: &Dialer, address: Address, deadline: Instant) -> Result<BTreeSet<Vec<u8>>, ErrorKind> {
    let mut timer = DeadlineTimer::new();
    let mut connection = dialer.open(address, &mut timer, deadline).await?;
    let (mut keys, mut cursor, mut request) = (BTreeSet::new(), 0, Vec::new());
    loop {
        request.clear();
        STEP.encode(0, &mut request, b"", cursor);
        let mut told = Err(ErrorKind::Protocol);
        let step = connection.exchange(&request, 1, |_, reply| told = take_step(reply, &mut keys));
        timer.until(deadline, step).await.unwrap_or(Err(ErrorKind::TimedOut))?;
        cursor = told?;
        if cursor == 0 {
            return Ok(keys);
        }
    }
}

/// Takes the keys that a step brought. Returns where the next one begins.
fn take_step(reply: &Reply<'_>, keys: &mut BTreeSet<Vec<u8>>) -> Result<u64, ErrorKind> {
    if let Reply::Error(text) = reply {
        return Err(error_kind(text));
    }
    let (cursor, step) = STEP.step(reply).ok_or(ErrorKind::Protocol)?;
    keys.extend(step.into_iter().map(<[u8]>::to_vec));
    Ok(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Event, KeyLists};
    use crate::load::testing::{Act, CLUSTER, Fake, Redis, journal, scanned};
    use crate::system::Deployment;
    use crate::system::cluster::slot_of_key;

    /// What these servers, which are the masters 0, 1, .., are recorded to hold, and what is told of them.
    async fn listed(masters: &[Address], within: Duration) -> (KeyLists, Vec<EventKind>) {
        let (_temporary, directory, journal) = journal();
        let masters: Vec<_> =
            (0..).zip(masters).map(|(index, address)| (index, NodeName::master(index.into()), *address)).collect();
        let (systems, access, file) =
            (Deployment::Cluster(CLUSTER).systems(), Access::default(), directory.key_lists());
        list_keys(&masters, &systems, &access, &journal, &file, within).await.unwrap();
        let told = std::fs::read_to_string(directory.events()).unwrap();
        let told = told.lines().map(|line| serde_json::from_str::<Event>(line).unwrap().kind).collect();
        (KeyLists::read(File::open(file).unwrap()).unwrap(), told)
    }

    #[tokio::test]
    async fn each_master_is_asked_to_the_end() {
        let (a, b) = (Fake::bind().await, Fake::bind().await);
        let owners = [a.address, b.address];
        let a = a.serve_for(&owners, |command, _| match command {
            "SCAN 0 COUNT 1000" => Act::Say(scanned(7, &["k2", "k1"])),
            _ => Act::Say(scanned(0, &["k3", "k1"])),
        });
        let b = b.serve_for(&owners, |_, _| Act::Say(scanned(0, &["k1"])));
        let (lists, told) = listed(&[a, b], Duration::from_secs(10)).await;
        let keys: Vec<Vec<_>> = lists.iter().map(|list| list.keys().collect()).collect();
        let key = |key: &'static str| (key.as_bytes(), slot_of_key(key.as_bytes()));
        assert_eq!(keys, [vec![key("k1"), key("k2"), key("k3")], vec![key("k1")]]);
        let listed = |node: &str, keys| EventKind::KeysListed { node: node.into(), keys };
        assert_eq!(told, [listed("A", 3), listed("B", 1)]);
    }

    #[tokio::test]
    async fn who_does_not_tell_is_told_of() {
        let (a, b, c) = (Fake::bind().await, Fake::bind().await, Fake::bind().await);
        let owners = [a.address];
        let a = a.serve_for(&owners, |_, _| Act::Say("-NOPERM not you\r\n".to_owned()));
        let b = b.serve_for(&owners, |_, _| Act::Silence);
        let c = c.serve_for(&owners, |_, _| Act::Say("+OK\r\n".to_owned()));
        let (lists, told) = listed(&[a, b, c], Duration::from_millis(300)).await;
        assert_eq!(lists.iter().count(), 0);
        let errors = [error_kind(b"NOPERM not you"), ErrorKind::TimedOut, ErrorKind::Protocol];
        let untold = ["A", "B", "C"].into_iter().zip(errors);
        let untold = untold.map(|(node, error)| EventKind::KeysNotListed { node: node.into(), error });
        assert_eq!(told, untold.collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn all_keys_of_a_server_come() {
        let redis = Redis::start().await;
        let mut fill = vec![b"MSET".to_vec()];
        fill.extend((0..5_000).flat_map(|nth| [format!("{{t}}{nth}").into_bytes(), b"1".to_vec()]));
        redis.say(&fill.iter().map(Vec::as_slice).collect::<Vec<_>>(), "OK").await;
        let (lists, told) = listed(&[redis.address], Duration::from_secs(10)).await;
        assert_eq!(told, [EventKind::KeysListed { node: "A".into(), keys: 5_000 }]);
        assert!(lists.iter().flat_map(|list| list.keys()).all(|(_, position)| position == slot_of_key(b"t")));
    }
}
