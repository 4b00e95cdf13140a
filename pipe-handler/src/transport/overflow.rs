use std::{
    thread,
    time::{Duration, Instant},
};

use rustix::thread::{NanosleepRelativeResult, Timespec, nanosleep};

/// What a log call does while the pipe is full: the parent reads more slowly than the child logs, or not at all.
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
    /// It waits for room, however long that takes. Nothing is dropped. The default.
    #[default]
    Block,
    /// It waits for room up to this long, then the record is dropped and counted.
    BlockFor(Duration),
    /// The record is dropped and counted.
    DropNewest,
}

/// How much longer one record may wait for room.
#[derive(Debug)]
pub(crate) struct Deadline {
    overflow: Overflow,
    at: Option<Instant>,
}

impl Deadline {
    pub(crate) fn new(overflow: Overflow) -> Self {
        Self { overflow, at: None }
    }

    /// No waiting at all.
    #[cfg(feature = "buffered")]
    pub(crate) fn no_wait() -> Self {
        Self::new(Overflow::DropNewest)
    }

    /// Whether waiting has no end, so that a plain blocking write will do.
    pub(crate) fn is_endless(&self) -> bool {
        self.overflow == Overflow::Block
    }

    /// What is left, and `None` for nothing. The clock starts when it is first asked: most records never wait.
    pub(crate) fn remaining(&mut self) -> Option<Duration> {
        let limit = match self.overflow {
            Overflow::Block => return Some(Duration::MAX),
            Overflow::DropNewest => return None,
            Overflow::BlockFor(limit) => limit,
        };
        let now = Instant::now();
        let deadline = match self.at {
            Some(deadline) => deadline,
            None => match now.checked_add(limit) {
                Some(deadline) => *self.at.insert(deadline),
                // A wait of centuries is one without end.
                None => return Some(Duration::MAX),
            },
        };
        let left = deadline.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }
}

/// Sleeps. A sandbox may refuse that, and at some errors the standard library's own sleep panics.
pub(crate) fn pause(duration: Duration) {
    let slept = Timespec::try_from(duration).map(|time| nanosleep(&time));
    if !matches!(slept, Ok(NanosleepRelativeResult::Ok)) {
        thread::yield_now();
    }
}
