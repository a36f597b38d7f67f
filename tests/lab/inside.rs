//! What the trials do inside the lab.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::io::{self, Write};
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::evidence::{Clock, Event, Journal, NodeStatus, Recorder, RunDirectory};
use harness::network::ClientHost;
use harness::provider::{self, ClientSpec, Need, Provider, ProviderChoice, Storage};
use harness::step::{Applied, Step};
use harness::system::cluster::share;
use harness::system::{self, Cluster, Deployment, NodeSpec, Servers};
use harness::text::options;
use harness::vocab::{Address, HostName, NodeId, NodeName, Ownership, Role, Size};
use nix::mount::{MsFlags, mount};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{sleep, timeout};

use super::{disks, links, shapes, tls};

const CLUSTER: Deployment = Deployment::Cluster(Cluster::new(3, 1));

pub(super) type Outcome = Result<u8, Box<dyn Error>>;

const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 128, 1, 2);
pub(super) const STORAGE: Storage = Storage { size: Size { bytes: 64 << 20 }, caching: false };
pub(super) const BOUND: Duration = Duration::from_secs(30);

/// The lab's main: the request is what to do and, in the next line, the run directory.
pub(super) fn main(request: &str) -> u8 {
    let runtime = tokio::runtime::Runtime::new().map_err(Box::<dyn Error>::from);
    runtime.and_then(|runtime| runtime.block_on(run(request))).unwrap_or_else(|error| {
        say(&format!("failed: {error}"));
        1
    })
}

pub(super) fn say(line: &str) {
    let _ = writeln!(io::stdout(), "{line}");
}

async fn run(request: &str) -> Outcome {
    let (request, directory) = request.split_once('\n').ok_or("no run directory")?;
    let directory = RunDirectory::new(directory);
    let mut words = request.split(' ');
    let (what, argument) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    match what {
        "exit" => Ok(argument.parse()?),
        "await-cancel" => await_cancel().await,
        "form" => form(&directory, argument.parse()?).await,
        "faults" => faults(&directory).await,
        "join" => join(&directory).await,
        "refuse" => refuse(&directory, argument).await,
        "damaged" => damaged(&directory).await,
        "no-namespaces" => no_namespaces(),
        "links" => links::run(argument, &directory).await,
        "shapes" => shapes::run(argument, &directory).await,
        "power-fails" => disks::power_fails(&directory).await,
        "disk-serves" => disks::disk_serves(&directory).await,
        "tls" => tls::stands(&directory).await,
        "no-tun" => no_tun(),
        "stranded" => stranded(&directory).await,
        "hold" => hold(&directory).await,
        "hold-slow" => disks::hold_slow(&directory).await,
        _ => Err(format!("the lab cannot {what}").into()),
    }
}

async fn await_cancel() -> Outcome {
    let mut cancelled = provider::cancelled();
    say("waiting");
    timeout(BOUND, cancelled.wait_for(|cancelled| *cancelled)).await??;
    Ok(7)
}

/// A lab inside the lab, whose user namespace allows no more of them.
fn no_namespaces() -> Outcome {
    std::fs::write("/proc/sys/user/max_user_namespaces", "0")?;
    say(&ProviderChoice::Namespaces.check(Need::Hosts).err().map(|missing| missing.to_string()).unwrap_or_default());
    Ok(0)
}

/// A lab inside the lab, where `/dev/net` is empty.
fn no_tun() -> Outcome {
    let nothing = None::<&str>;
    mount(Some("tmpfs"), "/dev/net", Some("tmpfs"), MsFlags::empty(), nothing)?;
    ProviderChoice::Namespaces.check(Need::Hosts)?;
    say(&ProviderChoice::Namespaces.check(Need::Shaping).err().map(|missing| missing.to_string()).unwrap_or_default());
    Ok(0)
}

/// As many masters, each with a replica.
pub(super) fn nodes(masters: usize) -> Vec<NodeSpec> {
    let spec = |index: usize| {
        let (shard, is_master) = (index % masters, index < masters);
        let name = if is_master { NodeName::master(shard) } else { NodeName::replica(shard, 1) };
        NodeSpec {
            host: HostName::own(&name),
            name,
            id: NodeId(format!("{:040x}", index + 10)),
            address: Address::of_host(Ipv4Addr::new(10, 128, 0, u8::try_from(index + 2).unwrap_or_default())),
            role: if is_master { Role::Master } else { Role::Replica },
            master: (!is_master).then(|| NodeName::master(shard)),
            owns: if is_master { share(shard, masters) } else { Ownership::default() },
            version: if is_master { shard as u64 + 1 } else { 0 },
            binary: None,
            image: None,
            config: BTreeMap::from([("cluster-node-timeout".to_owned(), "1000".to_owned())]),
            tls: None,
        }
    };
    (0..2 * masters).map(spec).collect()
}

struct Silent;

impl Recorder for Silent {
    fn record(&mut self, _: &Event) {}
}

/// The hosts of nodes and one of a client.
pub(super) async fn raise_hosts(
    directory: &RunDirectory,
    nodes: &[NodeSpec],
    storage: Storage,
) -> Result<Arc<dyn Provider>, Box<dyn Error>> {
    let journal = Journal::create(directory, Clock::new(), Box::new(Silent))?;
    let client = ClientSpec { name: "client".into(), ip: CLIENT };
    Ok(ProviderChoice::Namespaces
        .raise(&system::server_specs(nodes), &[client], storage, 1, directory, journal)
        .await?)
}

pub(super) async fn raise(
    directory: &RunDirectory,
    nodes: &[NodeSpec],
    storage: Storage,
) -> Result<Servers, Box<dyn Error>> {
    Ok(Servers::prepare(CLUSTER, raise_hosts(directory, nodes, storage).await?, nodes, directory)?)
}

async fn form(directory: &RunDirectory, masters: usize) -> Outcome {
    let specs = nodes(masters);
    let begin = Instant::now();
    let lab = raise(directory, &specs, STORAGE).await?;
    let raised = begin.elapsed();
    let begin = Instant::now();
    lab.start_all().await?;
    let started = begin.elapsed();
    for spec in &specs {
        ping(&lab, spec.address).await?;
        await_info(spec.address, "cluster_state:ok").await?;
    }
    let formed = begin.elapsed().as_secs_f64() * 1e3;
    lab.provider().shutdown().await;
    if lab.provider().status().borrow().values().any(|status| *status != NodeStatus::Down)
        || Path::new("/proc/fs/A").exists()
    {
        return Err("shutdown left something".into());
    }
    say(&format!("{} nodes: raised in {raised:.0?}, started in {started:.0?}, formed in ms: {formed:.0}", specs.len()));
    Ok(0)
}

/// A client on its own host, which packets reach only through the router.
pub(super) async fn ping(lab: &Servers, address: Address) -> Result<(), Box<dyn Error>> {
    let socket = lab.provider().host(&"client".into())?.tcp_socket()?;
    let mut stream = timeout(BOUND, socket.connect(address.0.into())).await??;
    if stream.local_addr()?.ip() != CLIENT {
        return Err(format!("connected from {}", stream.local_addr()?).into());
    }
    stream.write_all(b"PING\r\n").await?;
    let mut reply = [0; 7];
    timeout(BOUND, stream.read_exact(&mut reply)).await??;
    if &reply == b"+PONG\r\n" { Ok(()) } else { Err(format!("{reply:?}").into()) }
}

async fn ask(address: Address, command: &[&str]) -> redis::RedisResult<String> {
    let client = redis::Client::open((address.ip().to_string(), address.0.port()))?;
    let mut connection = client.get_multiplexed_async_connection().await?;
    redis::cmd(command[0]).arg(&command[1..]).query_async(&mut connection).await
}

async fn await_answer(address: Address, command: &[&str], part: &str) -> Result<(), Box<dyn Error>> {
    let deadline = Instant::now() + BOUND;
    loop {
        let answer = ask(address, command).await;
        if answer.as_ref().is_ok_and(|answer| answer.contains(part)) {
            return Ok(());
        }
        if Instant::now() > deadline {
            return Err(format!("{part} is not in {answer:?}").into());
        }
        sleep(Duration::from_millis(5)).await;
    }
}

async fn await_info(address: Address, part: &str) -> Result<(), Box<dyn Error>> {
    await_answer(address, &["CLUSTER", "INFO"], part).await
}

/// Does to a node what a step of this kind does.
pub(super) async fn apply(lab: &Servers, kind: &str, node: &NodeName) -> Result<Applied, Box<dyn Error>> {
    apply_written(lab, &format!("{kind}(node: \"{node}\")"), node).await
}

/// Does to a node what a step does, as it is written in a scenario.
async fn apply_written(lab: &Servers, step: &str, node: &NodeName) -> Result<Applied, Box<dyn Error>> {
    let step: Step = options().from_str(step)?;
    Ok(step.kind().apply_to(lab, node).await?)
}

async fn faults(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), STORAGE).await?;
    lab.start_all().await?;
    let sequence = [
        ("B1", "Pause", "process state T", NodeStatus::Paused),
        ("B1", "Resume", "process state", NodeStatus::Running),
        ("B1", "Pause", "process state T", NodeStatus::Paused),
        ("B1", "Kill", "wait status: signal 9", NodeStatus::Down),
        ("B1", "Start", "it answers", NodeStatus::Running),
        ("A", "Stop", "wait status: exit code 0", NodeStatus::Down),
        ("A", "Wipe", "its data directory is empty", NodeStatus::Down),
    ];
    for (node, kind, proof, leaves) in sequence {
        let node = NodeName::from(node);
        let applied = apply(&lab, kind, &node).await?;
        let is_proven = applied.proof.as_ref().is_some_and(|found| found.contains(proof));
        if !is_proven || lab.provider().status_of(&node)? != leaves {
            return Err(format!("{kind} {node}: {applied:?}, {:?}", lab.provider().status_of(&node)).into());
        }
    }
    let refused = apply(&lab, "Kill", &"A".into()).await.err().map(|error| error.to_string());
    if refused.as_deref() != Some("cannot kill A: it is Down") {
        return Err(format!("{refused:?}").into());
    }
    check_exits(&lab, directory).await
}

/// An exit that nobody asked for is told from the others, also after a signal that asks for another.
async fn check_exits(lab: &Servers, directory: &RunDirectory) -> Outcome {
    // Paused, so that it hears both at once: the handler of SIGTERM takes a note for later, and no server handles the
    // other, so the kernel ends it. (SIGSEGV has a handler, which may run in another thread than an orderly shutdown.)
    for signal in [Signal::SIGSTOP, Signal::SIGTERM, Signal::SIGVTALRM] {
        lab.provider().signal(&"B".into(), signal)?;
    }
    // A thread that has not stopped yet dies of the last one at once, and the process with it: then there is nobody to
    // wake (the kernel's `complete_signal` passes over stopped threads only). It ends the same way.
    let _ = lab.provider().signal(&"B".into(), Signal::SIGCONT);
    lab.wait_exit(&"B".into(), BOUND).await?;
    lab.provider().signal(&"C1".into(), Signal::SIGSEGV)?;
    lab.wait_exit(&"C1".into(), BOUND).await?;
    lab.provider().shutdown().await;
    let events = std::fs::read_to_string(directory.events())?;
    let exits =
        |expected: &str| events.lines().filter(|line| line.contains("exited") && line.contains(expected)).count();
    let counts = (exits("\"expected\":true"), exits("\"expected\":false"));
    // Killed or stopped: B1, A, and at the end B1, C, A1. By itself: B and C1.
    if counts == (5, 2) { Ok(0) } else { Err(format!("{counts:?} in {events}").into()) }
}

async fn join(directory: &RunDirectory) -> Outcome {
    let specs = nodes(3);
    let lab = raise(directory, &specs, STORAGE).await?;
    lab.start_all().await?;
    let a = NodeName::from("A");
    for spec in &specs {
        await_info(spec.address, "cluster_state:ok").await?;
    }
    await_answer(specs[3].address, &["INFO", "replication"], "master_link_status:up").await?;
    apply(&lab, "Kill", &a).await?;
    await_answer(specs[3].address, &["INFO", "replication"], "role:master").await?;
    // Twice: the second time, the former server is one that joined.
    for _ in 0..2 {
        if lab.provider().status_of(&a)? == NodeStatus::Running {
            apply(&lab, "Kill", &a).await?;
        }
        apply(&lab, "Wipe", &a).await?;
        apply(&lab, "Start", &a).await?;
        let applied = apply_written(&lab, r#"Join(node: "A", replica_of: "A1")"#, &a).await?;
        say(&format!("{applied:?}"));
        for spec in &specs {
            await_info(spec.address, "cluster_known_nodes:6").await?;
        }
        await_answer(specs[0].address, &["INFO", "replication"], "master_link_status:up").await?;
    }
    Ok(0)
}

/// Makes B unfit to start; says the error.
async fn refuse(directory: &RunDirectory, flaw: &str) -> Outcome {
    let (key, value) = flaw.split_once('=').unwrap_or_default();
    let mut specs = nodes(3);
    let mut storage = STORAGE;
    match key {
        // Their `nodes.conf` is longer than a page.
        "storage" => {
            specs = nodes(30);
            storage.size.bytes = value.parse()?;
        }
        "full" => {
            storage.size.bytes = value.parse()?;
            specs[1].config.insert("appendonly".to_owned(), "yes".to_owned());
        }
        "binary" => specs[1].binary = Some(value.to_owned()),
        _ => drop(specs[1].config.insert(key.to_owned(), value.to_owned())),
    }
    let refused = match raise(directory, &specs, storage).await {
        Ok(lab) => lab.start_all().await.map_err(Box::from),
        Err(error) => Err(error),
    };
    say(&refused.err().map(|error: Box<dyn Error>| error.to_string()).unwrap_or_default());
    Ok(0)
}

/// Starts a server on files that it cannot read; says the error.
async fn damaged(directory: &RunDirectory) -> Outcome {
    let mut specs = nodes(3);
    specs[1].config.insert("appendonly".to_owned(), "yes".to_owned());
    let lab = raise(directory, &specs, STORAGE).await?;
    lab.start_all().await?;
    let node = NodeName::from("B");
    apply(&lab, "Kill", &node).await?;
    // Redis 6.2 keeps it beside the other files, later servers in a directory.
    for path in lab.provider().data_files(&node)? {
        if path.extension().is_some_and(|extension| extension == "aof") {
            lab.provider().write_data(&node, &path, b"damaged")?;
        }
    }
    let refused = timeout(BOUND, apply(&lab, "Start", &node)).await?;
    say(&refused.err().map(|error| error.to_string()).unwrap_or_default());
    Ok(0)
}

/// A thread goes to a host and comes back, in a panic too; the next time it cannot, because its own namespace is none.
async fn stranded(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), STORAGE).await?;
    let here = || std::fs::read_link("/proc/thread-self/ns/net").map(|namespace| namespace.display().to_string());
    let (own, host) = (here()?, lab.provider().host(&"client".into())?);
    let there = host.on_host(here)?;
    let panicked = std::panic::catch_unwind(|| host.on_host(|| -> io::Result<()> { panic!("on purpose") }));
    if panicked.is_ok() || own == there || here()? != own {
        return Err(format!("{own}, {there}, {:?}", here()).into());
    }
    say("back");
    let namespace = host.on_host(|| File::open("/proc/thread-self/ns/net"))?;
    let error = ClientHost::in_namespace(File::open("/dev/null")?, namespace).tcp_socket().err();
    say(&format!("{error:?}, and goes on in {:?}, which is not its own, {own}", here()?));
    Ok(0)
}

/// Runs a cluster until the lab is ended from outside.
async fn hold(directory: &RunDirectory) -> Outcome {
    let lab = raise(directory, &nodes(3), STORAGE).await?;
    lab.start_all().await?;
    let namespace = std::fs::read_link(Path::new("/proc/self/ns/pid"))?;
    say(&namespace.to_string_lossy());
    std::future::pending().await
}
