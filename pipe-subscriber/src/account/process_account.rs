//! The counters of one process, and how many of its records are missing.

use record_proto::{Close, Levels};

use super::summary::ProcessSummary;

/// The length at which a process name is cut, in bytes.
const MAX_NAME: usize = 255;

/// Identifies the process of a frame. The pid alone does not: two processes on one pipe can have the same one, for
/// example in different PID namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ProcessKey {
    pub(crate) pid: Option<u64>,
    pub(crate) instance: Option<u32>,
}

/// The counters of one process.
///
/// The process numbers its log calls from 1 (`seq`). A number that does not arrive and is not reported as dropped is
/// missing.
#[derive(Debug)]
pub(crate) struct Account {
    key: ProcessKey,
    incarnation: u64,
    name: Option<String>,
    /// The position of this account in the order of opening.
    opened: u64,
    /// The clock of the process's last frame.
    last_frame: u64,
    /// Whether the process may have sent frames before this account was opened. The totals of its close frame include
    /// those, so they are not used.
    partial: bool,
    /// The seq before the first one that belongs to this account: 0 if it began with a hello, else the lowest seq so
    /// far less 1. `None` before the first hello or record.
    base: Option<u64>,
    highest_seq: u64,
    received: u64,
    dropped: Levels,
    close: Option<Totals>,
}

/// The figures of a close frame.
#[derive(Debug)]
struct Totals {
    sent: u64,
    dropped: u64,
    dropped_by_level: Levels,
    held_back: u64,
    /// The number of records that had been received when the close frame came.
    received: u64,
}

impl Account {
    /// Creates an account. `opened` is its position in the order of opening.
    pub(crate) fn open(key: ProcessKey, incarnation: u64, opened: u64, partial: bool) -> Self {
        Self {
            key,
            incarnation,
            name: None,
            opened,
            last_frame: 0,
            partial,
            base: None,
            highest_seq: 0,
            received: 0,
            dropped: Levels::default(),
            close: None,
        }
    }

    /// Counts a hello: the process begins here, so its first record has seq 1. A hello that comes after the first
    /// record is late, and changes nothing.
    pub(crate) fn begin(&mut self) {
        if !self.partial {
            self.base.get_or_insert(0);
        }
    }

    /// Keeps the first name that the process sends.
    #[inline]
    pub(crate) fn set_name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            self.name = name.map(|name| truncate(name).to_owned());
        }
    }

    pub(crate) fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    #[inline]
    pub(crate) fn record(&mut self, seq: u64) {
        self.received += 1;
        self.highest_seq = self.highest_seq.max(seq);
        let before = seq.saturating_sub(1);
        self.base = Some(self.base.map_or(before, |base| base.min(before)));
    }

    pub(crate) fn add_dropped(&mut self, counts: &Levels) {
        self.dropped.add(counts);
    }

    /// Keeps the totals of a close frame. A later one replaces an earlier one.
    pub(crate) fn close(&mut self, close: &Close) {
        self.close = Some(Totals {
            sent: close.sent,
            dropped: close.dropped,
            dropped_by_level: close.dropped_by_level.unwrap_or_default(),
            held_back: close.held_back,
            received: self.received,
        });
    }

    pub(crate) fn touch(&mut self, clock: u64) {
        self.last_frame = clock;
    }

    /// Returns a key that orders the accounts by the need to keep them. Closed ones come first, because nothing more is
    /// expected from them. Among both kinds, those whose last frame is the oldest come first.
    pub(crate) fn worth(&self) -> (bool, u64) {
        (!self.is_closed(), self.last_frame)
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) fn key(&self) -> ProcessKey {
        self.key
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    /// Returns the drops by level: for each level the higher of two counts. The dropped frames may report fewer drops
    /// than the close frame does, and the close frame may be older than some dropped frames.
    pub(crate) fn dropped_by_level(&self) -> Levels {
        let mut most = self.dropped;
        if let Some(totals) = self.totals() {
            for (reported, total) in most.0.iter_mut().zip(totals.dropped_by_level.0) {
                *reported = total.max(*reported);
            }
        }
        most
    }

    /// Returns the figures of this process, with its name.
    pub(crate) fn summary(&self) -> ProcessSummary {
        ProcessSummary {
            process: self.name.clone(),
            ..self.figures()
        }
    }

    /// Returns the figures of this process, without its name.
    ///
    /// The gap is the number of log calls that have neither arrived nor been reported as dropped. The process has made
    /// as many calls as its close frame says, or as its highest seq says if that is more.
    pub(crate) fn figures(&self) -> ProcessSummary {
        let totals = self.totals();
        // The drops by level count too: each level may have its higher count from the other source, and their sum then
        // exceeds both totals. Without them, `dropped` could be lower than the sum of its levels.
        let dropped = self.dropped_by_level().total();
        let dropped = totals.map_or(dropped, |totals| totals.dropped.max(dropped));
        let logged = totals.map_or(0, |totals| totals.sent.saturating_add(totals.dropped));
        let gap = logged
            .max(self.highest_seq)
            .saturating_sub(self.base.unwrap_or(0))
            .saturating_sub(self.received)
            .saturating_sub(dropped);
        // `sent` counts the records whose writes had returned before the close frame was written. They are before the
        // close frame in the pipe, so those that had not been received by then never arrive: they are missing. The rest
        // of the gap are calls that had begun and not finished when the process ended.
        let missing = totals.map_or(gap, |totals| {
            gap.min(totals.sent.saturating_sub(totals.received))
        });
        ProcessSummary {
            pid: self.key.pid,
            instance: self.key.instance,
            incarnation: self.incarnation,
            process: None,
            received: self.received,
            dropped,
            missing,
            in_flight: gap - missing,
            held_back: totals.map_or(0, |totals| totals.held_back),
            closed: self.is_closed(),
        }
    }

    /// Returns the totals of the close frame, unless they include frames from before this account was opened.
    fn totals(&self) -> Option<&Totals> {
        self.close.as_ref().filter(|_| !self.partial)
    }
}

/// Cuts a name at [`MAX_NAME`] bytes, or before the character that would pass that bound.
fn truncate(name: &str) -> &str {
    let mut length = name.len().min(MAX_NAME);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    &name[..length]
}
