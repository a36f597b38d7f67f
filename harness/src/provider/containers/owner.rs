//! Whose a container is: every one has a label that names the process that made it, so that what an owner left behind can be
//! found and removed when the owner is gone.

use std::collections::HashMap;
use std::env;
use std::fs;

use testcontainers::bollard::Docker;
use testcontainers::bollard::models::ContainerSummary;
use testcontainers::bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};

/// The label of everything that the harness makes.
pub(super) const LABEL: &str = "redis-harness.owner";

/// Where the kernel says which boot this is.
const BOOT: &str = "/proc/sys/kernel/random/boot_id";

/// This boot of this machine, which no namespace hides.
pub(super) fn boot() -> String {
    fs::read_to_string(BOOT).unwrap_or_default().trim().to_owned()
}

/// The owner of what this process makes, if it is not this process itself: that of a lab's containers is outside of the lab.
pub(super) const OWNER: &str = "REDIS_HARNESS_LAB_OWNER";

/// The value of [`LABEL`] of what this process makes.
pub(super) fn label() -> String {
    env::var(OWNER).unwrap_or_else(|_| this_process())
}

/// This process: its boot, its PID namespace, its id and when it was started.
fn this_process() -> String {
    let pid = std::process::id();
    format!("{} {} {pid} {}", boot(), pid_namespace(), started(pid).unwrap_or_default())
}

fn pid_namespace() -> String {
    fs::read_link("/proc/self/ns/pid").unwrap_or_default().display().to_string()
}

/// When a process was started; none if there is none.
fn started(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The fields behind the program's name; the state is the first of them and the start the twentieth.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    if state == "Z" { None } else { fields.nth(18).map(str::to_owned) }
}

/// Whether a label names a process that is gone. One of another PID namespace cannot be seen from here.
fn is_gone(label: &str) -> bool {
    let [of_boot, namespace, pid, start] = label.split(' ').collect::<Vec<_>>()[..] else { return false };
    let Ok(pid) = pid.parse() else { return false };
    // What an earlier boot left, its engine kept.
    of_boot != boot() || (namespace == pid_namespace() && started(pid).is_none_or(|now| now != start))
}

/// Removes containers whose owners are gone, which a crash of the engine or of the machine leaves.
pub(super) async fn sweep(docker: &Docker) {
    for container in containers(docker, &HashMap::from([("label", vec![LABEL])])).await {
        let owner = container.labels.as_ref().and_then(|labels| labels.get(LABEL));
        if owner.is_some_and(|owner| is_gone(owner)) {
            remove(docker, &container).await;
        }
    }
}

/// The containers that match, running or not; none if they cannot be listed: who cannot do that cannot make any either, and says so.
pub(super) async fn containers(docker: &Docker, filters: &HashMap<&str, Vec<&str>>) -> Vec<ContainerSummary> {
    let options = ListContainersOptionsBuilder::new().all(true).filters(filters).build();
    docker.list_containers(Some(options)).await.unwrap_or_default()
}

/// Removes a container with its volumes. Another may be about to, such as the engine itself.
pub(super) async fn remove(docker: &Docker, container: &ContainerSummary) {
    let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
    let _ = docker.remove_container(container.id.as_deref().unwrap_or_default(), Some(options)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_told_from_a_later_process_with_its_id() {
        let this = this_process();
        assert!(!is_gone(&this), "{this}");
        assert!(is_gone(&format!("{this}0")));
        assert!(is_gone(&format!("{} {} {} 1", boot(), pid_namespace(), u32::MAX)));
        assert!(!is_gone(&format!("{} pid:[1] {} 1", boot(), u32::MAX)));
        assert!(is_gone("another-boot pid:[1] 1 1"));
        assert!(!is_gone("what somebody else wrote"));
    }
}
