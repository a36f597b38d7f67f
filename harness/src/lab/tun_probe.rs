//! Whether links can be shaped: a TUN device, made in the lab's network namespace and brought up.

use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;

use nix::errno::Errno;
use nix::libc;

use super::missing::{Need, Settings, explain, explain_network};
use super::network;
use super::user::errno;
use crate::vocab::Missing;

const DEVICE: &str = "/dev/net/tun";
const INTERFACE: &str = "probe";

/// Makes a TUN device in the calling thread's network namespace and brings it up; it is gone when this returns.
pub(super) fn try_out_tun(settings: Settings) -> Result<(), Missing> {
    let opened = OpenOptions::new().read(true).write(true).open(DEVICE);
    let device = opened.map_err(|error| explain(Need::OpenTun, errno(&error), settings))?;
    attach(&device).map_err(|error| explain(Need::MakeTun, error, settings))?;
    network::bring_up(INTERFACE).map_err(|error| explain_network(Need::MakeTun, &error, settings))
}

/// Makes the interface; it lives as long as `device` is open.
fn attach(device: &File) -> nix::Result<()> {
    #[expect(unsafe_code, reason = "neither std nor nix makes a TUN device")]
    #[expect(clippy::cast_possible_truncation, reason = "the kernel's flags are as wide as its field for them")]
    // SAFETY: `ifreq` is plain data, for which zeros are valid; the kernel reads and writes that one `ifreq` only.
    unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(INTERFACE.bytes()) {
            *to = libc::c_char::from_ne_bytes([from]);
        }
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as libc::c_short;
        Errno::result(libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF, &raw mut request)).map(drop)
    }
}
