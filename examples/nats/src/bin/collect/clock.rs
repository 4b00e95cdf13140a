//! `Clock`: the time of the stream.

use std::time::Duration;

/// A longer pause of the whole stream counts as this much, in nanoseconds.
const LONGEST_PAUSE: u64 = 1_000_000_000;

/// Counts the time that passes in the stream, in nanoseconds from the first message that was read.
///
/// It follows the times at which the server stored the messages, so a stream that is read long after it was written is
/// sorted as it would have been at once. While there is nothing to read, it follows the local clock.
///
/// If nothing at all is stored for a while, because the hub was away, that time counts as one second at most. Nobody could
/// send a sign of life then.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    now: u64,
    /// The server's time at [`now`](Self::now).
    stored: Option<u64>,
}

impl Clock {
    /// Notes a message that the server stored at this time, in nanoseconds since 1970. Returns the time of the stream.
    pub(crate) fn message(&mut self, stored: u64) -> u64 {
        let last = self.stored.unwrap_or(stored);
        self.now += stored.saturating_sub(last).min(LONGEST_PAUSE);
        self.stored = Some(last.max(stored));
        self.now
    }

    /// Notes that nothing was stored for this long, although nothing else is left to read.
    pub(crate) fn idle(&mut self, passed: Duration) {
        let passed = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX);
        let passed = passed.min(LONGEST_PAUSE);
        self.now += passed;
        self.stored = self.stored.map(|stored| stored.saturating_add(passed));
    }

    pub(crate) fn now(&self) -> u64 {
        self.now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn it_follows_the_stored_times_but_no_long_pause_and_never_goes_back() {
        let mut clock = Clock::default();
        assert_eq!(clock.message(100 * SECOND), 0);
        assert_eq!(clock.message(100 * SECOND + 7), 7);
        assert_eq!(clock.message(100 * SECOND), 7);
        assert_eq!(clock.message(160 * SECOND), SECOND + 7);
    }

    #[test]
    fn time_without_messages_is_not_counted_twice() {
        let mut clock = Clock::default();
        clock.message(100 * SECOND);
        for _ in 0..50 {
            clock.idle(Duration::from_millis(100));
        }
        assert_eq!(clock.now(), 5 * SECOND);
        assert_eq!(clock.message(105 * SECOND + 3), 5 * SECOND + 3);
    }
}
