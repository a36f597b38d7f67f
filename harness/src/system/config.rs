//! The text of a server's `redis.conf`: what every server of a lab is told, and what its system adds.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::{Access, Credentials, NodeFiles, NodeSpec};
use crate::vocab::{PLAIN_PORT, Product, ServerVersion, Tls};

const TLS: &str =
    "with `server: (tls: Only)` clients, replicas and the cluster bus speak TLS, on the server's usual port";
const CERTIFICATES: &str = "certificates are made for each run, with `server: (tls: Only)`";

/// A directive, and why a scenario must not set it. A name that ends in `*` stands for all that begin so.
pub(super) type ReservedDirective = (&'static str, &'static str);

/// Directives that a scenario must not set, whatever the system.
const RESERVED: &[ReservedDirective] = &[
    ("port", "every server listens on 6379, on a host of its own"),
    ("tls-port", TLS),
    ("tls-replication", TLS),
    ("tls-cert-file", CERTIFICATES),
    ("tls-key-file*", CERTIFICATES),
    ("tls-client-*", CERTIFICATES),
    ("tls-ca-cert-*", CERTIFICATES),
    ("bind", "every server listens on its host's address"),
    ("bind-source-addr", "links of the lab are told apart by their hosts' addresses"),
    ("protected-mode", "the lab's network is closed, and the harness must reach every server"),
    ("dir", "the data directory belongs to the lab: use `storage` for its size"),
    ("logfile", "the harness reads every server's log"),
    ("loglevel", "the phases of a failover are read from the verbose log"),
    ("syslog-*", "the harness reads every server's log"),
    ("log-format", "the harness reads every server's log"),
    ("log-timestamp-format", "the harness reads every server's log"),
    ("daemonize", "the lab watches the process that it started"),
    ("supervised", "the lab watches the process that it started"),
    ("pidfile", "the lab knows the process that it started"),
    ("include", "the node's configuration must be complete in the run's evidence"),
    ("aclfile", "the harness' own user is in the configuration, and servers take users from one place: use `user`"),
    ("rename-command", "the harness needs INFO, CONFIG and others by their names"),
];

/// What keeps a test's servers quick, unless the scenario says otherwise.
const DEFAULTS: &[(&str, &str)] = &[("save", ""), ("appendonly", "no"), ("repl-diskless-sync-delay", "0")];

/// Why a scenario must not set `directive`, if it must not, by what the lab reserves and by what the system does. Servers do not
/// mind the case of letters, nor does this.
pub(super) fn reserved(directive: &str, of_system: &[ReservedDirective]) -> Option<&'static str> {
    let directive = directive.to_ascii_lowercase();
    let names = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => directive.starts_with(prefix),
        None => directive == pattern,
    };
    RESERVED.iter().chain(of_system).find(|(pattern, _)| names(pattern)).map(|(_, why)| *why)
}

/// What a system adds to a server's configuration.
#[derive(Clone, Debug, Default)]
pub(super) struct OwnDirectives {
    /// What the server must be told.
    pub(super) told: Vec<(&'static str, String)>,
    /// What it is told unless the scenario says otherwise.
    pub(super) defaults: &'static [(&'static str, &'static str)],
}

/// The configuration file of `node` for a server of this version.
pub(super) fn redis_conf(
    node: &NodeSpec,
    version: ServerVersion,
    files: &NodeFiles,
    access: &Access,
    own: &OwnDirectives,
) -> String {
    let mut text = format!("# {}, written by redis-harness.\n", node.name);
    let mut say = |directive: &str, value: &str| {
        let _ = writeln!(text, "{directive} {value}");
    };
    let port = node.address.0.port().to_string();
    match &files.tls {
        None => say("port", &port),
        Some(tls) => {
            say("port", &if node.tls == Some(Tls::BesidePlain) { PLAIN_PORT.to_string() } else { "0".to_owned() });
            say("tls-port", &port);
            say("tls-ca-cert-file", &path(&tls.authority));
            say("tls-cert-file", &path(&tls.certificate));
            say("tls-key-file", &path(&tls.key));
            say("tls-replication", "yes");
        }
    }
    say("bind", &node.address.ip().to_string());
    say("protected-mode", "no");
    say("daemonize", "no");
    say("dir", &path(&files.data));
    say("logfile", &path(&files.log));
    say("loglevel", "verbose");
    own.told.iter().for_each(|(directive, value)| say(directive, value));
    let written = |directive: &str| node.config.keys().any(|key| key.eq_ignore_ascii_case(directive));
    // `DEBUG SLEEP` is how a step lets a server's event loop stand still.
    let debug = asks_for_debug(version).then_some(("enable-debug-command", "yes"));
    for (directive, value) in DEFAULTS.iter().chain(own.defaults).copied().chain(debug) {
        if !written(directive) {
            say(directive, &argument(value));
        }
    }
    if let Some(Credentials { user, password }) = &access.credentials {
        say("user", &format!("{user} on >{password} ~* &* +@all"));
        // Replicas too are clients, of a master that may know no default user.
        for (directive, value) in [("masteruser", user), ("masterauth", password)] {
            if !written(directive) {
                say(directive, value);
            }
        }
    }
    for (directive, value) in &node.config {
        say(directive, &argument(value));
    }
    text
}

/// Whether a server takes `DEBUG` only if its configuration says so: Redis 7.0 and later, Valkey.
fn asks_for_debug(version: ServerVersion) -> bool {
    version.product == Product::Valkey || version.major >= 7
}

/// A line of `redis.conf`.
pub(super) fn line(directive: &str, value: &str) -> String {
    format!("{directive} {}\n", argument(value))
}

/// A directive's value as the file needs it: as written, so that it may be several words (`normal 0 0 0`).
fn argument(value: &str) -> String {
    let plain = !value.trim().is_empty() && !value.contains(char::is_control);
    if plain { value.to_owned() } else { quoted(value.as_bytes()) }
}

/// A path as one word.
fn path(path: &Path) -> String {
    quoted(path.as_os_str().as_bytes())
}

/// Text as one word, in the quotes that `sdssplitargs` (Redis `sds.c`) takes off again.
fn quoted(text: &[u8]) -> String {
    let mut word = String::from("\"");
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => word.extend(['\\', character]),
                '\n' => word.push_str("\\n"),
                '\r' => word.push_str("\\r"),
                '\t' => word.push_str("\\t"),
                _ => word.push(character),
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(word, "\\x{byte:02x}");
        }
    }
    word.push('"');
    word
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use rstest::rstest;

    use super::*;
    use crate::system::TlsFiles;
    use crate::vocab::{Address, Role};

    fn node(config: &[(&str, &str)]) -> NodeSpec {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        let address = Address::of_host(Ipv4Addr::new(10, 128, 0, 2));
        NodeSpec { config, ..NodeSpec::new("A".into(), address, Role::Master) }
    }

    #[test]
    fn a_configuration_is_complete() {
        let node = node(&[("repl-timeout", "10"), ("AppendOnly", "yes")]);
        let own = OwnDirectives {
            told: vec![("cluster-enabled", "yes".to_owned())],
            defaults: &[("repl-timeout", "60"), ("x", "y")],
        };
        let version = "Redis server v=7.0.15 sha=0".parse().unwrap();
        let files = NodeFiles { data: "/data/A".into(), log: "/runs/a \"b\"/redis.log".into(), tls: None };
        let text = redis_conf(&node, version, &files, &Access::of_lab(), &own);
        let expected = "# A, written by redis-harness.\nport 6379\nbind 10.128.0.2\nprotected-mode no\ndaemonize no\n\
             dir \"/data/A\"\nlogfile \"/runs/a \\\"b\\\"/redis.log\"\nloglevel verbose\ncluster-enabled yes\n\
             save \"\"\nrepl-diskless-sync-delay 0\nx y\nenable-debug-command yes\nuser redis-harness on >redis-harness ~* &* +@all\n\
             masteruser redis-harness\nmasterauth redis-harness\nAppendOnly yes\nrepl-timeout 10\n";
        assert_eq!(text, expected);
    }

    #[rstest]
    #[case::only(Tls::Only, "0")]
    #[case::beside_plain(Tls::BesidePlain, "6380")]
    fn with_tls_everybody_speaks_it_on_the_usual_port(#[case] tls: Tls, #[case] plain: &str) {
        let node = NodeSpec { tls: Some(tls), ..node(&[]) };
        let [authority, certificate, key] = ["/s/ca.crt", "/s/A.crt", "/s/A.key"].map(Into::into);
        let files = Some(TlsFiles { authority, certificate, key });
        let files = NodeFiles { data: "/data/A".into(), log: "/runs/redis.log".into(), tls: files };
        let version = "Redis server v=7.0.15".parse().unwrap();
        let text = redis_conf(&node, version, &files, &Access::of_lab(), &OwnDirectives::default());
        let expected = format!(
            "# A, written by redis-harness.\nport {plain}\ntls-port 6379\ntls-ca-cert-file \"/s/ca.crt\"\n\
             tls-cert-file \"/s/A.crt\"\ntls-key-file \"/s/A.key\"\ntls-replication yes\n\
             bind 10.128.0.2\n"
        );
        assert!(text.starts_with(&expected), "{text}");
    }

    #[rstest]
    #[case("3600 1 300 100", "3600 1 300 100")]
    #[case("", "\"\"")]
    #[case("no\nport 7000", "\"no\\nport 7000\"")]
    fn a_value_stays_one_line(#[case] value: &str, #[case] written: &str) {
        assert_eq!(argument(value), written);
    }

    #[test]
    fn a_path_need_not_be_text() {
        assert_eq!(quoted(b"/a\xff\n/\xc3\xa9"), "\"/a\\xff\\n/\u{e9}\"");
    }

    #[rstest]
    #[case("port", true)]
    #[case("PORT", true)]
    #[case("cluster-announce-hostname", true)]
    #[case("tls-port", true)]
    #[case("tls-key-file-pass", true)]
    #[case("tls-auth-clients", false)]
    #[case("cluster-node-timeout", false)]
    #[case("appendonly", false)]
    #[case("save", false)]
    #[case("portable", false)]
    fn what_the_lab_owns_is_reserved(#[case] directive: &str, #[case] is_reserved: bool) {
        assert_eq!(reserved(directive, &[("cluster-announce-*", "why")]).is_some(), is_reserved);
    }
}
