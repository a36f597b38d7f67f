//! Inside the lab's container: who its first process is for files, and where it keeps what is no evidence.

use std::collections::HashMap;
use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;

use nix::unistd::{Gid, Uid, setfsgid, setfsuid};

use super::control_group;
use super::engine::not_here;
use super::owner;
use crate::provider::namespaces::{Greeting, INNER, STAGE};
use crate::vocab::Missing;

/// The user and the group that the harness was started by, as numbers.
pub(super) const USER: &str = "REDIS_HARNESS_LAB_USER";
/// The boot of the machine that it was started on.
pub(super) const BOOT: &str = "REDIS_HARNESS_LAB_BOOT";
/// The name of the lab's container.
pub(super) const NAME: &str = "REDIS_HARNESS_LAB_NAME";

/// The directory in there for what is no evidence.
pub(super) const SECRETS: &str = "/redis-harness/secrets";

/// Files that every process of the lab may read vanish with it.
pub(super) fn memory() -> HashMap<String, String> {
    HashMap::from([(SECRETS.to_owned(), "mode=0755,size=4m".to_owned())])
}

/// Prepares this process to be the first of a lab, if it was started in a lab's container. It must have a single thread.
///
/// The lab is root of its container, and uses files as whoever started it: what it writes is theirs, and what is closed to them is
/// closed to it.
pub(super) fn prepare_if_asked() {
    let (Ok(user), Ok(stage)) = (env::var(USER), env::var(STAGE)) else { return };
    if stage != INNER {
        return;
    }
    if let Err(missing) = prepare(&user) {
        // Nobody reads it if the creator is gone.
        let _ = Greeting::Missing(missing).send();
        std::process::exit(4);
    }
}

fn prepare(user: &str) -> Result<(), Missing> {
    if env::var(BOOT).ok() != Some(owner::boot()) {
        return Err(not_here("the kernel in its containers is another one"));
    }
    for device in ["/dev/net/tun", "/dev/fuse"] {
        // Of the container's own; where the machine has none, using it will say so.
        let _ = fs::set_permissions(device, Permissions::from_mode(0o666));
    }
    // Servers do without.
    let _ = control_group::prepare();
    let number = |text: Option<&str>| text.and_then(|text| text.parse::<u32>().ok());
    let mut parts = user.split(':');
    if let (Some(user), Some(group)) = (number(parts.next()), number(parts.next())) {
        setfsgid(Gid::from_raw(group));
        setfsuid(Uid::from_raw(user));
    }
    Ok(())
}
