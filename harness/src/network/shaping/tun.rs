//! The device through which packets reach the shaping thread and return to the kernel.
//!
//! It is a TUN device without offloads: the kernel splits large segments and completes checksums first, so that each
//! read returns one packet as it would be on a wire.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::mem::size_of;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;

use futures_util::TryStreamExt;
use nix::errno::Errno;
use nix::libc::{self, c_int, c_short, c_uint};
use nix::request_code_write;
use rtnetlink::packet_route::link::LinkAttribute;
use rtnetlink::packet_route::route::RouteScope;
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};

use super::ShapingError;
use super::packet::MTU;
use crate::network::error::netlink;
use crate::network::{NetworkError, hosts};

/// The kernel's interface for making such devices.
const DRIVER: &str = "/dev/net/tun";
/// The device's name, which routing rules may name as the interface that a packet came from.
pub const SHAPING_DEVICE: &str = "shape0";
/// The routing table whose only route goes into the device.
pub const SHAPING_TABLE: u32 = 100;
/// The device's interface index, below those of the router's interfaces to hosts.
const INDEX: u32 = 900;
/// How many packets the kernel keeps until they are read; further ones are lost, and only [`unread`] counts them.
const UNREAD_PACKETS: u32 = 10_000;

/// The kernel's `struct ifreq`, as far as making a device needs it.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: c_short,
    /// The rest of its union.
    unused: [u8; 22],
}

/// What is tried first, as errors name it.
pub(crate) const OPENING: &str = "open /dev/net/tun";

/// The open device. Closing it removes it.
#[derive(Debug)]
pub(super) struct TunDevice(File);

impl TunDevice {
    /// Makes the device in the network namespace of the calling thread, and table [`SHAPING_TABLE`].
    pub(super) fn make() -> Result<Self, ShapingError> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(DRIVER);
        let file = file.map_err(failed(OPENING))?;
        attach(&file).map_err(|error| failed("make the shaping device")(error.into()))?;
        for interface in ["all", SHAPING_DEVICE] {
            // Packets come back from an interface that does not lead to their sender, which reverse path filtering
            // would reject.
            let filter = format!("/proc/sys/net/ipv4/conf/{interface}/rp_filter");
            fs::write(filter, "0").map_err(failed("let packets return from the shaping device"))?;
        }
        route_into_device()?;
        Ok(Self(file))
    }

    /// Reads one packet; returns its length, or `WouldBlock` if there is none.
    pub(super) fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(buffer)
    }

    /// Gives one packet back to the kernel, which forwards it before this returns.
    pub(super) fn write(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write(packet).map(drop)
    }
}

impl AsFd for TunDevice {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

fn failed(doing: &'static str) -> impl FnOnce(io::Error) -> ShapingError {
    move |source| ShapingError::Device { doing, source }
}

/// Creates the device for this open file (`linux/if_tun.h`).
fn attach(file: &File) -> nix::Result<()> {
    const SET_INTERFACE: libc::Ioctl = request_code_write!(b'T', 202, size_of::<c_int>());
    const SET_INDEX: libc::Ioctl = request_code_write!(b'T', 218, size_of::<c_uint>());
    #[expect(clippy::cast_possible_truncation, reason = "these flags have 13 bits")]
    let flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
    let mut request = InterfaceRequest { name: [0; libc::IFNAMSIZ], flags, unused: [0; 22] };
    request.name[..SHAPING_DEVICE.len()].copy_from_slice(SHAPING_DEVICE.as_bytes());
    let mut index: c_uint = INDEX;
    #[expect(unsafe_code, reason = "no safe way leads to these requests")]
    // SAFETY: the file is open; each request reads, and the second also writes, the structure that it is given, which
    // has the size and the layout that `linux/if.h` and `linux/if_tun.h` say, and outlives the call.
    unsafe {
        Errno::result(libc::ioctl(file.as_raw_fd(), SET_INDEX, &raw mut index))?;
        Errno::result(libc::ioctl(file.as_raw_fd(), SET_INTERFACE, &raw mut request))?;
    }
    Ok(())
}

/// Brings the device up and adds a table whose route goes into it.
fn route_into_device() -> Result<(), NetworkError> {
    let up = LinkUnspec::new_with_index(INDEX).mtu(u32::from(MTU)).txqueuelen(UNREAD_PACKETS).up().build();
    let route = RouteMessageBuilder::<Ipv4Addr>::new()
        .table_id(SHAPING_TABLE)
        .output_interface(INDEX)
        .scope(RouteScope::Link)
        .build();
    hosts::block_on(async {
        let router = hosts::connect()?;
        router.link().change(up).execute().await.map_err(netlink("bring up the shaping device"))?;
        router.route().add(route).execute().await.map_err(netlink("route to the shaping device"))
    })
}

/// How many packets the kernel has dropped since the device was made, because too many were unread.
pub(in crate::network) async fn unread(router: &Handle) -> Result<u64, String> {
    let found = router.link().get().match_index(INDEX).execute().try_next().await;
    let found = found.map_err(|error| format!("cannot look at the shaping device: {error}"))?;
    let dropped = found.into_iter().flat_map(|link| link.attributes).find_map(|attribute| match attribute {
        LinkAttribute::Stats64(counted) => Some(counted.tx_dropped),
        _ => None,
    });
    dropped.ok_or_else(|| "the kernel does not count the packets of the shaping device".to_owned())
}
