//! Links that reject, as sockets on the hosts see it: new connections are refused, open ones end.

use std::collections::BTreeSet;
use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::provider::Provider;
use harness::vocab::{CutBy, Link};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::inside::say;
use super::links::{Done, SILENCE, both, connect, connection, expect, link, listen, passes, proof};

/// Within which an open connection ends once its link begins to be cut.
const AT_ONCE: Duration = Duration::from_millis(50);

pub(super) async fn new_connections(lab: &dyn Provider) -> Done {
    let _listener = listen(lab, "B")?;
    let cut = lab.cut("refused", &both("A", "B"), CutBy::Reject).await?;
    proof(
        &cut,
        "2 probes vanished on 2 links that had passed one before, each sender was told at once, and 0 open connections \
         were ended",
    )?;
    // The kernel would let a host have five ICMP messages, and then one a second.
    for _ in 0..20 {
        let begin = Instant::now();
        expect("a connection", &failure(lab).await, &Some(ErrorKind::HostUnreachable))?;
        if begin.elapsed() > Duration::from_millis(20) {
            return Err(format!("refused after {:?}", begin.elapsed()).into());
        }
    }
    // An older or newer cut that drops: the newest says how.
    lab.cut("silent", &both("A", "B"), CutBy::Drop).await?;
    expect("a connection", &failure(lab).await, &Some(ErrorKind::TimedOut))?;
    let (waiting, healed) = tokio::join!(failure(lab), async {
        sleep(SILENCE / 5).await;
        lab.heal("silent").await
    });
    proof(&healed?, "2 probes vanished on 2 links just before the end, and 0 passed after it; 2 links cut by others")?;
    expect("a connection that waits for an answer", &waiting, &Some(ErrorKind::ConnectionAborted))?;
    expect("a connection", &failure(lab).await, &Some(ErrorKind::HostUnreachable))?;
    lab.heal("refused").await?;
    connect(lab, "A", "B").await?;
    Ok(())
}

/// Why A cannot connect to B.
async fn failure(lab: &dyn Provider) -> Option<ErrorKind> {
    connect(lab, "A", "B").await.err().map(|error| error.kind())
}

/// Bytes go both ways all the time when links are cut: the ends on hosts whose direction is rejected fail at once, the
/// others do not; nor do connections with another host.
pub(super) async fn open_connections(lab: Arc<dyn Provider>) -> Done {
    let cuts = [both("A", "B"), BTreeSet::from([link("A", "B")]), BTreeSet::from([link("B", "A")])];
    for links in cuts {
        let (mut opened, mut accepted, _listener) = connection(&*lab, "A", "B").await?;
        expect("a byte passes", &passes(&mut opened, &mut accepted).await?, &true)?;
        let (mut bystander, mut its_end, _its_listener) = connection(&*lab, "A", "A1").await?;
        // An end that lives on is not to be there at the next cut.
        opened.set_zero_linger()?;
        accepted.set_zero_linger()?;
        let ends = [(link("A", "B"), talk(&lab, opened)), (link("B", "A"), talk(&lab, accepted))];
        sleep(SILENCE / 5).await;
        let cut = lab.cut("cut", &links, CutBy::Reject).await?;
        let told = cut.proof.as_deref().unwrap_or_default();
        expect(told, &told.ends_with("each sender was told at once, and 1 open connection was ended"), &true)?;
        sleep(SILENCE).await;
        for (way, end) in ends {
            sees(&way, end, links.contains(&way), cut.began.0).await?;
        }
        expect("a bystander's byte passes", &passes(&mut bystander, &mut its_end).await?, &true)?;
        expect("its answer passes", &passes(&mut its_end, &mut bystander).await?, &true)?;
        lab.heal("cut").await?;
    }
    let (mut opened, mut accepted, _listener) = connection(&*lab, "A", "B").await?;
    expect("a byte passes after all", &passes(&mut opened, &mut accepted).await?, &true)
}

/// The time when an end of a connection failed, and how.
type End = JoinHandle<(u64, Option<ErrorKind>)>;

/// Sends and receives without a pause until that fails.
fn talk(lab: &Arc<dyn Provider>, stream: TcpStream) -> End {
    let lab = Arc::clone(lab);
    let (from, to) = stream.into_split();
    tokio::spawn(async move {
        let failed = tokio::try_join!(send(to), receive(from));
        (lab.now().0, failed.err().map(|error| error.kind()))
    })
}

async fn send(mut to: OwnedWriteHalf) -> io::Result<()> {
    loop {
        to.write_all(b"x").await?;
        tokio::task::yield_now().await;
    }
}

async fn receive(mut from: OwnedReadHalf) -> io::Result<()> {
    loop {
        from.read_exact(&mut [0]).await?;
    }
}

/// Whether the end that sends this way failed since then and as it should.
async fn sees(way: &Link, end: End, fails: bool, began: u64) -> Done {
    if !fails {
        if end.is_finished() {
            let (at, how) = end.await?;
            let after = Duration::from_nanos(at.saturating_sub(began));
            return Err(format!("the end that sends {way} failed with {how:?}, {after:.1?} after the cut began").into());
        }
        end.abort();
        return Ok(());
    }
    let (at, how) = tokio::time::timeout(SILENCE, end).await??;
    expect(&format!("the end that sends {way}"), &how, &Some(ErrorKind::ConnectionAborted))?;
    let after = Duration::from_nanos(at.saturating_sub(began));
    say(&format!("{way}: {how:?} {after:.1?} after the cut began"));
    if at >= began && after < AT_ONCE { Ok(()) } else { Err(format!("{way}: at {at}, the cut began {began}").into()) }
}
