//! `RateLimit`: which records of a child are handed on, and the report of the others.

use std::{
    mem,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use log::{Level, LevelFilter};
use record_proto::{Levels, LogRecord};

use super::due::Due;
use super::level_report::report;

/// The time over which suppressed records are added up before they are reported, and so the least time between reports.
const REPORT_PERIOD: Duration = Duration::from_secs(1);

/// The units of a token. A record costs one token; with them, a nanosecond adds as many units as there are records a
/// second, without a division.
const TOKEN: u64 = 1_000_000_000;

/// A token bucket: each record of a limited level takes a token, and is suppressed if there is none.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: u32,
    /// The units of a full bucket.
    capacity: u64,
    /// This level and more severe ones are not limited.
    spared: LevelFilter,
    units: u64,
    refilled: Option<Instant>,
    /// All suppressed records.
    suppressed: Levels,
    /// Those that have not been reported yet.
    unreported: Levels,
    /// The next report; not set if there is nothing to report.
    due: Due,
}

impl RateLimit {
    pub(crate) fn new(per_second: u32, burst: u32, spared: LevelFilter) -> Self {
        let capacity = u64::from(burst) * TOKEN;
        Self {
            per_second,
            capacity,
            spared,
            units: capacity,
            refilled: None,
            suppressed: Levels::default(),
            unreported: Levels::default(),
            due: Due::default(),
        }
    }

    /// Returns whether a record is handed on. If not, counts it as suppressed.
    pub(crate) fn admits(&mut self, level: Level, now: Instant) -> bool {
        if level <= self.spared {
            return true;
        }
        self.refill(now);
        if let Some(rest) = self.units.checked_sub(TOKEN) {
            self.units = rest;
            return true;
        }
        *self.suppressed.of_mut(level) += 1;
        *self.unreported.of_mut(level) += 1;
        self.due.set(now + REPORT_PERIOD);
        false
    }

    /// Returns a record that reports the suppressed ones since the last report, if one is due.
    pub(crate) fn take_report(&mut self, now: Instant) -> Option<LogRecord<'static>> {
        if !self.due.take(now) {
            return None;
        }
        let suppressed = mem::take(&mut self.unreported);
        let what = "suppressed by the rate limit";
        Some(report(suppressed.total(), &suppressed, what))
    }

    /// Makes the report due now. To be called at the end of the stream. Returns whether there is one.
    pub(crate) fn hurry_report(&mut self, now: Instant) -> bool {
        self.due.hurry(now)
    }

    /// Ready if a report is due. Otherwise wakes the task when it is.
    pub(crate) fn poll_report(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.due.poll(cx)
    }

    /// Returns all suppressed records.
    pub(crate) fn suppressed(&self) -> Levels {
        self.suppressed
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled.unwrap_or(now));
        let passed = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let added = passed.saturating_mul(self.per_second.into());
        self.units = self.units.saturating_add(added).min(self.capacity);
        self.refilled = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns how many of `count` records of this level are handed on at `now`.
    fn admitted(limit: &mut RateLimit, level: Level, count: u32, now: Instant) -> u32 {
        (0..count)
            .map(|_| u32::from(limit.admits(level, now)))
            .sum()
    }

    #[test]
    fn a_burst_is_handed_on_and_then_so_many_a_second() {
        let start = Instant::now();
        let mut limit = RateLimit::new(10, 5, LevelFilter::Warn);
        assert_eq!(admitted(&mut limit, Level::Info, 99, start), 5);
        let later = |millis| start + Duration::from_millis(millis);
        assert_eq!(admitted(&mut limit, Level::Info, 99, later(99)), 0);
        assert_eq!(admitted(&mut limit, Level::Info, 99, later(100)), 1);
        assert_eq!(admitted(&mut limit, Level::Trace, 99, later(450)), 3);
        assert_eq!(admitted(&mut limit, Level::Info, 99, later(60_000)), 5);
        assert_eq!(limit.suppressed().total(), 94 + 99 + 98 + 96 + 94);
        assert_eq!(limit.suppressed().of(Level::Trace), 96);
    }

    #[test]
    fn warnings_and_errors_are_spared_and_take_no_token() {
        let now = Instant::now();
        let mut limit = RateLimit::new(1, 2, LevelFilter::Warn);
        assert_eq!(admitted(&mut limit, Level::Warn, 50, now), 50);
        assert_eq!(admitted(&mut limit, Level::Error, 50, now), 50);
        assert_eq!(admitted(&mut limit, Level::Info, 50, now), 2);
        let mut for_all = RateLimit::new(1, 2, LevelFilter::Off);
        assert_eq!(admitted(&mut for_all, Level::Error, 50, now), 2);
    }

    #[test]
    fn limits_of_none_and_of_the_most() {
        let now = Instant::now();
        let mut none = RateLimit::new(0, 0, LevelFilter::Off);
        assert_eq!(admitted(&mut none, Level::Info, 9, now + REPORT_PERIOD), 0);
        let mut most = RateLimit::new(u32::MAX, u32::MAX, LevelFilter::Off);
        assert_eq!(admitted(&mut most, Level::Info, 9, now), 9);
        most.refill(now + Duration::from_secs(u32::MAX.into()));
        assert_eq!(most.units, most.capacity);
    }

    #[test]
    fn a_report_has_the_levels_and_comes_once_a_second() {
        let start = Instant::now();
        let mut limit = RateLimit::new(0, 0, LevelFilter::Warn);
        admitted(&mut limit, Level::Info, 3, start);
        assert_eq!(limit.take_report(start), None);
        admitted(&mut limit, Level::Debug, 1, start + REPORT_PERIOD / 2);
        let record = limit.take_report(start + REPORT_PERIOD).unwrap();
        assert_eq!(record.message, "4 records suppressed by the rate limit");
        assert_eq!(record.key_values.to_string(), r#"{"info":3,"debug":1}"#);
        assert_eq!(limit.take_report(start + 2 * REPORT_PERIOD), None);

        let next = start + 3 * REPORT_PERIOD;
        admitted(&mut limit, Level::Info, 1, next);
        assert_eq!(limit.take_report(next), None);
        assert!(limit.hurry_report(next));
        let record = limit.take_report(next).unwrap();
        assert_eq!(record.message, "1 record suppressed by the rate limit");
        assert!(!limit.hurry_report(next));
        assert_eq!(limit.suppressed().total(), 5);
    }
}
