//! Which records are shown.

use clap::Args;
use jiff::{SignedDuration, Timestamp, Zoned, civil, tz::TimeZone};
use log::LevelFilter;
use record_proto::LogRecord;
use regex::Regex;

use super::text::plain_content;

/// Shows records that all options allow; by default all.
#[derive(Debug, Args)]
pub(crate) struct Filter {
    /// The most verbose level that is shown
    #[arg(long, default_value = "trace", value_parser = level)]
    level: LevelFilter,
    /// A target that is shown, with those below it (worker shows worker::db too); may be repeated
    #[arg(long, value_name = "TARGET")]
    target: Vec<String>,
    /// Shows records from this time of theirs on: 2026-11-28T05:31:45Z, "2026-11-28 06:31", 06:31 (today) or 10m (ago)
    #[arg(long, value_name = "TIME", value_parser = since)]
    since: Option<u64>,
    /// Shows records that match a regular expression, in target, spans, message, key-values or errors
    #[arg(long, value_name = "REGEX")]
    grep: Option<Regex>,
}

impl Filter {
    pub(crate) fn shows(&self, record: &LogRecord<'_>) -> bool {
        let is_below = |target: &String| {
            let below = record.target.strip_prefix(target.as_str());
            below.is_some_and(|below| below.is_empty() || below.starts_with("::"))
        };
        record.level <= self.level
            && self.since.is_none_or(|since| record.time >= since)
            && (self.target.is_empty() || self.target.iter().any(is_below))
            && self
                .grep
                .as_ref()
                .is_none_or(|regex| regex.is_match(&plain_content(record)))
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self {
            level: LevelFilter::Trace,
            target: Vec::new(),
            since: None,
            grep: None,
        }
    }
}

fn level(text: &str) -> Result<LevelFilter, String> {
    let error = |_| "not a level; write off, error, warn, info, debug or trace".to_owned();
    text.parse().map_err(error)
}

/// Reads a time as nanoseconds since 1970. A time without a zone is local.
fn since(text: &str) -> Result<u64, String> {
    let local = |time: civil::DateTime| time.to_zoned(TimeZone::system()).map(|z| z.timestamp());
    let today = |time: civil::Time| local(Zoned::now().date().to_datetime(time));
    let ago = |duration: SignedDuration| Timestamp::now().checked_sub(duration.abs());
    let timestamp = if let Ok(timestamp) = text.parse::<Timestamp>() {
        Ok(timestamp)
    } else if let Ok(time) = text.parse::<civil::DateTime>() {
        local(time)
    } else if let Ok(time) = text.parse::<civil::Time>() {
        today(time)
    } else if let Ok(duration) = text.parse::<SignedDuration>() {
        ago(duration)
    } else {
        return Err("not a time; write one as 2026-11-28T05:31:45Z, 06:31 or 10m".to_owned());
    };
    let nanoseconds = timestamp
        .map_err(|error| error.to_string())?
        .as_nanosecond();
    u64::try_from(nanoseconds).map_err(|_| "records have no times before 1970".to_owned())
}
