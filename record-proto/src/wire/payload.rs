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

/// What one payload says.
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
    /// A process begins.
    Hello(Hello<'a>),
    /// A log record.
    Record(LogRecord<'a>),
    /// A piece of a record too long for one frame.
    Fragment(Fragment<'a>),
    /// How many records were dropped since the last such payload.
    Dropped(Dropped),
    /// A process has nothing more to say.
    Close(Close),
    /// Wakes a reader that sleeps, and says nothing.
    Bell,
    /// A kind that this version does not know, to be skipped and counted.
    Unknown(u8),
}

/// A process begins: the first payload of a process on a stream.
///
/// ```
/// let hello = record_proto::Hello::new();
/// assert_eq!(hello.version, record_proto::VERSION);
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Hello<'a> {
    /// The version of the wire format that the process writes. A reader goes on with the kinds it knows.
    pub version: u64,
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// The name of the process.
    pub process: Option<Cow<'a, str>>,
    /// Nanoseconds since 1970-01-01T00:00:00Z.
    pub time: Option<u64>,
    /// The context that each record of the process carries; here it only informs.
    pub context: KeyValues<'a>,
    /// Which session of the writer begins; see [`LogRecord::instance`].
    pub instance: Option<u32>,
}

impl Hello<'_> {
    /// A hello of this version with all optional parts empty.
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
    /// How many of each level.
    pub counts: Levels,
    /// Which session of the writer dropped them; see [`LogRecord::instance`].
    pub instance: Option<u32>,
}

impl Dropped {
    /// Nothing dropped.
    pub fn new() -> Self {
        Self::default()
    }
}

/// A process has nothing more to say.
///
/// Records of other threads may still follow it, and a later close replaces an earlier one.
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
    /// Which session of the writer ends; see [`LogRecord::instance`].
    pub instance: Option<u32>,
    /// How many records were held back in all and never sent; they count neither as sent nor as dropped.
    pub held_back: u64,
    /// [`dropped`](Self::dropped) by level, if the writer says it.
    pub dropped_by_level: Option<Levels>,
}

impl Close {
    /// Nothing sent, nothing dropped.
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
    /// The number of this level.
    pub fn of(&self, level: Level) -> u64 {
        self.0[level as usize - 1]
    }

    /// The number of this level, to be changed.
    pub fn of_mut(&mut self, level: Level) -> &mut u64 {
        &mut self.0[level as usize - 1]
    }

    /// All levels together; what exceeds 64 bits is cut.
    pub fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, &n| sum.saturating_add(n))
    }

    /// Adds each level's number of `other`; what exceeds 64 bits is cut.
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
