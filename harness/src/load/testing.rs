//! What the module's own tests share: loads from text, a scripted server, a real server, a journal that nobody reads.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant as StdInstant};

use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::connection::DeadlineTimer;
use super::dialer::Dialer;
use super::hello::Hello;
use super::resp::{Reply, push_command};
use super::value::push_id;
use super::{Load, LoadRest, LoadTask};
use crate::evidence::{
    Clock, DataType, Event, Journal, Operation, OperationEffect, OperationSource, Outcome, Recorder, RunDirectory,
    Value,
};
use crate::network::ClientHost;
use crate::system::{Cluster, TlsClient, TlsFiles, tls_in};
use crate::vocab::{Address, Instant};

/// The load of that name with these fields, as a scenario writes them.
pub(crate) fn load(name: &str, fields: &str) -> Load {
    use ron::extensions::Extensions;
    let extensions = Extensions::IMPLICIT_SOME | Extensions::UNWRAP_VARIANT_NEWTYPES;
    let options = ron::Options::default().with_default_extension(extensions);
    options.from_str(&format!("(name: \"{name}\", {fields})")).unwrap()
}

/// A reply that holds the value with that id.
pub(crate) fn value_reply(id: u64) -> String {
    let mut reply = Vec::new();
    push_id(&mut reply, id);
    String::from_utf8(reply).unwrap()
}

/// What the fakes pretend to be.
pub(crate) const CLUSTER: Cluster = Cluster::new(1, 0);

/// The task of a load that knows these nodes.
pub(crate) fn task(load: Load, nodes: &[Address]) -> LoadTask {
    let seeds = (0..).zip(nodes.iter().copied()).collect();
    let [host, subscribers_host] = [ClientHost::this(), ClientHost::this()];
    let (system, shards) = (Arc::new(CLUSTER), Vec::new());
    let (tls, rest) = (None, LoadRest::default());
    LoadTask { index: 0, load, host, subscribers_host, system, seeds, shards, seed: 1, waits: false, tls, rest }
}

/// An operation that took this many milliseconds.
pub(crate) fn operation(millis: u64, outcome: Outcome) -> Operation {
    Operation {
        load: 0,
        worker: 0,
        source: OperationSource::Mix { entry: 0, command: 0 },
        effect: OperationEffect::Reads,
        data: DataType::Value,
        key: 7,
        shard: None,
        value: Value::Missing,
        intended: Instant::from_millis(1_000),
        ready: Instant::from_millis(1_000),
        started: Instant::from_millis(1_000),
        ended: Instant::from_millis(1_000 + millis),
        outcome,
        error: None,
        attempts: 1,
        unknown_attempts: 0,
        replaced: None,
        node: None,
    }
}

/// A run directory that goes away, and its journal.
pub(crate) fn journal() -> (TempDir, RunDirectory, Journal) {
    struct Deaf;
    impl Recorder for Deaf {
        fn record(&mut self, _: &Event) {}
    }
    let temporary = tempfile::tempdir().unwrap();
    let directory = RunDirectory::new(temporary.path());
    let journal = Journal::create(&directory, Clock::new(), Box::new(Deaf)).unwrap();
    (temporary, directory, journal)
}

/// What a scripted server does about a command.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Replies.
    Say(String),
    /// Replies byte by byte, with a flush after each.
    Dribble(String),
    /// Never replies.
    Silence,
    /// Sends this and closes the connection.
    SayAndClose(String),
    /// Takes its time, then replies.
    Late(Duration, String),
}

/// The reply to a step of a `SCAN`: where the next one begins, and these keys.
pub(crate) fn scanned(cursor: u64, keys: &[&str]) -> String {
    let bulk = |text: &str| format!("${}\r\n{text}\r\n", text.len());
    let all = keys.iter().map(|key| bulk(key)).collect::<Vec<_>>().concat();
    format!("*2\r\n{}*{}\r\n{all}", bulk(&cursor.to_string()), keys.len())
}

/// A scripted server on loopback.
pub(crate) struct Fake {
    pub(crate) address: Address,
    listener: TcpListener,
}

impl Fake {
    /// Binds, so that scripts of other servers can name its address.
    pub(crate) async fn bind() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let std::net::SocketAddr::V4(address) = listener.local_addr().unwrap() else { panic!("not IPv4") };
        Self { address: Address(address), listener }
    }

    /// Serves for the rest of the test. It says that `owner` owns every slot; about anything else it asks `script`,
    /// with how many such commands there were before.
    pub(crate) fn serve(self, owner: Address, script: impl Fn(&str, usize) -> Act + Send + Sync + 'static) -> Address {
        self.serve_for(&[owner], script)
    }

    /// As [`Self::serve`], and it says that each of these owns an equal share of the slots.
    pub(crate) fn serve_for(
        self,
        owners: &[Address],
        script: impl Fn(&str, usize) -> Act + Send + Sync + 'static,
    ) -> Address {
        let address = self.address;
        let share = |(index, owner): (usize, &Address)| {
            let range = crate::system::cluster::share(index, owners.len()).ranges()[0];
            let (first, last, port) = (range.first, range.last, owner.0.port());
            format!("*3\r\n:{first}\r\n:{last}\r\n*2\r\n$9\r\n127.0.0.1\r\n:{port}\r\n")
        };
        let shares: String = owners.iter().enumerate().map(share).collect();
        let slots = Act::Say(format!("*{}\r\n{shares}", owners.len()));
        let told = AtomicUsize::new(0);
        let answer = Arc::new(move |command: &str| match command {
            "CLUSTER SLOTS" => slots.clone(),
            _ => script(command, told.fetch_add(1, Ordering::Relaxed)),
        });
        tokio::spawn(async move {
            while let Ok((stream, _)) = self.listener.accept().await {
                let answer = Arc::clone(&answer);
                // A client that goes away in the middle is what some tests are about.
                tokio::spawn(async move { converse(stream, &*answer).await });
            }
        });
        address
    }
}

async fn converse(mut stream: TcpStream, answer: &(impl Fn(&str) -> Act + Sync)) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut input = Vec::new();
    loop {
        while let Some(command) = next_command(&mut input) {
            match answer(&command) {
                Act::Say(reply) => stream.write_all(reply.as_bytes()).await?,
                Act::Dribble(reply) => {
                    for byte in reply.bytes() {
                        stream.write_all(&[byte]).await?;
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                }
                Act::Silence => {}
                Act::SayAndClose(reply) => return stream.write_all(reply.as_bytes()).await,
                Act::Late(wait, reply) => {
                    tokio::time::sleep(wait).await;
                    stream.write_all(reply.as_bytes()).await?;
                }
            }
        }
        if stream.read_buf(&mut input).await? == 0 {
            return Ok(());
        }
    }
}

/// Takes a command off the input, as words.
fn next_command(input: &mut Vec<u8>) -> Option<String> {
    let (reply, used) = Reply::parse(input).unwrap()?;
    let Reply::Array(words) = reply else { panic!("no command: {reply:?}") };
    let text = |word: &Reply<'_>| match word {
        Reply::Bulk(text) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("no word: {other:?}"),
    };
    let command = words.iter().map(text).collect::<Vec<_>>().join(" ");
    input.drain(..used);
    Some(command)
}

/// A real server in cluster mode that owns every slot. It ends with this value, or with the thread that started it.
pub(crate) struct Redis {
    pub(crate) address: Address,
    /// How to speak TLS with it, if it speaks nothing else.
    pub(crate) tls: Option<TlsClient>,
    process: Child,
    directory: TempDir,
}

impl Redis {
    /// Starts a server and waits until it serves.
    pub(crate) async fn start() -> Self {
        Self::launch(|_, address| (format!("port {}\n", address.0.port()), None)).await
    }

    /// Starts a server that speaks nothing but TLS, with a certificate for this address, and waits until it serves.
    pub(crate) async fn start_tls() -> Self {
        let ports = |directory: &Path, Address(address): Address| {
            let (TlsFiles { authority, certificate, key }, client) = tls_in(directory, *address.ip());
            let [authority, certificate, key] = [&authority, &certificate, &key].map(|path| path.display());
            let port = address.port();
            let config = format!(
                "port 0\ntls-port {port}\ntls-cluster yes\n\
                 tls-ca-cert-file {authority}\ntls-cert-file {certificate}\ntls-key-file {key}\n"
            );
            (config, Some(client))
        };
        Self::launch(ports).await
    }

    /// Starts a server that listens as `listen` says.
    async fn launch(listen: impl FnOnce(&Path, Address) -> (String, Option<TlsClient>)) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let address = Address::of_own_loopback();
        let (ports, tls) = listen(directory.path(), address);
        let config = format!(
            "{ports}bind {ip}\ndir {dir}\nlogfile redis.log\nsave \"\"\nappendonly no\n\
             cluster-enabled yes\ncluster-config-file nodes.conf\n",
            ip = address.ip(),
            dir = directory.path().display()
        );
        let file = directory.path().join("redis.conf");
        fs::write(&file, config).unwrap();
        // The kernel ends the server when the test's thread ends, however it does.
        let process = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "redis-server"])
            .arg(&file)
            .stdout(Stdio::null())
            .spawn()
            .expect("setpriv and redis-server are on PATH");
        let redis = Self { address, tls, process, directory };
        redis.say(&[b"CLUSTER", b"ADDSLOTSRANGE", b"0", b"16383"], "OK").await;
        redis.say(&[b"CLUSTER", b"INFO"], "cluster_state:ok").await;
        redis
    }

    /// Says a command until the reply holds the text.
    pub(crate) async fn say(&self, command: &[&[u8]], expected: &str) {
        let deadline = StdInstant::now() + Duration::from_secs(20);
        let mut request = Vec::new();
        push_command(&mut request, command);
        loop {
            let mut said = String::new();
            let dialer = Dialer::new(ClientHost::this(), self.tls.clone(), Hello::default(), 0);
            if let Ok(mut connection) = dialer.open(self.address, &mut DeadlineTimer::new(), deadline).await {
                let heard = connection.exchange(&request, 1, |_, reply| match reply {
                    Reply::Simple(text) | Reply::Error(text) | Reply::Bulk(text) => {
                        said = String::from_utf8_lossy(text).into_owned();
                    }
                    other => said = format!("{other:?}"),
                });
                let _ = heard.await;
            }
            if said.contains(expected) {
                return;
            }
            if StdInstant::now() >= deadline {
                let log = fs::read_to_string(self.directory.path().join("redis.log"));
                panic!("the server does not say `{expected}`; last: {said}; its log: {log:?}");
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Ends the server at once.
    pub(crate) fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.process.id()).unwrap())
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}
