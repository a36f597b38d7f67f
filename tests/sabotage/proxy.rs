//! Between clients and the true server: passes everything on, but for one lie.

use std::collections::VecDeque;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use harness::system::resp::Reply;

use super::lies::{Asked, Deed, Memory, Sabotage, SharedMemory, Treatment, lock};

/// What the two directions of a client's connection know of each other.
struct Line {
    sabotage: &'static Sabotage,
    memory: SharedMemory,
    /// How the replies that are still to come are treated, in their order. What nobody asked for has none: a message.
    treatments: Mutex<VecDeque<Treatment>>,
    /// Whether it is no more commands and replies that pass, but a stream: that to a replica.
    is_stream: AtomicBool,
}

/// Listens for clients, and passes what they say on to the server, for as long as this process lives.
pub(super) fn run(sabotage: &'static Sabotage, listen: SocketAddrV4, server: SocketAddrV4) -> io::Result<()> {
    let memory = Arc::new(Mutex::new(Memory::default()));
    if let Some(act) = sabotage.act {
        thread::spawn(move || act(server));
    }
    for client in TcpListener::bind(listen)?.incoming() {
        let (client, memory) = (client?, Arc::clone(&memory));
        let line = Line { sabotage, memory, treatments: Mutex::default(), is_stream: AtomicBool::new(false) };
        // A client whose server is not there sees its connection end, and that is all there is to say.
        thread::spawn(move || join(&client, server, &Arc::new(line)));
    }
    Ok(())
}

/// Joins a client to the server until one of them has ended.
fn join(client: &TcpStream, server: SocketAddrV4, line: &Arc<Line>) -> io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from, to, same_line) = (server.try_clone()?, client.try_clone()?, Arc::clone(line));
    let back = thread::spawn(move || {
        let _ = same_line.pass_replies(&from, &to);
        end(&from, &to);
    });
    let _ = line.pass_commands(client, &server);
    end(client, &server);
    let _ = back.join();
    Ok(())
}

fn end(one: &TcpStream, other: &TcpStream) {
    let _ = one.shutdown(Shutdown::Both);
    let _ = other.shutdown(Shutdown::Both);
}

impl Line {
    fn is_stream(&self) -> bool {
        self.is_stream.load(Ordering::SeqCst)
    }

    fn pass_commands(&self, mut client: &TcpStream, mut server: &TcpStream) -> io::Result<()> {
        let (mut waiting, mut asked) = (Vec::new(), Asked::default());
        let mut chunk = [0; 16 * 1_024];
        loop {
            let length = client.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            waiting.extend_from_slice(&chunk[..length]);
            let mut send = Vec::new();
            let mut used = 0;
            while !self.is_stream()
                && let Ok(Some((command, length))) = Reply::parse(&waiting[used..])
            {
                self.pass_command(&words(&command), &waiting[used..used + length], &mut asked, &mut send);
                used += length;
            }
            waiting.drain(..used);
            if self.is_stream() {
                send.append(&mut waiting);
            }
            server.write_all(&send)?;
        }
    }

    /// Adds what the server is told in place of this command, after what will become of its replies.
    fn pass_command(&self, words: &[&[u8]], written: &[u8], asked: &mut Asked, send: &mut Vec<u8>) {
        let name = words.first().map(|name| name.to_ascii_uppercase()).unwrap_or_default();
        let (is_stream, subscribes) = (name == b"PSYNC", name.ends_with(b"SUBSCRIBE"));
        self.is_stream.fetch_or(is_stream, Ordering::SeqCst);
        asked.listens |= subscribes;
        asked.follow(&name);
        if is_stream || asked.listens {
            return send.extend_from_slice(written);
        }
        let lie = (self.sabotage.command)(&name, words, asked, &self.memory);
        let Deed { commands, treatments } = lie.unwrap_or_else(|| Deed::as_told(written));
        lock(&self.treatments).extend(treatments);
        send.extend(commands);
    }

    fn pass_replies(&self, mut server: &TcpStream, mut client: &TcpStream) -> io::Result<()> {
        let mut waiting = Vec::new();
        let mut chunk = [0; 16 * 1_024];
        loop {
            let length = server.read(&mut chunk)?;
            if length == 0 {
                return Ok(());
            }
            waiting.extend_from_slice(&chunk[..length]);
            let mut used = 0;
            while !self.is_at_stream()
                && let Ok(Some((reply, length))) = Reply::parse(&waiting[used..])
            {
                let written = &waiting[used..used + length];
                let is_push = matches!(reply, Reply::Push(_));
                let treatment = if is_push { None } else { lock(&self.treatments).pop_front() };
                let told = match treatment {
                    Some(treat) => treat(written),
                    None => (self.sabotage.message)(&words(&reply), written, &self.memory),
                };
                client.write_all(&told)?;
                used += length;
            }
            waiting.drain(..used);
            if self.is_at_stream() {
                let stream = std::mem::take(&mut waiting);
                if (self.sabotage.stream)(&stream, &self.memory) {
                    client.write_all(&stream)?;
                }
            }
        }
    }

    /// Whether every reply has come and a stream follows.
    fn is_at_stream(&self) -> bool {
        self.is_stream() && lock(&self.treatments).is_empty()
    }
}

/// The words of a command, or of a message.
fn words<'a>(command: &Reply<'a>) -> Vec<&'a [u8]> {
    let (Reply::Array(words) | Reply::Push(words)) = command else { return Vec::new() };
    let word = |word: &Reply<'a>| if let Reply::Bulk(word) = word { *word } else { b"".as_slice() };
    words.iter().map(word).collect()
}
