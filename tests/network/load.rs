//! A load that is as light as can be, so that what it measures is the way to the server: one thread, connections that
//! each send the next commands when the last ones are answered.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::time::{Duration, Instant};

use harness::network::ClientHost;
use harness::vocab::SERVER_PORT;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};

use super::inside::Failure;

const CONNECTIONS: usize = 50;
/// How long a server may be silent.
const BOUND: Duration = Duration::from_secs(5);
const KEY: &str = "key";
const VALUE: &str = "sixteen byte val";

/// What one go has measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Figure {
    /// Operations a second.
    pub(super) throughput: f64,
    /// The middle of the times from sending commands to having all their replies.
    pub(super) median: Duration,
}

/// Commands that are sent together, and what must come back.
struct Batch {
    commands: Vec<u8>,
    replies: Vec<u8>,
}

impl Batch {
    fn of(words: &[&str], reply: &str, pipeline: usize) -> Self {
        let arguments = words.iter().map(|word| format!("${}\r\n{word}\r\n", word.len()));
        let command = format!("*{}\r\n{}", words.len(), arguments.collect::<String>());
        Self { commands: command.repeat(pipeline).into(), replies: reply.repeat(pipeline).into() }
    }

    fn set_and_get(pipeline: usize) -> [Self; 2] {
        let found = format!("${}\r\n{VALUE}\r\n", VALUE.len());
        [Self::of(&["SET", KEY, VALUE], "+OK\r\n", pipeline), Self::of(&["GET", KEY], &found, pipeline)]
    }
}

/// A connection; SET and GET take turns on it.
struct Connection {
    stream: TcpStream,
    turn: usize,
    sent: Instant,
    came: usize,
}

impl Connection {
    fn send(&mut self, batches: &[Batch; 2]) -> io::Result<()> {
        self.turn ^= 1;
        self.came = 0;
        self.sent = Instant::now();
        // There is room for it: nothing else is under way.
        self.stream.write_all(&batches[self.turn].commands)
    }

    /// Takes what has come; whether that is all.
    fn receive(&mut self, batches: &[Batch; 2], buffer: &mut [u8]) -> Result<bool, Failure> {
        let expected = &batches[self.turn].replies;
        let length = self.stream.read(buffer)?;
        let came = self.came..self.came + length;
        if length == 0 || expected.get(came) != Some(&buffer[..length]) {
            return Err(format!("the server replied {:?}", String::from_utf8_lossy(&buffer[..length])).into());
        }
        self.came += length;
        Ok(self.came == expected.len())
    }
}

/// The connections of one load.
pub(super) struct Load {
    epoll: Epoll,
    connections: Vec<Connection>,
    buffer: Vec<u8>,
}

impl Load {
    /// Connects a host with the server at an address.
    pub(super) fn connect(host: &ClientHost, server: Ipv4Addr) -> Result<Self, Failure> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let mut connections = Vec::with_capacity(CONNECTIONS);
        for index in 0..CONNECTIONS {
            let stream = host.on_host(|| TcpStream::connect((server, SERVER_PORT)))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, index as u64))?;
            connections.push(Connection { stream, turn: 1, sent: Instant::now(), came: 0 });
        }
        Ok(Self { epoll, connections, buffer: vec![0; 16 << 10] })
    }

    /// Goes on for so long, and until the last replies are there. They must be the right ones.
    pub(super) fn run(&mut self, pipeline: usize, lasting: Duration) -> Result<Figure, Failure> {
        let batches = Batch::set_and_get(pipeline);
        let begin = Instant::now();
        for connection in &mut self.connections {
            connection.send(&batches)?;
        }
        let mut under_way = self.connections.len();
        let mut took = Vec::new();
        while under_way > 0 {
            for index in self.ready()? {
                let connection = &mut self.connections[index];
                if !connection.receive(&batches, &mut self.buffer)? {
                    continue;
                }
                let now = Instant::now();
                took.push(now - connection.sent);
                if now - begin < lasting {
                    connection.send(&batches)?;
                } else {
                    under_way -= 1;
                }
            }
        }
        let throughput = (took.len() * pipeline) as f64 / begin.elapsed().as_secs_f64();
        let middle = took.len() / 2;
        Ok(Figure { throughput, median: *took.select_nth_unstable(middle).1 })
    }

    fn ready(&self) -> Result<impl Iterator<Item = usize> + use<>, Failure> {
        let mut events = [EpollEvent::empty(); CONNECTIONS];
        let count = self.epoll.wait(&mut events, EpollTimeout::try_from(BOUND)?)?;
        if count == 0 {
            return Err("the server is silent".into());
        }
        Ok(events.into_iter().take(count).filter_map(|event| usize::try_from(event.data()).ok()))
    }
}
