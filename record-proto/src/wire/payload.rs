//! `Payload`, the kinds, and the payloads that are neither a record nor a fragment.

use std::borrow::Cow;

use log::Level;

use super::fragment::Fragment;
use crate::kv::KeyValues;
use crate::record::LogRecord;

/// The version of the wire format that this crate writes.
pub const VERSION: u64 = 1;

pub(crate) const HELLO: u8 = 0;
pub(crate) const RECORD: u8 = 1;
pub(crate) const FRAGMENT: u8 = 2;
pub(crate) const DROPPED: u8 = 3;
pub(crate) const CLOSE: u8 = 4;
pub(crate) const BELL: u8 = 5;

/// One decoded payload of any kind.
///
/// ```
/// use record_proto::{Encode, Hello, Payload};
///
/// let mut bytes = Vec::new();
/// let mut hello = Hello::new();
/// hello.pid = Some(42);
/// hello.encode(&mut bytes);
///
/// let Payload::Hello(read) = Payload::decode(&bytes)? else { unreachable!() };
/// assert_eq!(read, hello);
/// # Ok::<(), record_proto::PayloadError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
// A record is by far the most frequent; boxing it would cost an allocation for each.
#[allow(clippy::large_enum_variant)]
pub enum Payload<'a> {
    /// A process begins to write.
    Hello(Hello<'a>),
    /// A log record.
    Record(LogRecord<'a>),
    /// A piece of a record too long for one frame.
    Fragment(Fragment<'a>),
    /// How many records were dropped since the last such payload.
    Dropped(Dropped),
    /// A process ends its part of the stream.
    Close(Close),
    /// Wakes a sleeping reader and carries no information.
    Bell,
    /// A kind that this version does not know, to be skipped and counted.
    Unknown(u8),
}

/// The first payload of a process on a stream.
///
/// ```
/// let hello = record_proto::Hello::new();
/// assert_eq!(hello.version, record_proto::VERSION);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hello<'a> {
    /// The version of the wire format that the process writes. Whatever it is, a reader goes on with the kinds that it
    /// knows.
    pub version: u64,
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// The name of the process.
    pub process: Option<Cow<'a, str>>,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
    /// The context that each record of the process carries; here it only informs.
    pub context: KeyValues<'a>,
    /// The session of the writer that begins; see [`LogRecord::instance`].
    pub instance: Option<u32>,
}

impl Hello<'_> {
    /// Creates a hello of this version with all optional parts empty.
    pub fn new() -> Self {
        Self {
            version: VERSION,
            pid: None,
            process: None,
            time: None,
            context: KeyValues::new(),
            instance: None,
        }
    }
}

impl Default for Hello<'_> {
    fn default() -> Self {
        Self::new()
    }
}

/// How many records a process dropped since its last such payload.
///
/// ```
/// let mut dropped = record_proto::Dropped::new();
/// *dropped.counts.of_mut(log::Level::Debug) += 2;
/// assert_eq!(dropped.counts.total(), 2);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Dropped {
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
    /// How many records of each level were dropped.
    pub counts: Levels,
    /// The session of the writer that dropped them; see [`LogRecord::instance`].
    pub instance: Option<u32>,
}

impl Dropped {
    /// Creates a payload that reports no dropped records.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The end of a process's part of a stream, with the totals of its records.
///
/// Records of other threads may still follow it. A later close replaces an earlier one.
///
/// ```
/// let mut close = record_proto::Close::new();
/// close.sent = 10;
/// assert_eq!(close.dropped, 0);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
#[non_exhaustive]
pub struct Close {
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
    /// How many records were sent in all.
    pub sent: u64,
    /// How many records were dropped in all.
    pub dropped: u64,
    /// The session of the writer that ends; see [`LogRecord::instance`].
    pub instance: Option<u32>,
    /// How many records were held back in all and never sent. They count neither as sent nor as dropped.
    pub held_back: u64,
    /// [`dropped`](Self::dropped) by level, if the writer reports it.
    pub dropped_by_level: Option<Levels>,
}

impl Close {
    /// Creates a close that reports no records, sent or dropped.
    pub fn new() -> Self {
        Self::default()
    }
}

/// One number for each level.
///
/// ```
/// let levels = record_proto::Levels([1, 0, 0, 0, 5]);
/// assert_eq!(levels.of(log::Level::Trace), 5);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Levels(
    /// Error, warn, info, debug, trace.
    pub [u64; 5],
);

impl Levels {
    /// Returns the number of this level.
    pub fn of(&self, level: Level) -> u64 {
        self.0[level as usize - 1]
    }

    /// Returns a mutable reference to the number of this level.
    pub fn of_mut(&mut self, level: Level) -> &mut u64 {
        &mut self.0[level as usize - 1]
    }

    /// Returns the sum over all levels. It saturates at [`u64::MAX`].
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Adds each level's number of `other` to this one's. Each sum saturates at [`u64::MAX`].
    pub fn add(&mut self, other: &Levels) {
        for (own, other) in self.0.iter_mut().zip(other.0) {
            *own = own.saturating_add(other);
        }
    }
}

impl<'a> From<LogRecord<'a>> for Payload<'a> {
    fn from(record: LogRecord<'a>) -> Self {
        Payload::Record(record)
    }
}
