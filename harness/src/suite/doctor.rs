//! `redis-harness doctor`: is this machine fit?

use super::Exit;
use crate::present;
use crate::provider::{self, Need, ProviderChoice, ServerBinary, ServerError};
use crate::vocab::{Capability, Missing};

/// `redis-harness doctor`: tries what scenarios need, audits the host, and changes nothing.
///
/// It passes when every scenario can run on this machine's own servers; what the audit advises does not count.
pub fn doctor() -> Exit {
    let needed = [raise_a_lab(), shape_links(), lose_power(), run_a_server()];
    let is_fit = needed.iter().all(|capability| capability.answer.is_ok());
    let capabilities: Vec<_> = needed.into_iter().chain([run_images()]).collect();
    present::print(&present::render_doctor(&capabilities, &provider::audit(), present::output_look()));
    if is_fit { Exit::Pass } else { Exit::Inconclusive }
}

fn raise_a_lab() -> Capability {
    Capability {
        name: "raise a lab",
        answer: ProviderChoice::Namespaces
            .check(Need::Hosts)
            .map(|()| "hosts in namespaces of their own, links and rules between them".to_owned()),
        without: "no scenario runs",
    }
}

fn shape_links() -> Capability {
    Capability {
        name: "shape links",
        answer: in_a_lab(Need::Shaping).map(|()| "a TUN device in the lab's network".to_owned()),
        without: "scenarios that delay, limit or lose packets are ignored; all others run",
    }
}

fn lose_power() -> Capability {
    Capability {
        name: "lose power",
        answer: in_a_lab(Need::CachingDisks).map(|()| "disks with a cache, by FUSE in the lab's mounts".to_owned()),
        without: "scenarios with `PowerOff` or `SlowDisk` are ignored; all others run",
    }
}

/// Whether the machine can do what is tried in a lab.
fn in_a_lab(need: Need) -> Result<(), Missing> {
    let untried = Missing {
        what: "try it".to_owned(),
        why: "there is no lab to try it in".to_owned(),
        enable: "first what the lab needs, above".to_owned(),
    };
    ProviderChoice::Namespaces
        .check(Need::Hosts)
        .map_err(|_| untried)
        .and_then(|()| ProviderChoice::Namespaces.check(need))
}

fn run_a_server() -> Capability {
    let found = ServerBinary::find(None);
    Capability {
        name: "run a server",
        answer: found.map(|server| format!("{}, {}", server.version, server.path.display())).map_err(no_server),
        without: "only scenarios that name a binary of their own run",
    }
}

fn run_images() -> Capability {
    Capability {
        name: "run images",
        answer: provider::container_engine(),
        without: "only servers of images (`--provider containers`) cannot run",
    }
}

fn no_server(error: ServerError) -> Missing {
    let why = match error {
        ServerError::NoneFound => "no redis-server and no valkey-server is on PATH".to_owned(),
        other => other.to_string(),
    };
    let enable =
        "sudo apt-get install redis-server, or set REDIS_SERVER to the path of Redis 6.2 or later, or of Valkey";
    Missing { what: "find a server that scenarios can run".to_owned(), why, enable: enable.to_owned() }
}
