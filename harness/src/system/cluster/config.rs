//! The text of a node's `redis.conf` and of the `nodes.conf` that it wakes up with.

use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::system::{Access, Credentials, NodeFiles, NodeSpec};
use crate::vocab::{Address, BUS_PORT_OFFSET, NodeName, PLAIN_PORT, Product, Role, ServerVersion, Tls};

const TLS: &str =
    "with `server: (tls: Only)` clients, replicas and the cluster bus speak TLS, on the server's usual port";
const CERTIFICATES: &str = "certificates are made for each run, with `server: (tls: Only)`";

/// Directives that a scenario must not set, and why. A name that ends in `*` stands for all that begin so.
const RESERVED: &[(&str, &str)] = &[
    ("port", "every server listens on 6379, on a host of its own"),
    ("tls-port", TLS),
    ("tls-cluster", TLS),
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
    ("cluster-enabled", "every server is a node of the cluster"),
    ("cluster-config-file", "the lab writes it to form the cluster"),
    ("cluster-port", "the cluster bus is on the server's port plus 10000"),
    ("cluster-announce-*", "a node's address is its host's"),
    ("replicaof", "a node's role is the topology's, or that of `Join`"),
    ("slaveof", "a node's role is the topology's, or that of `Join`"),
    ("aclfile", "the harness' own user is in the configuration, and servers take users from one place: use `user`"),
    ("rename-command", "the harness needs CLUSTER, INFO and CONFIG by their names"),
];

/// What keeps a test's cluster quick and exact, unless the scenario says otherwise.
const DEFAULTS: &[(&str, &str)] = &[
    ("save", ""),
    ("appendonly", "no"),
    ("repl-diskless-sync-delay", "0"),
    // A replica that wanders off to another shard would make the same scenario end in different topologies.
    ("cluster-allow-replica-migration", "no"),
];

/// Why a scenario must not set `directive`, if it must not. Servers do not mind the case of letters, nor does this.
pub(super) fn reserved(directive: &str) -> Option<&'static str> {
    let directive = directive.to_ascii_lowercase();
    let names = |pattern: &str| match pattern.strip_suffix('*') {
        Some(prefix) => directive.starts_with(prefix),
        None => directive == pattern,
    };
    RESERVED.iter().find(|(pattern, _)| names(pattern)).map(|(_, why)| *why)
}

/// The configuration file of `node` for a server of this version.
pub(super) fn redis_conf(node: &NodeSpec, version: ServerVersion, files: &NodeFiles, access: &Access) -> String {
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
            // Only so do servers before Redis 7.2 tell clients that speak TLS where others do.
            say("tls-cluster", "yes");
            say("tls-replication", "yes");
        }
    }
    say("bind", &node.address.ip().to_string());
    say("protected-mode", "no");
    say("daemonize", "no");
    say("dir", &path(&files.data));
    say("logfile", &path(&files.log));
    say("loglevel", "verbose");
    say("cluster-enabled", "yes");
    say("cluster-config-file", NODES_CONF);
    let written = |directive: &str| node.config.keys().any(|key| key.eq_ignore_ascii_case(directive));
    // `DEBUG SLEEP` is how a step lets a server's event loop stand still.
    let debug = asks_for_debug(version).then_some(("enable-debug-command", "yes"));
    for (directive, value) in DEFAULTS.iter().copied().chain(debug) {
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

/// The name of the file in which a server keeps what it knows of its cluster, in its data directory.
pub(super) const NODES_CONF: &str = "nodes.conf";

/// The `nodes.conf` with which `myself` wakes up as a member of the cluster of `nodes`.
///
/// It is how a server would have written it, so formation needs no command: a node finds its peers, its role and its
/// slots, and is up after the 2 seconds that a new master waits in any case.
///
/// Servers that know shards (Redis 7.2 and later, Valkey) are told them: each would make up ids of its own and write
/// them down, and one that is killed before they have agreed refuses to start again ("corrupted cluster config file",
/// valkey#2171, redis#13468). Older servers would take a shard for part of a host's name.
pub(super) fn nodes_conf(nodes: &[NodeSpec], myself: &NodeName, version: ServerVersion) -> String {
    let mut text = String::new();
    let mut epoch = 0;
    for node in nodes {
        let Address(address) = node.address;
        let role = match node.role {
            Role::Master => "master",
            Role::Replica => "slave",
        };
        let flags = if node.name == *myself { format!("myself,{role}") } else { role.to_owned() };
        let master = node.master.as_ref().and_then(|name| nodes.iter().find(|node| node.name == *name));
        let master = master.map_or("-", |master| &master.id.0);
        let bus = u32::from(address.port()) + u32::from(BUS_PORT_OFFSET);
        let _ = write!(text, "{} {address}@{bus}", node.id);
        if has_shard_ids(version) {
            let shard = if master == "-" { &node.id.0 } else { master };
            let _ = write!(text, ",,shard-id={shard}");
            // The port in the address is the one that the cluster speaks to.
            if node.tls == Some(Tls::BesidePlain) {
                let _ = write!(text, ",tcp-port={PLAIN_PORT}");
            }
        }
        let _ = write!(text, " {flags} {master} 0 0 {} connected", node.version);
        for range in node.owns.ranges() {
            let _ = write!(text, " {range}");
        }
        text.push('\n');
        epoch = epoch.max(node.version);
    }
    let _ = writeln!(text, "vars currentEpoch {epoch} lastVoteEpoch 0");
    text
}

/// Whether a server takes `DEBUG` only if its configuration says so: Redis 7.0 and later, Valkey.
fn asks_for_debug(version: ServerVersion) -> bool {
    version.product == Product::Valkey || version.major >= 7
}

/// Whether this server gives shards ids, which it keeps in `nodes.conf`.
fn has_shard_ids(version: ServerVersion) -> bool {
    version.product == Product::Valkey || (version.major, version.minor) >= (7, 2)
}

/// A line of `redis.conf`.
pub(in crate::system) fn line(directive: &str, value: &str) -> String {
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
    use crate::system::cluster::share;
    use crate::vocab::{NodeId, Ownership};

    fn node(name: &str, host: u8, master: Option<&str>, config: &[(&str, &str)]) -> NodeSpec {
        NodeSpec {
            name: name.into(),
            id: NodeId(format!("{host:040x}")),
            address: Address::of_host(Ipv4Addr::new(10, 128, 0, host)),
            role: if master.is_some() { Role::Replica } else { Role::Master },
            master: master.map(NodeName::from),
            owns: if master.is_some() { Ownership::default() } else { share(usize::from(host) - 2, 2) },
            version: if master.is_some() { 0 } else { u64::from(host) - 1 },
            binary: None,
            tls: None,
            config: config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
        }
    }

    #[test]
    fn a_configuration_is_complete() {
        let node = node("A", 2, None, &[("cluster-node-timeout", "1000"), ("AppendOnly", "yes")]);
        let version = "Redis server v=7.0.15 sha=0".parse().unwrap();
        let files = NodeFiles { data: "/data/A".into(), log: "/runs/a \"b\"/redis.log".into(), tls: None };
        let text = redis_conf(&node, version, &files, &Access::of_lab());
        let expected = "# A, written by redis-harness.\nport 6379\nbind 10.128.0.2\nprotected-mode no\ndaemonize no\n\
             dir \"/data/A\"\nlogfile \"/runs/a \\\"b\\\"/redis.log\"\nloglevel verbose\ncluster-enabled yes\n\
             cluster-config-file nodes.conf\nsave \"\"\nrepl-diskless-sync-delay 0\n\
             cluster-allow-replica-migration no\nenable-debug-command yes\nuser redis-harness on >redis-harness ~* &* +@all\n\
             masteruser redis-harness\nmasterauth redis-harness\nAppendOnly yes\ncluster-node-timeout 1000\n";
        assert_eq!(text, expected);
    }

    #[rstest]
    #[case::only(Tls::Only, "0")]
    #[case::beside_plain(Tls::BesidePlain, "6380")]
    fn with_tls_everybody_speaks_it_on_the_usual_port(#[case] tls: Tls, #[case] plain: &str) {
        let node = NodeSpec { tls: Some(tls), ..node("A", 2, None, &[]) };
        let [authority, certificate, key] = ["/s/ca.crt", "/s/A.crt", "/s/A.key"].map(Into::into);
        let files = Some(TlsFiles { authority, certificate, key });
        let files = NodeFiles { data: "/data/A".into(), log: "/runs/redis.log".into(), tls: files };
        let text = redis_conf(&node, "Redis server v=7.0.15".parse().unwrap(), &files, &Access::of_lab());
        let expected = format!(
            "# A, written by redis-harness.\nport {plain}\ntls-port 6379\ntls-ca-cert-file \"/s/ca.crt\"\n\
             tls-cert-file \"/s/A.crt\"\ntls-key-file \"/s/A.key\"\ntls-cluster yes\ntls-replication yes\n\
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
    #[case("Redis server v=6.2.14", "", "")]
    #[case("Redis server v=7.0.15", "", "")]
    #[case(
        "Redis server v=7.2.0",
        ",,shard-id=0000000000000000000000000000000000000002",
        ",,shard-id=0000000000000000000000000000000000000003"
    )]
    #[case(
        "Valkey server v=8.0.1",
        ",,shard-id=0000000000000000000000000000000000000002",
        ",,shard-id=0000000000000000000000000000000000000003"
    )]
    fn a_node_wakes_up_as_a_member(#[case] server: &str, #[case] shard_a: &str, #[case] shard_b: &str) {
        let nodes = [node("A", 2, None, &[]), node("B", 3, None, &[]), node("A1", 4, Some("A"), &[])];
        let expected = format!(
            "{a} 10.128.0.2:6379@16379{shard_a} master - 0 0 1 connected 0-8191\n\
             {b} 10.128.0.3:6379@16379{shard_b} master - 0 0 2 connected 8192-16383\n\
             {a1} 10.128.0.4:6379@16379{shard_a} myself,slave {a} 0 0 0 connected\n\
             vars currentEpoch 2 lastVoteEpoch 0\n",
            a = nodes[0].id,
            b = nodes[1].id,
            a1 = nodes[2].id,
        );
        assert_eq!(nodes_conf(&nodes, &"A1".into(), server.parse().unwrap()), expected);
    }

    /// The address has the port of TLS, which servers before Redis 7.2 take for the only one until they hear otherwise.
    #[rstest]
    #[case::redis_7_0("Redis server v=7.0.15", Tls::BesidePlain, "")]
    #[case::only("Valkey server v=8.0.1", Tls::Only, ",,shard-id=0000000000000000000000000000000000000002")]
    #[case::valkey(
        "Valkey server v=8.0.1",
        Tls::BesidePlain,
        ",,shard-id=0000000000000000000000000000000000000002,tcp-port=6380"
    )]
    fn a_plain_port_is_told_to_who_can_read_it(#[case] server: &str, #[case] tls: Tls, #[case] fields: &str) {
        let node = NodeSpec { tls: Some(tls), ..node("A", 2, None, &[]) };
        let text = nodes_conf(std::slice::from_ref(&node), &node.name, server.parse().unwrap());
        assert!(text.starts_with(&format!("{} 10.128.0.2:6379@16379{fields} myself", node.id)), "{text}");
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
        assert_eq!(reserved(directive).is_some(), is_reserved);
    }
}
