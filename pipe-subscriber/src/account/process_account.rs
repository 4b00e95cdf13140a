use record_proto::{Close, Levels};

use super::summary::ProcessSummary;

/// The longest process name that is kept, in bytes.
const MAX_NAME: usize = 255;

/// Whose frames these are. A pid alone does not tell: two processes on one pipe can have the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) pid: Option<u64>,
    pub(crate) instance: Option<u32>,
}

/// What one process sent, from the numbers that it gives itself.
#[derive(Debug)]
pub(crate) struct Account {
    key: Key,
    incarnation: u64,
    name: Option<String>,
    opened: u64,
    heard: u64,
    /// Whether the process may have sent more before this account was opened, so that its own totals say too much.
    partial: bool,
    /// The seq after which this account counts; `None` until its first record, unless a hello opened it.
    base: Option<u64>,
    highest: u64,
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
    /// How many records had been received before the frame.
    received: u64,
}

impl Account {
    /// `opened` is its place among all accounts.
    pub(crate) fn open(key: Key, incarnation: u64, opened: u64, partial: bool) -> Self {
        Self {
            key,
            incarnation,
            name: None,
            opened,
            heard: 0,
            partial,
            base: None,
            highest: 0,
            received: 0,
            dropped: Levels::default(),
            close: None,
        }
    }

    /// The process says that it begins, so that its first record is number 1. Once it has sent a record this is late.
    pub(crate) fn begin(&mut self) {
        if !self.partial {
            self.base.get_or_insert(0);
        }
    }

    /// Keeps the first name that the process gives itself.
    pub(crate) fn name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            self.name = name.map(|name| cut(name).to_owned());
        }
    }

    pub(crate) fn known_name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    pub(crate) fn record(&mut self, seq: u64) {
        self.received += 1;
        self.highest = self.highest.max(seq);
        let before = seq.saturating_sub(1);
        self.base = Some(self.base.map_or(before, |base| base.min(before)));
    }

    pub(crate) fn drop_more(&mut self, counts: &Levels) {
        self.dropped.add(counts);
    }

    /// A later close replaces an earlier one.
    pub(crate) fn close(&mut self, close: &Close) {
        self.close = Some(Totals {
            sent: close.sent,
            dropped: close.dropped,
            dropped_by_level: close.dropped_by_level.unwrap_or_default(),
            received: self.received,
        });
    }

    pub(crate) fn touch(&mut self, clock: u64) {
        self.heard = clock;
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) fn key(&self) -> Key {
        self.key
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    /// What was dropped, by level: the frames that told of drops may be fewer than the close says, and the close may be older.
    pub(crate) fn dropped_by_level(&self) -> Levels {
        let mut most = self.dropped;
        if let Some(totals) = self.totals() {
            for (own, total) in most.0.iter_mut().zip(totals.dropped_by_level.0) {
                *own = total.max(*own);
            }
        }
        most
    }

    pub(crate) fn summary(&self) -> ProcessSummary {
        let totals = self.totals();
        let dropped = self.dropped.total();
        let dropped = totals.map_or(dropped, |totals| totals.dropped.max(dropped));
        let logged = totals.map_or(0, |totals| totals.sent.saturating_add(totals.dropped));
        let gap = logged
            .max(self.highest)
            .saturating_sub(self.base.unwrap_or(0))
            .saturating_sub(self.received)
            .saturating_sub(dropped);
        // The writes of those had returned, so that they came before the close or never do.
        let missing = totals.map_or(gap, |totals| {
            gap.min(totals.sent.saturating_sub(totals.received))
        });
        ProcessSummary {
            pid: self.key.pid,
            instance: self.key.instance,
            incarnation: self.incarnation,
            process: self.name.clone(),
            received: self.received,
            dropped,
            missing,
            in_flight: gap - missing,
            closed: self.is_closed(),
        }
    }

    fn totals(&self) -> Option<&Totals> {
        self.close.as_ref().filter(|_| !self.partial)
    }
}

fn cut(name: &str) -> &str {
    let mut length = name.len().min(MAX_NAME);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    &name[..length]
}
