//! The shaping thread: it reads packets, lets their links decide what happens to them, and returns them when they are
//! due.

use std::io::{self, ErrorKind, PipeReader, Read};
use std::os::fd::AsFd;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

use super::Changes;
use super::queue::Queue;
use super::scheduling::request_low_latency;
use super::shaped_links::ShapedLinks;
use super::tun::TunDevice;

/// How many packets are read, and then returned, per turn.
const BATCH: usize = 64;

/// Runs until the other end of `orders` is closed or the device fails. Each byte in `orders` says that links have
/// changed, and counts in `changes` when what had to leave the device has left it.
pub(super) fn work(
    device: &TunDevice,
    links: &Mutex<ShapedLinks>,
    orders: &PipeReader,
    changes: &Changes,
) -> io::Result<()> {
    request_low_latency();
    let mut queue = Queue::default();
    loop {
        let is_drained = receive(device, links, &mut queue)?;
        release(device, &mut queue)?;
        let timeout = if is_drained { until(queue.next_due())? } else { Some(Duration::ZERO) };
        if !wait(device, orders, timeout)? {
            continue;
        }
        let count = read(orders)?;
        if count == 0 {
            return Ok(());
        }
        let now = now()?;
        links.lock().unwrap_or_else(PoisonError::into_inner).make_due(now, &mut queue);
        while queue.next_due().is_some_and(|due| due <= now) {
            release(device, &mut queue)?;
        }
        changes.add(count);
    }
}

/// Reads a batch of packets into the queue; returns whether there are no more.
fn receive(device: &TunDevice, links: &Mutex<ShapedLinks>, queue: &mut Queue) -> io::Result<bool> {
    for _ in 0..BATCH {
        let mut packet = queue.blank();
        match device.read(packet.buffer()) {
            Ok(length) => packet.set_length(length),
            Err(error) => {
                queue.recycle(packet);
                return if error.kind() == ErrorKind::WouldBlock { Ok(true) } else { Err(error) };
            }
        }
        let now = now()?;
        // Locked per packet instead of per batch: otherwise a busy thread would hardly ever let go of the links.
        links.lock().unwrap_or_else(PoisonError::into_inner).take(now, packet, queue);
    }
    Ok(false)
}

/// Returns a batch of the packets that are due.
fn release(device: &TunDevice, queue: &mut Queue) -> io::Result<()> {
    let now = now()?;
    for _ in 0..BATCH {
        let Some(packet) = queue.pop_due(now) else { break };
        for _ in 0..=usize::from(packet.is_doubled) {
            // The kernel refuses a packet when it is out of memory; a wire would lose it as well.
            let _ = device.write(packet.bytes());
        }
        queue.recycle(packet);
    }
    Ok(())
}

/// Waits for a packet until the next one is due; returns whether there is an order.
fn wait(device: &TunDevice, orders: &PipeReader, timeout: Option<Duration>) -> io::Result<bool> {
    let mut files = [PollFd::new(device.as_fd(), PollFlags::POLLIN), PollFd::new(orders.as_fd(), PollFlags::POLLIN)];
    match ppoll(&mut files, timeout.map(TimeSpec::from), None) {
        Ok(_) | Err(Errno::EINTR) => Ok(files[1].any().unwrap_or_default()),
        Err(error) => Err(error.into()),
    }
}

/// Reads pending orders; returns how many, or zero if the other end is closed.
fn read(mut orders: &PipeReader) -> io::Result<u64> {
    // Any rest is read the next time.
    Ok(orders.read(&mut [0; 64])? as u64)
}

/// The time left until `due`: zero if it is past, `None` if nothing is due.
fn until(due: Option<u64>) -> io::Result<Option<Duration>> {
    let now = now()?;
    Ok(due.map(|due| Duration::from_nanos(due.saturating_sub(now))))
}

/// Now, in nanoseconds of the monotonic clock.
fn now() -> io::Result<u64> {
    let now = Duration::from(clock_gettime(ClockId::CLOCK_MONOTONIC)?);
    Ok(u64::try_from(now.as_nanos()).unwrap_or(u64::MAX))
}
