//! When operations start, and an alarm that is exact enough for a schedule.

use std::io;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use nix::time::clock_gettime;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::evidence::Clock;
use crate::vocab::Instant;

/// When an operation should start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// By the schedule.
    pub(crate) intended: Instant,
    /// When nothing but the driver kept it from starting any more; not before `intended`.
    pub(crate) ready: Instant,
}

/// Wakes a task at an instant, some ten microseconds late at most. Tokio's timers count in milliseconds, which would
/// count against the server.
pub(crate) struct PreciseTimer {
    timer: AsyncFd<Timer>,
    clock: Clock,
    /// `CLOCK_MONOTONIC` when the run's clock started.
    clock_origin: Duration,
}

struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

impl PreciseTimer {
    /// An alarm on the current runtime. Fails when the process is out of file descriptors.
    pub(crate) fn new(clock: Clock) -> io::Result<Self> {
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?;
        #[expect(deprecated, reason = "its successor is unsafe; the descriptor is Timer's own and lives as long")]
        let timer = AsyncFd::with_interest(Timer(timer), Interest::READABLE)?;
        // In this order: a thread that is interrupted between the two makes the alarm late, not early.
        let since_origin = Duration::from_nanos(clock.now().0);
        let now = Duration::from(clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC)?);
        let clock_origin = now.saturating_sub(since_origin);
        Ok(Self { timer, clock, clock_origin })
    }

    /// Waits until the instant; returns at once when it has passed.
    pub(crate) async fn wait_until(&self, at: Instant) -> io::Result<()> {
        let expiration = TimeSpec::from(self.clock_origin + Duration::from_nanos(at.0));
        while self.clock.now() < at {
            // Anew each time: what woke it may have been the expiry of a wait that was given up, or its own, if the two clocks
            // were read so far apart that the timer is early. An expiry that has passed comes at once.
            self.timer.get_ref().0.set(Expiration::OneShot(expiration), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            // Not read: setting the timer again clears its count, and each expiry wakes an edge-triggered poll.
            self.timer.readable().await?.clear_ready();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_alarm_is_never_early_and_works_again() {
        let clock = Clock::new();
        let alarm = PreciseTimer::new(clock).unwrap();
        for _ in 0..20 {
            let at = clock.now().plus_nanos(300_000);
            alarm.wait_until(at).await.unwrap();
            assert!(clock.now() >= at);
        }
        alarm.wait_until(Instant(0)).await.unwrap();
    }

    #[tokio::test]
    async fn an_alarm_that_was_given_up_does_not_wake_the_next_wait() {
        let clock = Clock::new();
        let alarm = PreciseTimer::new(clock).unwrap();
        let soon = alarm.wait_until(clock.now().plus_nanos(50_000_000));
        assert!(tokio::time::timeout(Duration::ZERO, soon).await.is_err());
        let at = clock.now().plus_nanos(200_000_000);
        alarm.wait_until(at).await.unwrap();
        assert!(clock.now() >= at);
    }

    /// A timer that is early by its clock must not leave the worker asleep for ever.
    #[tokio::test]
    async fn an_early_timer_is_set_again() {
        let clock = Clock::new();
        let mut alarm = PreciseTimer::new(clock).unwrap();
        alarm.clock_origin -= Duration::from_millis(20);
        let at = clock.now().plus_nanos(50_000_000);
        tokio::time::timeout(Duration::from_secs(10), alarm.wait_until(at)).await.unwrap().unwrap();
        assert!(clock.now() >= at);
    }
}
