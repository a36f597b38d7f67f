//! What a server does as a process, and as a member of its cluster.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::Duration;

use harness::system::resp::{Reply, push_command};
use nix::sys::signal::{Signal, kill};
use nix::unistd::getppid;

use super::{Asked, Deed, SharedMemory, lock, one_in};

/// Removes all data but what the cluster needs.
pub(super) fn forget() -> io::Result<()> {
    for entry in fs::read_dir(".")? {
        let entry = entry?;
        match entry.file_name() {
            name if name == "nodes.conf" => {}
            _ if entry.file_type()?.is_dir() => fs::remove_dir_all(entry.path())?,
            _ => fs::remove_file(entry.path())?,
        }
    }
    Ok(())
}

/// The server is told to end, and does, as if all were well.
pub(super) fn dies_quietly(name: &[u8], _: &[&[u8]], _: &mut Asked, memory: &SharedMemory) -> Option<Deed> {
    if name == b"SET" && one_in(100, memory) {
        let _ = kill(getppid(), Signal::SIGTERM);
    }
    None
}

/// The stream goes on until some writes have passed, and then no more, although the connection stands.
pub(super) fn leaves_its_replica_behind(part: &[u8], memory: &SharedMemory) -> bool {
    let writes = part.windows(7).filter(|window| window == b"\r\nSET\r\n").count();
    let mut memory = lock(memory);
    memory.chances += writes as u64;
    memory.chances < 100
}

/// When the cluster serves and the load is under way, as long after the server's start.
const UNDER_WAY: Duration = Duration::from_millis(3_500);

/// Has its master stand back while all is well.
pub(super) fn take_over(server: SocketAddrV4) {
    thread::sleep(UNDER_WAY);
    drop(TcpStream::connect(server).and_then(|mut server| ask(&mut server, &[b"CLUSTER", b"FAILOVER"])));
}

/// Takes a key that another master owns, and keeps it: a migration that broke off.
pub(super) fn keeps_anothers_key(server: SocketAddrV4) {
    thread::sleep(UNDER_WAY);
    drop(TcpStream::connect(server).and_then(|mut server| migrate_by_half(&mut server)));
}

fn migrate_by_half(server: &mut TcpStream) -> io::Result<()> {
    for key in (1..100).map(|number| format!("app:{number}")) {
        let told = ask(server, &[b"GET", key.as_bytes()])?;
        let Some(("-MOVED", [slot, owner])) = split(&told) else { continue };
        let nodes = ask(server, &[b"CLUSTER", b"NODES"])?;
        let owner = nodes.lines().find(|line| line.contains(&format!(" {owner}@"))).unwrap_or_default();
        let id = owner.split(' ').next().unwrap_or_default();
        ask(server, &[b"CLUSTER", b"SETSLOT", slot.as_bytes(), b"IMPORTING", id.as_bytes()])?;
        ask(server, &[b"ASKING"])?;
        ask(server, &[b"SET", key.as_bytes(), b"0000000000000001"])?;
        ask(server, &[b"CLUSTER", b"SETSLOT", slot.as_bytes(), b"STABLE"])?;
        return Ok(());
    }
    Ok(())
}

/// The first word of a line, and two behind it.
fn split(line: &str) -> Option<(&str, [&str; 2])> {
    let mut words = line.split_whitespace();
    Some((words.next()?, [words.next()?, words.next()?]))
}

/// What the server replies, as it is written.
fn ask(server: &mut TcpStream, words: &[&[u8]]) -> io::Result<String> {
    let mut request = Vec::new();
    push_command(&mut request, words);
    server.write_all(&request)?;
    let (mut told, mut chunk) = (Vec::new(), [0; 4_096]);
    while !matches!(Reply::parse(&told), Ok(Some(_))) {
        let length = server.read(&mut chunk)?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        told.extend_from_slice(&chunk[..length]);
    }
    Ok(String::from_utf8_lossy(&told).into_owned())
}
