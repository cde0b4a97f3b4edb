//! A host's clocks: a monotonic one that stands still while the host is suspended, and a wall clock
//! that may be skewed, drift and jump.

use std::time::Duration;

use time::UtcDateTime;

use crate::Monotonic;

/// How a host's wall clock differs from true time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockOptions {
    /// Offset at the start, nanoseconds; positive is ahead.
    pub skew_ns: i64,
    /// How much faster than true time it runs, parts per million.
    pub drift_ppm: i32,
}

/// Virtual time since the world began, nanoseconds. It is true time: no host can see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct VirtualTime(pub(super) u64);

impl VirtualTime {
    pub(super) fn from_start(elapsed: Duration) -> Self {
        // 584 years fit; what lies beyond never comes.
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    pub(super) fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(Self::from_start(duration).0))
    }

    pub(super) fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

#[derive(Debug)]
pub(super) struct HostClock {
    epoch: UtcDateTime,
    /// Offset from true time at `drift_since`.
    offset_ns: i64,
    drift_ppm: i32,
    drift_since: VirtualTime,
    suspended_ns: u64,
    suspended_since: Option<VirtualTime>,
}

impl HostClock {
    pub(super) fn new(epoch: UtcDateTime, options: ClockOptions) -> Self {
        Self {
            epoch,
            offset_ns: options.skew_ns,
            drift_ppm: options.drift_ppm,
            drift_since: VirtualTime::default(),
            suspended_ns: 0,
            suspended_since: None,
        }
    }

    pub(super) fn monotonic(&self, now: VirtualTime) -> Monotonic {
        let reached = self.suspended_since.unwrap_or(now);
        Monotonic(Duration::from_nanos(reached.0 - self.suspended_ns))
    }

    /// When the monotonic clock will show `deadline`, if the host is not suspended before.
    pub(super) fn when(&self, deadline: Monotonic) -> VirtualTime {
        VirtualTime::from_start(deadline.0).after(Duration::from_nanos(self.suspended_ns))
    }

    pub(super) fn wall(&self, now: VirtualTime) -> UtcDateTime {
        let true_time = i128::from(now.0);
        let ns = true_time + i128::from(self.offset_ns(now));
        let (seconds, rest) = (ns.div_euclid(1_000_000_000), ns.rem_euclid(1_000_000_000));
        let offset = time::Duration::new(
            i64::try_from(seconds).unwrap_or(i64::MAX),
            i32::try_from(rest).expect("a remainder of 10^9 fits"),
        );
        self.epoch.checked_add(offset).unwrap_or(UtcDateTime::MAX)
    }

    pub(super) fn offset_ns(&self, now: VirtualTime) -> i64 {
        let drifted = i128::from(now.0 - self.drift_since.0) * i128::from(self.drift_ppm) / 1_000_000;
        self.offset_ns.saturating_add(i64::try_from(drifted).unwrap_or(i64::MAX))
    }

    pub(super) fn step(&mut self, by_ns: i64) {
        self.offset_ns = self.offset_ns.saturating_add(by_ns);
    }

    pub(super) fn set_drift(&mut self, now: VirtualTime, drift_ppm: i32) {
        self.offset_ns = self.offset_ns(now);
        self.drift_since = now;
        self.drift_ppm = drift_ppm;
    }

    pub(super) fn drift_ppm(&self) -> i32 {
        self.drift_ppm
    }

    pub(super) fn suspend(&mut self, now: VirtualTime) {
        self.suspended_since.get_or_insert(now);
    }

    pub(super) fn resume(&mut self, now: VirtualTime) {
        if let Some(since) = self.suspended_since.take() {
            self.suspended_ns += now.0 - since.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000_000_000;

    fn clock(options: ClockOptions) -> HostClock {
        HostClock::new(UtcDateTime::UNIX_EPOCH, options)
    }

    #[test]
    fn skew_drift_and_steps_move_the_wall_clock_only() {
        let mut clock = clock(ClockOptions { skew_ns: -5_000_000_000, drift_ppm: 100 });
        let now = VirtualTime(HOUR);
        assert_eq!(clock.wall(now).unix_timestamp_nanos(), i128::from(HOUR) - 5_000_000_000 + 360_000_000);
        clock.step(60_000_000_000);
        clock.set_drift(now, 0);
        assert_eq!(clock.wall(VirtualTime(2 * HOUR)).unix_timestamp(), 7_200 - 5 + 60);
        assert_eq!(clock.monotonic(now).0, Duration::from_secs(3_600));
    }

    #[test]
    fn suspension_stops_the_monotonic_clock_and_lets_the_wall_clock_jump() {
        let mut clock = clock(ClockOptions::default());
        clock.suspend(VirtualTime(HOUR));
        assert_eq!(clock.monotonic(VirtualTime(2 * HOUR)).0, Duration::from_secs(3_600));
        clock.resume(VirtualTime(3 * HOUR));
        assert_eq!(clock.monotonic(VirtualTime(4 * HOUR)).0, Duration::from_secs(2 * 3_600));
        assert_eq!(clock.when(Monotonic(Duration::from_secs(2 * 3_600))), VirtualTime(4 * HOUR));
        assert_eq!(clock.wall(VirtualTime(4 * HOUR)).unix_timestamp(), 4 * 3_600);
    }
}
