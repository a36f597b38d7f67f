//! This very program as a server's binary: the true server, with a liar before it.
//!
//! The process that the harness started becomes the true server, on the next port; its child takes its place before clients. So
//! signals, exit codes, logs and processor times are those of a server, and the kernel ends the child with it.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::{env, fs, io};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;

use super::lies::Sabotage;
use super::proxy;

/// Names the true server's binary in the environment.
pub(super) const TRUE_SERVER: &str = "TRUE_SERVER";

/// The first argument of the child.
const BEFORE_CLIENTS: &str = "--before-clients";

/// From a server's port to that of the cluster bus.
const BUS_PORT_OFFSET: u16 = 10_000;

/// Becomes a server, if this program was started by the name of a sabotage.
pub(super) fn enter_if_server() -> Option<ExitCode> {
    let mut arguments = env::args_os();
    let name = arguments.next()?;
    let sabotage = Sabotage::named(Path::new(&name).file_name()?.to_str()?)?;
    let arguments: Vec<_> = arguments.collect();
    let failed = match arguments.first() {
        Some(first) if first == BEFORE_CLIENTS => stand_before_clients(sabotage, &arguments[1..]),
        _ => become_server(sabotage, name, &arguments),
    };
    Some(report(failed.err()))
}

#[expect(clippy::print_stderr, reason = "a server's first words go to its log")]
fn report(failed: Option<io::Error>) -> ExitCode {
    failed.inspect(|error| eprintln!("sabotaged server: {error}"));
    ExitCode::FAILURE
}

/// Becomes the true server, with a liar before it if this is the node to be sabotaged.
fn become_server(sabotage: &Sabotage, name: OsString, arguments: &[OsString]) -> io::Result<()> {
    let mut server =
        Command::new(env::var_os(TRUE_SERVER).ok_or_else(|| io::Error::other("nobody named the true server"))?);
    server.args(arguments);
    // Also asked for its version, and for the directives that it knows.
    if let Some(listen) = arguments.first().and_then(|file| listens_at(Path::new(file)))
        && env::current_dir()?.ends_with(sabotage.node)
    {
        (sabotage.before_start)()?;
        let true_port = listen.port() + 1;
        let ports = [
            ("--port", true_port),
            ("--cluster-port", listen.port() + BUS_PORT_OFFSET),
            ("--cluster-announce-port", listen.port()),
            ("--replica-announce-port", listen.port()),
        ];
        for (directive, port) in ports {
            server.arg(directive).arg(port.to_string());
        }
        server.args(sabotage.arguments);
        let own_id = std::process::id().to_string();
        let addresses = [listen, SocketAddrV4::new(*listen.ip(), true_port)].map(|address| address.to_string());
        let mut liar = Command::new(env::current_exe()?);
        liar.arg0(name).arg(BEFORE_CLIENTS).arg(own_id).args(addresses).spawn()?;
    }
    Err(server.exec())
}

/// Where a configuration file says that its server listens.
fn listens_at(file: &Path) -> Option<SocketAddrV4> {
    let text = fs::read_to_string(file).ok()?;
    let value = |directive: &str| text.lines().find_map(|line| line.strip_prefix(directive)?.strip_prefix(' '));
    let port = value("port")?.parse().ok()?;
    Some(SocketAddrV4::new(value("bind")?.parse::<Ipv4Addr>().ok()?, port)).filter(|address| address.port() != 0)
}

/// Lies to clients until the server ends.
fn stand_before_clients(sabotage: &'static Sabotage, arguments: &[OsString]) -> io::Result<()> {
    set_pdeathsig(Signal::SIGKILL)?;
    let text: Vec<_> = arguments.iter().filter_map(|argument| argument.to_str()).collect();
    let [server_id, listen, server] = text[..] else { return Err(io::ErrorKind::InvalidInput.into()) };
    // It may have ended before anybody asked to be told.
    if server_id != getppid().to_string() {
        return Ok(());
    }
    let address = |text: &str| text.parse().map_err(io::Error::other);
    proxy::run(sabotage, address(listen)?, address(server)?)
}
