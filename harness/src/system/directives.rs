//! What a server accepts in its configuration file, asked of its own binary.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use redis::Value;

use super::config;
use crate::provider::{BoundedChild, ServerBinary, ServerProgram};

/// The last line of every file that is tried. No server knows it, so none goes on from there: it reads the lines before
/// it, refuses this one, and ends.
const END: &str = "end-of-what-redis-harness-asks";

/// How much of what a server says is read, in bytes.
const SAID_BYTES_MAX: u64 = 64 * 1_024;

/// How long a server may take to tell the names that it knows. It takes 20 ms on an idle machine.
const NAMES_BOUND: Duration = Duration::from_secs(5);
const NAMES_POLL: Duration = Duration::from_millis(2);

/// Names that `CONFIG GET` does not tell, or that a file may have and `CONFIG GET` need not.
const UNTOLD: &[&str] = &["include", "loadmodule", "rename-command", "user"];

/// A directive that a server refuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Its name.
    pub directive: String,
    /// Why, in the server's words.
    pub said: String,
}

/// Why a server could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum DirectivesError {
    /// The files that it takes to ask could not be made, or the binary could not be run.
    #[error("cannot ask {binary}: {source}")]
    Ask {
        /// The binary.
        binary: String,
        /// Why.
        source: io::Error,
    },
    /// It did not answer as a server does.
    #[error("{binary} did not say what is wrong with a configuration file: {said}")]
    Unclear {
        /// The binary.
        binary: String,
        /// The first line of what it said.
        said: String,
    },
}

/// The directives of `config` that the server refuses: all of them, though it stops at the first.
///
/// It starts no server: the binary only reads a file and refuses its last line, once more for each directive that it
/// refuses before it.
pub fn refused_directives(
    server: &ServerProgram,
    config: &BTreeMap<String, String>,
) -> Result<Vec<Refusal>, DirectivesError> {
    let name = || server.to_string();
    let cannot = |source| DirectivesError::Ask { binary: name(), source };
    let mut left: Vec<_> = config.iter().collect();
    let mut refusals = Vec::new();
    loop {
        let lines: String = left.iter().map(|(directive, value)| config::line(directive, value)).collect();
        let said = server.says_of(&format!("{lines}{END}\n")).map_err(cannot)?;
        let Some((line, why)) = refused_line(&said) else {
            let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("nothing").to_owned();
            return Err(DirectivesError::Unclear { binary: name(), said });
        };
        if line >= left.len() {
            return Ok(refusals);
        }
        let (directive, _) = left.remove(line);
        refusals.push(Refusal { directive: directive.clone(), said: why });
    }
}

/// The line that was refused, counted from 0, and why.
///
/// All servers say it in the same way (`loadServerConfigFromString` in `config.c`): `Reading the configuration file, at
/// line 2`, the line behind `>>>`, and the reason.
fn refused_line(said: &str) -> Option<(usize, String)> {
    let mut lines = said.lines().skip_while(|line| !line.starts_with("Reading the configuration file, at line "));
    let line: usize = lines.next()?.rsplit(' ').next()?.parse().ok()?;
    let why = lines.find(|line| !line.starts_with(">>>") && !line.trim().is_empty())?;
    Some((line.checked_sub(1)?, why.trim().to_owned()))
}

/// The names of all directives that the server knows, but for hidden ones.
///
/// A server is started for it, in a directory of its own, where it listens to nobody else, and ended when it has answered. That of an
/// image is not asked: its directory would be in its container.
pub fn known_directives(server: &ServerProgram) -> Result<BTreeSet<String>, DirectivesError> {
    let ServerProgram::Binary(binary) = server else { return Ok(BTreeSet::new()) };
    let cannot = |source| DirectivesError::Ask { binary: binary.path.display().to_string(), source };
    let directory = tempfile::tempdir().map_err(cannot)?;
    let reply = ask_names(binary, directory.path()).map_err(cannot)?;
    let flat = match redis::parse_redis_value(&reply) {
        Ok(Value::Array(flat)) => flat,
        _ => Vec::new(),
    };
    let names = flat.into_iter().step_by(2).filter_map(|name| redis::from_redis_value(name).ok());
    let names: BTreeSet<String> = names.chain(UNTOLD.iter().map(|name| (*name).to_owned())).collect();
    Ok(names)
}

/// The reply to `CONFIG GET *`.
fn ask_names(binary: &ServerBinary, directory: &Path) -> io::Result<Vec<u8>> {
    let conf = directory.join("redis.conf");
    fs::write(&conf, "port 0\nunixsocket asked\nsave \"\"\nappendonly no\ndaemonize no\nlogfile \"\"\n")?;
    let silent = || File::options().write(true).open("/dev/null");
    let mut command = Command::new(&binary.path);
    command.arg(&conf).current_dir(directory).stdin(Stdio::null()).stdout(silent()?).stderr(silent()?);
    let mut server = BoundedChild::start(&mut command)?;
    let deadline = Instant::now() + NAMES_BOUND;
    let mut stream = loop {
        match UnixStream::connect(directory.join("asked")) {
            Ok(stream) => break stream,
            Err(error) if Instant::now() > deadline || server.0.try_wait()?.is_some() => return Err(error),
            Err(_) => thread::sleep(NAMES_POLL),
        }
    };
    stream.set_read_timeout(Some(NAMES_BOUND))?;
    stream.write_all(b"CONFIG GET *\r\nQUIT\r\n")?;
    let mut reply = Vec::new();
    stream.take(16 * SAID_BYTES_MAX).read_to_end(&mut reply)?;
    Ok(reply)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::redis("\n*** FATAL CONFIG FILE ERROR (Redis 7.0.15) ***\nReading the configuration file, at line 2\n>>> 'appendonly maybe'\nargument must be 'yes' or 'no'\n", Some((1, "argument must be 'yes' or 'no'")))]
    #[case::valkey("\n*** FATAL CONFIG FILE ERROR (Valkey 8.1.1) ***\nReading the configuration file, at line 1\n>>> 'maxmemry 1'\nBad directive or wrong number of arguments\n", Some((0, "Bad directive or wrong number of arguments")))]
    #[case::something_before("a warning\nReading the configuration file, at line 12\n>>> 'x'\ny\n", Some((11, "y")))]
    #[case::nothing("", None)]
    #[case::cut_off("Reading the configuration file, at line 2\n>>> 'x'\n", None)]
    #[case::another_error("Can't open config file 'x'", None)]
    fn a_refusal_is_read(#[case] said: &str, #[case] expected: Option<(usize, &str)>) {
        assert_eq!(refused_line(said), expected.map(|(line, why)| (line, why.to_owned())));
    }
}
