//! What a server does as a process, and as a member of its cluster.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddrV4, TcpStream};
use std::thread;
use std::time::Duration;

use harness::system::resp::push_command;
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

/// Has its master stand back while all is well.
pub(super) fn take_over(server: SocketAddrV4) {
    thread::sleep(Duration::from_millis(3_500));
    let mut failover = Vec::new();
    push_command(&mut failover, &[b"CLUSTER", b"FAILOVER"]);
    let told = TcpStream::connect(server).and_then(|mut server| {
        server.write_all(&failover)?;
        server.read(&mut [0; 64])
    });
    drop(told);
}
