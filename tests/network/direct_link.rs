//! A connection whose link is open, shaped, and open again.

use std::fs;
use std::path::Path;

use harness::evidence::{Clock, Journal, RunDirectory};
use harness::network::SHAPING_DEVICE;
use harness::provider::{ClientSpec, ProviderChoice, Storage};
use harness::vocab::{self, Link, LinkShape, Size};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::inside::{BOUND, Failure, say};
use super::speed::counter;
use super::wire::{FROM, PORT, Silent, TO, client};

const BYTES: usize = 3_000_000;
/// The longest packet that passes the router.
const PACKET: usize = 1_500;

/// Nothing of it comes to the shaping device while its link has no shape. With one everything does, in packets as they
/// are on a wire, although the ends agreed on longer ones when they met.
pub(super) async fn shape_a_connection(directory: &Path) -> Result<(), Failure> {
    let directory = RunDirectory::new(directory);
    let journal = Journal::create(&directory, Clock::new(), Box::new(Silent))?;
    let hosts: [ClientSpec; 2] = [client("from", FROM), client("to", TO)];
    let lab = ProviderChoice::Namespaces
        .raise(&[], &hosts, Storage { size: Size { bytes: 1 << 20 }, caching: false }, 1, &directory, journal)
        .await?;
    let (from, to) = (lab.host(&"from".into())?.tcp_socket()?, lab.host(&"to".into())?.tcp_socket()?);
    to.bind((TO, PORT).into())?;
    let listener = to.listen(1)?;
    let (sending, accepted) = tokio::join!(from.connect((TO, PORT).into()), listener.accept());
    let (mut sending, mut receiving) = (sending?, accepted?.0);
    carry(&mut sending, &mut receiving).await?;
    let delay = vocab::Duration::from_millis(1);
    let links = [Link::new("from", "to")].into();
    lab.shape("slow", &links, LinkShape { delay, ..LinkShape::default() }).await?;
    let begin = shaped()?;
    carry(&mut sending, &mut receiving).await?;
    let packets = shaped()? - begin;
    lab.heal("slow").await?;
    let healed = shaped()?;
    carry(&mut sending, &mut receiving).await?;
    let after = shaped()? - healed;
    say(&format!("{BYTES} bytes each: {packets} packets were shaped with a shape, {after} after it"));
    let is_right = packets > (BYTES / PACKET) as u64 && after == 0;
    if is_right { Ok(()) } else { Err("that is not as on a wire".into()) }
}

async fn carry(sending: &mut TcpStream, receiving: &mut TcpStream) -> Result<(), Failure> {
    let sent: Vec<u8> = (0..=250).cycle().take(BYTES).collect();
    let mut came = vec![0; BYTES];
    let both = async { tokio::join!(sending.write_all(&sent), receiving.read_exact(&mut came)) };
    let (written, read) = timeout(BOUND, both).await?;
    written.and(read.map(drop))?;
    if came == sent { Ok(()) } else { Err("other bytes came".into()) }
}

/// How many packets the shaping device has been given.
fn shaped() -> Result<u64, Failure> {
    counter(&fs::read_to_string("/proc/thread-self/net/dev")?, SHAPING_DEVICE, 9)
}
