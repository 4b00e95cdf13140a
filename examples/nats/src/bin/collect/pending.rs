//! `Pending`: the messages of a host that are not dispatched yet.

use std::collections::VecDeque;

/// The messages of one host that have been read and of which something has not been dispatched yet.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    /// Stream sequence, and how many parts of the message are left. In ascending order.
    open: VecDeque<(u64, u64)>,
}

impl Pending {
    /// Adds a message of this many parts. Its sequence is higher than all before.
    pub(crate) fn begin(&mut self, sequence: u64, parts: u64) {
        self.open.push_back((sequence, parts));
    }

    /// Notes that parts of a message are dispatched, or will never be.
    pub(crate) fn finish(&mut self, sequence: u64, parts: u64) {
        if let Ok(index) = self.open.binary_search_by_key(&sequence, |open| open.0) {
            self.open[index].1 = self.open[index].1.saturating_sub(parts);
        }
        while self.open.front().is_some_and(|open| open.1 == 0) {
            self.open.pop_front();
        }
    }

    /// Returns the sequence up to which all messages are done, if those up to `read` have been read.
    pub(crate) fn done(&self, read: u64) -> u64 {
        self.open.front().map_or(read, |first| first.0 - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_that_is_not_done_holds_back_those_after_it() {
        let mut pending = Pending::default();
        assert_eq!(pending.done(9), 9);
        pending.begin(10, 3);
        pending.begin(12, 1);
        pending.finish(12, 1);
        assert_eq!(pending.done(15), 9);
        pending.finish(10, 2);
        assert_eq!(pending.done(15), 9);
        pending.finish(10, 1);
        assert_eq!(pending.done(15), 15);
    }
}
