//! The times of records as text. A record has the time of the child that logged it.

use clap::ValueEnum;
use jiff::{Timestamp, tz::TimeZone};

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum TimeStyle {
    /// As the time zone of this machine has it; the default on a terminal
    Local,
    /// As Coordinated Universal Time; the default elsewhere
    Utc,
    /// Seconds since the first record
    Relative,
}

#[derive(Debug)]
pub(super) struct Clock {
    zone: TimeZone,
    is_relative: bool,
    /// The time of the first record, in nanoseconds since 1970.
    start: Option<u64>,
}

impl Clock {
    pub(super) fn new(style: TimeStyle) -> Self {
        let zone = match style {
            TimeStyle::Local | TimeStyle::Relative => TimeZone::system(),
            TimeStyle::Utc => TimeZone::UTC,
        };
        Self {
            zone,
            is_relative: style == TimeStyle::Relative,
            start: None,
        }
    }

    /// Returns a time with its date and all of its nanoseconds, in RFC 3339.
    pub(super) fn full(&mut self, time: u64) -> String {
        let timestamp = timestamp(time);
        match &self.zone {
            _ if self.is_relative => self.since_start(time),
            zone if *zone == TimeZone::UTC => format!("{timestamp:.9}"),
            zone => format!(
                "{:.9}",
                timestamp.display_with_offset(zone.to_offset(timestamp))
            ),
        }
    }

    /// Returns a time without its date, in milliseconds.
    pub(super) fn short(&mut self, time: u64) -> String {
        match self.is_relative {
            true => self.since_start(time),
            false => self.format("%H:%M:%S%.3f", time),
        }
    }

    /// Returns the date of a time, which [`short`](Self::short) leaves out. It is the same for all relative times.
    pub(super) fn date(&mut self, time: u64) -> String {
        match self.is_relative {
            true => {
                let start = *self.start.get_or_insert(time);
                self.format("since %Y-%m-%d %H:%M:%S%.3f", start)
            }
            false if self.zone == TimeZone::UTC => self.format("%Y-%m-%d UTC", time),
            false => self.format("%Y-%m-%d, UTC%:z", time),
        }
    }

    fn format(&self, format: &str, time: u64) -> String {
        timestamp(time)
            .to_zoned(self.zone.clone())
            .strftime(format)
            .to_string()
    }

    /// Returns the seconds since the first record. A record of another thread or process may be older than that.
    fn since_start(&mut self, time: u64) -> String {
        let start = *self.start.get_or_insert(time);
        let sign = if time < start { '-' } else { '+' };
        let micros = time.abs_diff(start) / 1000;
        let seconds = format!("{sign}{}.{:06}", micros / 1_000_000, micros % 1_000_000);
        format!("{seconds:>12}")
    }
}

fn timestamp(time: u64) -> Timestamp {
    Timestamp::from_nanosecond(time.into()).expect("u64 ends in 2554, and Timestamp in 9999")
}
