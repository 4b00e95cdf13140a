//! How long a log call waits for room in its ring or in the pipe.

use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{NanosleepRelativeResult, Timespec, nanosleep};

/// The behaviour of a log call while its ring or the pipe is full, because the parent reads more slowly than the child
/// logs, or not at all.
///
/// ```
/// use std::time::Duration;
/// use pipe_handler::{Overflow, PipeHandler};
///
/// let builder = PipeHandler::builder()
///     .overflow(Overflow::BlockFor(Duration::from_millis(100)))
///     .exempt(log::Level::Error);
/// # let _ = builder;
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Overflow {
    /// The log call waits for room, however long that takes. Nothing is dropped. The default.
    #[default]
    Block,
    /// The log call waits for room for at most this long. Then the record is dropped and counted.
    BlockFor(Duration),
    /// The log call does not wait. The record is dropped and counted.
    DropNewest,
}

/// How long one log call may wait for room, for all of its writes together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    overflow: Overflow,
    /// The end of the wait; set when it is first needed.
    end: Option<Instant>,
}

impl Deadline {
    pub(crate) fn new(overflow: Overflow) -> Self {
        Self {
            overflow,
            end: None,
        }
    }

    /// Returns a deadline that allows no waiting.
    pub(crate) fn no_wait() -> Self {
        Self::new(Overflow::DropNewest)
    }

    /// Whether the wait is unlimited, so that a plain blocking write can be used.
    pub(crate) fn is_unlimited(&self) -> bool {
        self.overflow == Overflow::Block
    }

    /// Returns the remaining time, or `None` if none is left.
    ///
    /// The clock starts at the first call, because most records never wait.
    pub(crate) fn remaining(&mut self) -> Option<Duration> {
        let limit = match self.overflow {
            Overflow::Block => return Some(Duration::MAX),
            Overflow::DropNewest => return None,
            Overflow::BlockFor(limit) => limit,
        };
        let now = Instant::now();
        // If the clock cannot represent the end, centuries from now, the wait is unlimited.
        let Some(end) = self.end.or_else(|| now.checked_add(limit)) else {
            return Some(Duration::MAX);
        };
        self.end = Some(end);
        let left = end.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// Sleeps for `duration`, or yields if a sandbox refuses to sleep. The standard library's sleep panics at some errors.
pub(crate) fn pause(duration: Duration) {
    let slept = Timespec::try_from(duration).map(|time| nanosleep(&time));
    if !matches!(slept, Ok(NanosleepRelativeResult::Ok)) {
        thread::yield_now();
    }
}
