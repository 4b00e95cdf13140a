//! `LogRecord`, and the clock for its time.

use std::{
    borrow::Cow,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use log::Level;

use super::batch_info::BatchInfo;
use super::spans::Spans;
use crate::kv::{ErrorInfo, KeyValues};

/// One log record with everything that is known about it.
///
/// The same struct serves both directions. [`Scratch::capture`](crate::Scratch::capture) makes it from a
/// [`log::Record`], and [`Frame::decode`](crate::Frame::decode) from a [`Frame`](crate::Frame). It borrows its parts in
/// both cases. [`into_owned`](Self::into_owned) copies them, and [`with_record`](Self::with_record) hands the record to
/// any logger.
///
/// Serde writes and reads it as an object of the names that the example programs print as JSON (`time` in RFC 3339,
/// `level` in capitals, `tid`, `kv`, `instance` in hexadecimal digits, ...). Fields that are `None` or empty are left
/// out. Bytes become base64, and infinities and NaN become texts, which they stay when read again.
///
/// ```
/// use log::Level;
/// use record_proto::LogRecord;
///
/// let mut record = LogRecord::new(Level::Info, "worker::job", "job done");
/// record.key_values.push("job", 7);
///
/// let line = serde_json::to_string(&record).unwrap();
/// assert!(line.contains(r#""level":"INFO","target":"worker::job","message":"job done""#));
/// record.with_record(|record| assert_eq!(record.args().to_string(), "job done"));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LogRecord<'a> {
    /// Counts the records of one process from 1, dropped ones included; 0 if nobody counted.
    pub seq: u64,
    /// Nanoseconds since 1970-01-01T00:00:00Z by the clock of the process that logged.
    pub time: u64,
    /// The level.
    pub level: Level,
    /// The target, by default the module path.
    pub target: Cow<'a, str>,
    /// The formatted message.
    pub message: Cow<'a, str>,
    /// The operating system's number of the process that logged.
    pub pid: Option<u64>,
    /// The name of the process that logged.
    pub process: Option<Cow<'a, str>>,
    /// The operating system's number of the thread that logged.
    pub thread_id: Option<u64>,
    /// The name of the thread that logged.
    pub thread: Option<Cow<'a, str>>,
    /// The module that logged.
    pub module_path: Option<Cow<'a, str>>,
    /// The source file that logged.
    pub file: Option<Cow<'a, str>>,
    /// The line in the source file.
    pub line: Option<u32>,
    /// The key-values of the log call.
    pub key_values: KeyValues<'a>,
    /// The key-values that the process gave to all its records.
    pub context: KeyValues<'a>,
    /// A panic, or the first error among the key-values.
    pub error: Option<ErrorInfo<'a>>,
    /// How many bytes the message had before it was cut to fit a limit; `None` if it is whole.
    pub original_length: Option<u64>,
    /// The spans that it was logged in, root first.
    pub spans: Spans<'a>,
    /// The session of a writer that it is part of: a number drawn at random for each handler in each process, because
    /// two processes can have the same pid. `None` if the writer did not send it.
    pub instance: Option<u32>,
    /// The batch that it is part of, if any.
    pub batch: Option<BatchInfo>,
}

impl<'a> LogRecord<'a> {
    /// Creates a record with the present time and all optional parts empty.
    pub fn new(
        level: Level,
        target: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            time: now(),
            ..Self::empty(level, target, message)
        }
    }

    pub(crate) fn empty(
        level: Level,
        target: impl Into<Cow<'a, str>>,
        message: impl Into<Cow<'a, str>>,
    ) -> Self {
        Self {
            seq: 0,
            time: 0,
            level,
            target: target.into(),
            message: message.into(),
            pid: None,
            process: None,
            thread_id: None,
            thread: None,
            module_path: None,
            file: None,
            line: None,
            key_values: KeyValues::new(),
            context: KeyValues::new(),
            error: None,
            original_length: None,
            spans: Spans::new(),
            instance: None,
            batch: None,
        }
    }

    /// Returns [`time`](Self::time) as a system time.
    pub fn timestamp(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_nanos(self.time)
    }

    /// Returns the same record with all borrowed parts copied: at most a little more than the payload that it was
    /// decoded from.
    pub fn into_owned(self) -> LogRecord<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        LogRecord {
            seq: self.seq,
            time: self.time,
            level: self.level,
            target: own(self.target),
            message: own(self.message),
            pid: self.pid,
            process: self.process.map(own),
            thread_id: self.thread_id,
            thread: self.thread.map(own),
            module_path: self.module_path.map(own),
            file: self.file.map(own),
            line: self.line,
            key_values: self.key_values.into_owned(),
            context: self.context.into_owned(),
            error: self.error.map(ErrorInfo::into_owned),
            original_length: self.original_length,
            spans: self.spans.into_owned(),
            instance: self.instance,
            batch: self.batch,
        }
    }
}

/// Returns the present time as records store it: nanoseconds since 1970-01-01T00:00:00Z.
///
/// Returns 0 if the clock is before 1970, and [`u64::MAX`] if it is after the year 2554.
///
/// ```
/// assert!(record_proto::now() > 1_600_000_000_000_000_000);
/// ```
pub fn now() -> u64 {
    nanoseconds(SystemTime::now())
}

fn nanoseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(since.subsec_nanos().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_beyond_64_bits_of_nanoseconds_saturate() {
        let last = Duration::from_nanos(u64::MAX);
        for (time, expected) in [
            (UNIX_EPOCH - Duration::from_secs(1), 0),
            (UNIX_EPOCH, 0),
            (UNIX_EPOCH + last, u64::MAX),
            (UNIX_EPOCH + last + Duration::from_nanos(1), u64::MAX),
            (UNIX_EPOCH + 2 * last, u64::MAX),
        ] {
            assert_eq!(nanoseconds(time), expected, "{time:?}");
        }
    }
}
