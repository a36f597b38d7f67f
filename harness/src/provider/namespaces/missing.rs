//! Why this machine cannot make a lab, and how to change that.

use std::fs;

use nix::errno::Errno;

use crate::network::NetworkError;
use crate::vocab::Missing;

/// What a lab needs from the kernel, in the order in which it asks for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum KernelFeature {
    /// `unshare(CLONE_NEWUSER)`.
    UserNamespace,
    /// Writing `/proc/self/uid_map` and its siblings.
    UserMapping,
    /// `unshare` of the mount, PID, network, UTS and IPC namespaces.
    Namespaces,
    /// Starting the first process of the new PID namespace.
    FirstProcess,
    /// Making mounts private.
    Mounts,
    /// Forwarding packets between hosts.
    Forwarding,
    /// Interfaces, addresses, routes and rules.
    Network,
    /// Opening `/dev/net/tun`.
    OpenTun,
    /// Making a TUN device in the lab's network namespace and bringing it up.
    MakeTun,
    /// Opening `/dev/fuse`.
    OpenFuse,
    /// Mounting a file system that a process serves.
    MountFuse,
}

impl KernelFeature {
    fn what(self) -> &'static str {
        match self {
            Self::UserNamespace => "create a user namespace",
            Self::UserMapping => "map the user into its user namespace",
            Self::Namespaces => "create mount, PID and network namespaces",
            Self::FirstProcess => "start a process in the new PID namespace",
            Self::Mounts => "change mounts in the new mount namespace",
            Self::Forwarding => "forward packets in the new network namespace",
            Self::Network => "create interfaces and rules in the new network namespace",
            Self::OpenTun => "open /dev/net/tun, which links are shaped through",
            Self::MakeTun => "make a TUN device, which links are shaped through",
            Self::OpenFuse => "open /dev/fuse, by which disks with a cache are served",
            Self::MountFuse => "mount a file system that the lab serves (FUSE), which disks with a cache are",
        }
    }
}

/// Kernel settings that may explain a refusal. `None`: this kernel has no such setting.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct KernelSettings {
    /// `kernel.unprivileged_userns_clone`, of Debian's kernels.
    pub(super) userns_clone: Option<u64>,
    /// `user.max_user_namespaces`.
    pub(super) max_user_namespaces: Option<u64>,
    /// `kernel.apparmor_restrict_unprivileged_userns`, of Ubuntu 23.10 and later.
    pub(super) apparmor_restricts: Option<u64>,
    /// Whether a seccomp filter applies to this process, as in containers.
    pub(super) filtered: bool,
    /// Whether this process is really root, so that restrictions of unprivileged users do not apply.
    pub(super) root: bool,
}

impl KernelSettings {
    /// Reads the settings of this machine.
    pub(super) fn read() -> Self {
        let number = |path: &str| fs::read_to_string(path).ok()?.trim().parse().ok();
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let filter = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
        Self {
            userns_clone: number("/proc/sys/kernel/unprivileged_userns_clone"),
            max_user_namespaces: number("/proc/sys/user/max_user_namespaces"),
            apparmor_restricts: number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),
            filtered: filter.is_some_and(|mode| mode.trim() == "2"),
            root: nix::unistd::geteuid().is_root() && !only_mapped_to_root(),
        }
    }
}

/// Whether this process is root only in its user namespace, as in a lab.
fn only_mapped_to_root() -> bool {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let mut first = map.split_whitespace();
    first.next() == Some("0") && first.next() != Some("0")
}

const CONTAINER: &str = "docker run --privileged, or --security-opt seccomp=unconfined --security-opt \
                         apparmor=unconfined --security-opt systempaths=unconfined";

/// The most likely reason why the kernel refused `need` with `error`, and what enables it.
pub(super) fn explain(need: KernelFeature, error: Errno, settings: KernelSettings) -> Missing {
    let creating = matches!(need, KernelFeature::UserNamespace | KernelFeature::Namespaces);
    let refused = matches!(error, Errno::EPERM | Errno::EACCES);
    let (why, enable) = match error {
        _ if matches!(need, KernelFeature::OpenTun | KernelFeature::MakeTun) => without_tun(need, error, settings),
        _ if matches!(need, KernelFeature::OpenFuse | KernelFeature::MountFuse) => without_fuse(need, error, settings),
        Errno::EINVAL if creating => (
            "this kernel is built without namespaces",
            "use a kernel with CONFIG_USER_NS, CONFIG_PID_NS and CONFIG_NET_NS",
        ),
        Errno::ENOSPC | Errno::EUSERS if creating && settings.max_user_namespaces == Some(0) => {
            ("user.max_user_namespaces is 0", "sudo sysctl -w user.max_user_namespaces=15000")
        }
        Errno::ENOSPC | Errno::EUSERS if creating => (
            "too many namespaces exist, or too many are nested",
            "raise the limits: sudo sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000",
        ),
        _ if refused && !settings.root && settings.userns_clone == Some(0) => {
            ("kernel.unprivileged_userns_clone is 0", "sudo sysctl -w kernel.unprivileged_userns_clone=1")
        }
        _ if refused && !settings.root && settings.apparmor_restricts == Some(1) => (
            "AppArmor denies capabilities in user namespaces of unprivileged processes (Ubuntu 23.10 and later)",
            "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or an AppArmor profile with `userns,`",
        ),
        _ if refused && settings.root && need == KernelFeature::UserMapping => (
            "root without the capability CAP_SETFCAP may not map itself (Linux 5.12 and later), as after --cap-drop",
            "docker run --cap-add SETFCAP, or --user 1000: an ordinary user needs no capability",
        ),
        _ if need == KernelFeature::Forwarding => ("/proc/sys/net is read-only, as in a container", CONTAINER),
        _ if refused && settings.filtered => ("a seccomp filter forbids it, as in a container", CONTAINER),
        _ if need == KernelFeature::Network => (
            "this kernel lacks veth interfaces or policy routing",
            "sudo modprobe veth; a kernel with CONFIG_VETH and CONFIG_IP_MULTIPLE_TABLES",
        ),
        _ => ("the kernel refused", "run where namespaces are allowed (not in a chroot or restricted container)"),
    };
    Missing { what: need.what().to_owned(), why: format!("{why} ({error})"), enable: enable.to_owned() }
}

/// The same for something that the kernel refused while making a network.
pub(super) fn explain_network(need: KernelFeature, error: &NetworkError, settings: KernelSettings) -> Missing {
    let missing = explain(need, error.errno(), settings);
    Missing { why: format!("{error}: {}", missing.why), ..missing }
}

/// Why there is no TUN device, and how to get one.
fn without_tun(need: KernelFeature, error: Errno, settings: KernelSettings) -> (&'static str, &'static str) {
    match (need, error) {
        (KernelFeature::OpenTun, Errno::ENOENT) => {
            ("it does not exist", "sudo modprobe tun; for a container: docker run --device /dev/net/tun")
        }
        (_, Errno::ENODEV | Errno::ENXIO) => {
            ("this kernel has no TUN devices", "sudo modprobe tun; else a kernel with CONFIG_TUN")
        }
        // File modes do not apply to root.
        (KernelFeature::OpenTun, Errno::EACCES) if !settings.root => (
            "it is closed to this user, while most distributions open it to everybody by a udev rule",
            "sudo chmod 0666 /dev/net/tun; for good: the udev rule KERNEL==\"tun\", MODE=\"0666\"",
        ),
        (KernelFeature::OpenTun, Errno::EACCES | Errno::EPERM) => {
            ("its container, or a security module, forbids the device", "docker run --device /dev/net/tun")
        }
        (KernelFeature::MakeTun, Errno::EACCES | Errno::EPERM) if settings.filtered => {
            ("a seccomp filter forbids it, as in a container", CONTAINER)
        }
        _ => ("the kernel refused", "run where TUN devices are allowed (not in a restricted container)"),
    }
}

/// Why there is no disk with a cache, and how to get one.
fn without_fuse(need: KernelFeature, error: Errno, settings: KernelSettings) -> (&'static str, &'static str) {
    match (need, error) {
        (KernelFeature::OpenFuse, Errno::ENOENT) => {
            ("it does not exist", "sudo modprobe fuse; for a container: docker run --device /dev/fuse")
        }
        (_, Errno::ENODEV | Errno::ENXIO) => {
            ("this kernel has no FUSE", "sudo modprobe fuse; else a kernel with CONFIG_FUSE_FS")
        }
        // File modes do not apply to root.
        (KernelFeature::OpenFuse, Errno::EACCES) if !settings.root => (
            "it is closed to this user, while most distributions open it to everybody by a udev rule",
            "sudo chmod 0666 /dev/fuse; for good: the udev rule KERNEL==\"fuse\", MODE=\"0666\"",
        ),
        (KernelFeature::OpenFuse, Errno::EACCES | Errno::EPERM) => {
            ("its container, or a security module, forbids the device", "docker run --device /dev/fuse")
        }
        (KernelFeature::MountFuse, Errno::EPERM) => {
            ("this kernel lets no user namespace mount it", "use Linux 4.18 or later, where one may")
        }
        (KernelFeature::MountFuse, Errno::EACCES) => {
            ("a security module, such as AppArmor in a container, forbids it", CONTAINER)
        }
        _ => ("the kernel refused", "run where FUSE is allowed (not in a restricted container)"),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DEBIAN: KernelSettings = KernelSettings {
        userns_clone: Some(0),
        max_user_namespaces: Some(9),
        apparmor_restricts: None,
        filtered: false,
        root: false,
    };
    const UBUNTU: KernelSettings = KernelSettings { userns_clone: Some(1), apparmor_restricts: Some(1), ..DEBIAN };
    const NONE_LEFT: KernelSettings = KernelSettings { userns_clone: None, max_user_namespaces: Some(0), ..DEBIAN };
    const DOCKER: KernelSettings = KernelSettings { userns_clone: None, filtered: true, root: true, ..DEBIAN };

    #[rstest]
    #[case(KernelFeature::UserNamespace, Errno::EPERM, DEBIAN, "kernel.unprivileged_userns_clone=1")]
    #[case(KernelFeature::Namespaces, Errno::EPERM, UBUNTU, "kernel.apparmor_restrict_unprivileged_userns=0")]
    #[case(KernelFeature::UserMapping, Errno::EACCES, UBUNTU, "kernel.apparmor_restrict_unprivileged_userns=0")]
    #[case(KernelFeature::UserNamespace, Errno::ENOSPC, NONE_LEFT, "user.max_user_namespaces=15000")]
    #[case(KernelFeature::UserNamespace, Errno::EPERM, DOCKER, "seccomp=unconfined")]
    #[case(KernelFeature::UserMapping, Errno::EPERM, DOCKER, "--cap-add SETFCAP")]
    #[case(KernelFeature::Forwarding, Errno::EROFS, DOCKER, "systempaths=unconfined")]
    #[case(KernelFeature::Network, Errno::EOPNOTSUPP, UBUNTU, "modprobe veth")]
    #[case(KernelFeature::UserNamespace, Errno::EINVAL, UBUNTU, "CONFIG_USER_NS")]
    #[case(KernelFeature::OpenTun, Errno::ENOENT, DOCKER, "--device /dev/net/tun")]
    #[case(KernelFeature::OpenTun, Errno::ENOENT, DEBIAN, "sudo modprobe tun")]
    #[case(KernelFeature::OpenTun, Errno::EACCES, UBUNTU, "sudo chmod 0666 /dev/net/tun")]
    #[case(KernelFeature::OpenTun, Errno::EACCES, DOCKER, "--device /dev/net/tun")]
    #[case(KernelFeature::OpenTun, Errno::EPERM, DOCKER, "--device /dev/net/tun")]
    #[case(KernelFeature::OpenTun, Errno::ENXIO, UBUNTU, "CONFIG_TUN")]
    #[case(KernelFeature::OpenFuse, Errno::ENOENT, DOCKER, "--device /dev/fuse")]
    #[case(KernelFeature::OpenFuse, Errno::EACCES, UBUNTU, "sudo chmod 0666 /dev/fuse")]
    #[case(KernelFeature::OpenFuse, Errno::EPERM, DOCKER, "--device /dev/fuse")]
    #[case(KernelFeature::MountFuse, Errno::ENODEV, UBUNTU, "CONFIG_FUSE_FS")]
    #[case(KernelFeature::MountFuse, Errno::EPERM, UBUNTU, "Linux 4.18")]
    #[case(KernelFeature::MountFuse, Errno::EACCES, DOCKER, "apparmor=unconfined")]
    #[case(KernelFeature::MakeTun, Errno::ENODEV, UBUNTU, "CONFIG_TUN")]
    #[case(KernelFeature::MakeTun, Errno::EPERM, DOCKER, "seccomp=unconfined")]
    #[case(KernelFeature::MakeTun, Errno::EPERM, UBUNTU, "where TUN devices are allowed")]
    fn the_way_out_is_named(
        #[case] need: KernelFeature,
        #[case] error: Errno,
        #[case] settings: KernelSettings,
        #[case] enable: &str,
    ) {
        let missing = explain(need, error, settings);
        assert!(missing.enable.contains(enable), "{missing}");
        assert!(missing.to_string().contains(need.what()), "{missing}");
    }
}
