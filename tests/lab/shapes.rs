//! Links between hosts, shaped and healed, with what proves it. It takes no server.

use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use harness::evidence::RunDirectory;
use harness::provider::Provider;
use harness::vocab::{self, CutBy, Link, LinkShape, Percent, Rate};
use rtnetlink::LinkUnspec;
use rtnetlink::packet_route::rule::RuleAction;

use super::inside::{Outcome, STORAGE, nodes, raise_hosts, say};
use super::links::{Done, both, expect, ip, link};

const PORT: u16 = 7_000;
/// How long a cut may take to be proven on a busy machine.
const AT_ONCE: Duration = Duration::from_millis(500);
/// The index of the device that shapes.
const DEVICE: u32 = 900;

pub(super) async fn run(what: &str, directory: &RunDirectory) -> Outcome {
    let lab = raise_hosts(directory, &nodes(2), STORAGE).await?;
    match what {
        "told" => told(&*lab).await,
        "flooded" => flooded(&*lab).await,
        "released" => released(&*lab).await,
        "passed-by" => passed_by(&*lab).await,
        "full" => full(&*lab).await,
        "gone" => gone(&*lab).await,
        _ => Err(format!("the lab cannot try shapes {what}").into()),
    }?;
    Ok(0)
}

fn a_to_b() -> BTreeSet<Link> {
    BTreeSet::from([link("A", "B")])
}

fn late(milliseconds: u64) -> LinkShape {
    LinkShape { delay: vocab::Duration::from_millis(milliseconds), ..LinkShape::default() }
}

/// A socket of A from which B's gets what is sent.
fn sockets(lab: &dyn Provider) -> Result<(UdpSocket, UdpSocket), Box<dyn std::error::Error>> {
    let open = |host: &str| lab.host(&host.into()).map(|on| on.on_host(|| UdpSocket::bind((ip(host), PORT))));
    let (from, to) = (open("A")??, open("B")??);
    from.connect((ip("B"), PORT))?;
    Ok((from, to))
}

fn proven(proof: Result<String, String>, parts: &[&str]) -> Done {
    say(&format!("{proof:?}"));
    let proof = proof?;
    for part in parts {
        expect(part, &proof.contains(part), &true)?;
    }
    Ok(())
}

/// A busy machine may take more, but a probe that took no longer than without the shape proves nothing.
fn took_40_ms(proof: &str) -> bool {
    let fastest = proof.strip_prefix("2 probes took ").and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    fastest.is_some_and(|milliseconds| (40.0..1_000.0).contains(&milliseconds))
}

/// What the shape did is told and judged, also what it did before it was cut for a while.
async fn told(lab: &dyn Provider) -> Done {
    let begun = lab.shape("slow", &both("A", "B"), late(40)).await?.proof;
    expect("begins late", &begun.as_deref().is_ok_and(took_40_ms), &true)?;
    proven(begun, &[" ms on 2 links"])?;
    let healed = lab.heal("slow").await?.proof;
    expect("ends late", &healed.as_deref().is_ok_and(took_40_ms), &true)?;
    proven(healed, &[" ms just before the end; ", " packets were shaped; 2 probes passed after it"])?;
    let loss = Percent::try_from(20.0)?;
    lab.shape("lossy", &a_to_b(), LinkShape { loss, ..LinkShape::default() }).await?;
    let (from, _to) = sockets(lab)?;
    for _ in 0..1_000 {
        from.send(b"x")?;
    }
    let cut = lab.cut("cut", &a_to_b(), CutBy::Drop).await?;
    proven(cut.proof, &["vanished"])?;
    lab.heal("cut").await?;
    proven(lab.heal("lossy").await?.proof, &[" packets were shaped, ", "%, expected 20"])
}

/// A rate's queue is full of packets that are sent without a pause: a thousand take 12 s.
async fn flooded(lab: &dyn Provider) -> Done {
    let rate = Some(Rate { bits_per_second: 1_000_000 });
    proven(lab.shape("narrow", &a_to_b(), LinkShape { rate, ..LinkShape::default() }).await?.proof, &["1 probe took"])?;
    let (from, _to) = sockets(lab)?;
    from.set_nonblocking(true)?;
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                // What finds no room is lost: there is more.
                let _ = from.send(&[0; 1_400]);
                thread::sleep(Duration::from_micros(50));
            }
        });
        thread::sleep(AT_ONCE);
        let runtime = tokio::runtime::Handle::current();
        let outcome = tokio::task::block_in_place(|| runtime.block_on(cut_and_heal(lab)));
        is_over.store(true, Ordering::Relaxed);
        outcome
    })
}

async fn cut_and_heal(lab: &dyn Provider) -> Done {
    let begin = Instant::now();
    let cut = lab.cut("cut", &a_to_b(), CutBy::Drop).await?;
    let took = begin.elapsed();
    say(&format!("cut and proven in {took:.1?}"));
    proven(cut.proof, &["1 probe vanished"])?;
    expect("it was proven at once", &(took < AT_ONCE), &true)?;
    proven(lab.heal("cut").await?.proof, &["1 passed after it"])?;
    proven(lab.heal("narrow").await?.proof, &["lost in a full queue"])
}

async fn released(lab: &dyn Provider) -> Done {
    const PACKETS: u8 = 100;
    lab.shape("slow", &a_to_b(), late(1_000)).await?;
    let (from, to) = sockets(lab)?;
    to.set_read_timeout(Some(Duration::from_millis(1_500)))?;
    // The proof of the end takes a second before the end.
    let sender = thread::spawn(move || {
        thread::sleep(Duration::from_millis(800));
        for number in 0..PACKETS {
            from.send(&[number]).map(drop)?;
        }
        Ok::<_, std::io::Error>(from)
    });
    let healed = lab.heal("slow").await?;
    let ended = Instant::now();
    sender.join().map_err(|_| "the sender panicked")??.send(&[PACKETS])?;
    let mut came = Vec::new();
    let mut payload = [0];
    while came.len() <= usize::from(PACKETS) {
        match to.recv(&mut payload) {
            Ok(_) => came.push(payload[0]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error.into()),
        }
    }
    say(&format!("{} packets were there {:.1?} after the end", came.len(), ended.elapsed()));
    proven(healed.proof, &["took 100"])?;
    expect("what came", &came, &(0..=PACKETS).collect())?;
    expect("it came at once", &(ended.elapsed() < AT_ONCE), &true)
}

/// A rule that beats the lab's own leads the packets past the device.
async fn passed_by(lab: &dyn Provider) -> Done {
    let (connection, kernel, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    let rule = kernel.rule().add().v4().source_prefix(ip("A"), 32).destination_prefix(ip("B"), 32);
    rule.priority(50).table_id(254).action(RuleAction::ToTable).execute().await?;
    for (shape, expected) in [
        (late(40), "10.128.0.2 -> 10.128.0.3, where none may take less than 40ms"),
        (
            LinkShape { loss: Percent::try_from(1.0)?, ..LinkShape::default() },
            "does not pass through the device that shapes",
        ),
    ] {
        for proof in [lab.shape("none", &a_to_b(), shape).await?.proof, lab.heal("none").await?.proof] {
            say(&format!("{proof:?}"));
            expect(expected, &proof.is_err_and(|why| why.contains(expected)), &true)?;
        }
    }
    Ok(())
}

/// A device that keeps one packet is full whenever two are not yet read.
async fn full(lab: &dyn Provider) -> Done {
    lab.shape("slow", &a_to_b(), late(1)).await?;
    let (connection, kernel, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    kernel.link().change(LinkUnspec::new_with_index(DEVICE).txqueuelen(1).build()).execute().await?;
    let (from, _to) = sockets(lab)?;
    for _ in 0..20_000 {
        from.send(b"x")?;
    }
    let proof = lab.heal("slow").await?.proof;
    say(&format!("{proof:?}"));
    expect("it is told", &proof.is_err_and(|why| why.contains(" packets found the shaping device full")), &true)
}

async fn gone(lab: &dyn Provider) -> Done {
    lab.shape("slow", &a_to_b(), late(1)).await?;
    let (connection, kernel, _) = rtnetlink::new_connection()?;
    tokio::spawn(connection);
    kernel.link().del(DEVICE).execute().await?;
    let proof = lab.heal("slow").await?.proof;
    say(&format!("{proof:?}"));
    let told = proof.is_err_and(|why| why.starts_with("packets are shaped no more"));
    expect("it is told", &told, &true)
}
