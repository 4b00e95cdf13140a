//! `BatchInfo`: the batch that a record is part of.

use std::fmt;

/// One record's place in a batch: records that were handed on together, for a reason.
///
/// ```
/// use record_proto::{BatchInfo, BatchReason};
///
/// let batch = BatchInfo::new(BatchReason::Escalation, 7, 2);
/// assert_eq!(batch.to_string(), "escalation 7, 2 left");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct BatchInfo {
    /// Why the records belong together.
    pub reason: BatchReason,
    /// Identifies the batch among all batches of the same [session](crate::LogRecord::instance).
    pub id: u64,
    /// How many records of the batch are still to come; 0 in the last one.
    pub left: u64,
}

/// The reason why the records of a batch belong together; see [`BatchInfo`] for an example.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BatchReason {
    /// They were held back until a severe record was logged.
    Escalation,
    /// They belong to one piece of work.
    Group,
    /// A reason of a later version of the wire format.
    Other(u64),
}

impl BatchInfo {
    /// Creates one record's place in a batch.
    pub const fn new(reason: BatchReason, id: u64, left: u64) -> Self {
        Self { reason, id, left }
    }
}

impl BatchReason {
    pub(crate) const fn from_number(number: u64) -> Self {
        match number {
            0 => Self::Escalation,
            1 => Self::Group,
            other => Self::Other(other),
        }
    }

    pub(crate) const fn number(self) -> u64 {
        match self {
            Self::Escalation => 0,
            Self::Group => 1,
            Self::Other(number) => number,
        }
    }
}

impl fmt::Display for BatchInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}, {} left", self.reason, self.id, self.left)
    }
}

impl fmt::Display for BatchReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Escalation => f.write_str("escalation"),
            Self::Group => f.write_str("group"),
            Self::Other(number) => write!(f, "reason {number}"),
        }
    }
}
