//! `Process`: the account of one process.

use record_proto::{Close, Hello, Levels};
use serde::{Deserialize, Serialize};

use super::sums::Sums;

/// The length at which a process name is cut, in characters.
const MAX_NAME: usize = 64;

/// Tells the processes of a child apart. The pid alone does not: two can have the same one, in different namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ProcessKey {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pid: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) instance: Option<u32>,
}

/// The counts of one process, as `pipe-subscriber` keeps them.
///
/// The process numbers its log calls from 1 (`seq`). A number that does not arrive and is not reported as dropped is
/// missing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Process {
    #[serde(flatten)]
    pub(crate) key: ProcessKey,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    /// The seq before the first one that belongs to this account: 0 if it began with a hello, else the lowest seq so far
    /// less 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    /// The highest seq.
    pub(crate) last: u64,
    received: u64,
    #[serde(default, skip_serializing_if = "is_zero")]
    dropped: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    close: Option<Totals>,
    /// Whether records may have come before this account was opened. The totals of a close frame include them, so they
    /// are not used.
    #[serde(default, skip_serializing_if = "is_false")]
    partial: bool,
}

/// The figures of a close frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Totals {
    sent: u64,
    dropped: u64,
    held_back: u64,
    /// How many records had been received when the close frame came.
    received: u64,
}

impl Process {
    pub(crate) fn new(key: ProcessKey, partial: bool) -> Self {
        Self {
            key,
            name: None,
            base: None,
            last: 0,
            received: 0,
            dropped: 0,
            close: None,
            partial,
        }
    }

    /// Counts a hello: the process begins here, so its first record has seq 1. After the first record it changes nothing.
    pub(crate) fn hello(&mut self, hello: &Hello<'_>) {
        if !self.partial {
            self.base.get_or_insert(0);
        }
        self.set_name(hello.process.as_deref());
    }

    pub(crate) fn set_name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            self.name = name.map(|name| name.chars().take(MAX_NAME).collect());
        }
    }

    pub(crate) fn record(&mut self, seq: u64) {
        self.received += 1;
        self.last = self.last.max(seq);
        let before = seq.saturating_sub(1);
        self.base = Some(self.base.map_or(before, |base| base.min(before)));
    }

    pub(crate) fn dropped(&mut self, counts: &Levels) {
        self.dropped = self.dropped.saturating_add(counts.total());
    }

    /// Keeps the totals of a close frame. A later one replaces an earlier one.
    pub(crate) fn close(&mut self, close: &Close) {
        self.close = Some(Totals {
            sent: close.sent,
            dropped: close.dropped,
            held_back: close.held_back,
            received: self.received,
        });
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    /// Returns whether a record or a close frame has come: a hello then begins another process.
    pub(crate) fn has_begun(&self) -> bool {
        self.received > 0 || self.close.is_some()
    }

    /// Returns the counts without the number of processes.
    ///
    /// The gap is the number of log calls that neither arrived nor were reported as dropped. `sent` of a close frame counts
    /// records that were in the pipe before it, so those of them that had not come by then are missing. The rest of the gap
    /// are calls that had begun and not finished when the process ended.
    pub(crate) fn sums(&self) -> Sums {
        let totals = self.close.as_ref().filter(|_| !self.partial);
        let dropped = totals.map_or(0, |totals| totals.dropped).max(self.dropped);
        let logged = totals.map_or(0, |totals| totals.sent.saturating_add(totals.dropped));
        let gap = logged
            .max(self.last)
            .saturating_sub(self.base.unwrap_or(0))
            .saturating_sub(self.received)
            .saturating_sub(dropped);
        let missing = totals.map_or(gap, |totals| {
            gap.min(totals.sent.saturating_sub(totals.received))
        });
        Sums {
            received: self.received,
            dropped,
            missing,
            in_flight: gap - missing,
            held_back: totals.map_or(0, |totals| totals.held_back),
            ..Sums::default()
        }
    }
}

pub(crate) fn is_zero(number: &u64) -> bool {
    *number == 0
}

pub(crate) fn is_false(flag: &bool) -> bool {
    !flag
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_records(seqs: &[u64]) -> Process {
        let mut process = Process::new(ProcessKey::default(), false);
        process.hello(&Hello::new());
        seqs.iter().for_each(|&seq| process.record(seq));
        process
    }

    fn close(sent: u64, dropped: u64) -> Close {
        let mut close = Close::new();
        (close.sent, close.dropped) = (sent, dropped);
        close
    }

    #[test]
    fn a_number_that_does_not_arrive_is_missing() {
        let mut process = with_records(&[1, 2, 5]);
        assert_eq!((process.sums().missing, process.last), (2, 5));
        process.record(3);
        assert_eq!(process.sums().missing, 1);
        process.close(&close(6, 1));
        let sums = process.sums();
        assert_eq!(
            (sums.received, sums.dropped, sums.missing, sums.in_flight),
            (4, 1, 2, 0)
        );
    }

    #[test]
    fn drops_are_not_missing_and_calls_after_the_close_are_in_flight() {
        let mut process = with_records(&[1, 4]);
        process.dropped(&Levels([0, 0, 1, 1, 0]));
        assert_eq!(process.sums().missing, 0);
        process.close(&close(2, 2));
        process.record(6);
        let sums = process.sums();
        assert_eq!(
            (sums.received, sums.dropped, sums.missing, sums.in_flight),
            (3, 2, 0, 1)
        );
    }

    #[test]
    fn an_account_that_begins_late_counts_from_its_lowest_number() {
        let mut process = Process::new(ProcessKey::default(), true);
        process.record(103);
        process.record(101);
        assert_eq!(process.sums().missing, 1);
        process.close(&close(103, 0));
        assert_eq!(process.sums().missing, 1);
    }
}
