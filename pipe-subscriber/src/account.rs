use crate::ProcessSummary;

/// The longest process name that is kept, in bytes.
const MAX_NAME: usize = 255;

/// What one process sent, from the numbers that it gives itself.
#[derive(Debug)]
pub(crate) struct Account {
    pid: Option<u64>,
    incarnation: u64,
    name: Option<String>,
    opened: u64,
    heard: u64,
    /// Whether the process may have sent more before this account was opened, so that its own totals say too much.
    midway: bool,
    /// The seq behind which this account counts.
    base: u64,
    highest: u64,
    received: u64,
    dropped: u64,
    close: Option<Totals>,
}

/// The figures of a close frame.
#[derive(Debug)]
struct Totals {
    sent: u64,
    dropped: u64,
}

impl Account {
    /// `opened` is its place among all accounts.
    pub(crate) fn open(pid: Option<u64>, incarnation: u64, opened: u64, midway: bool) -> Self {
        Self {
            pid,
            incarnation,
            name: None,
            opened,
            heard: 0,
            midway,
            base: if midway { u64::MAX } else { 0 },
            highest: 0,
            received: 0,
            dropped: 0,
            close: None,
        }
    }

    /// Keeps the first name that the process gives itself.
    pub(crate) fn name(&mut self, name: Option<&str>) {
        if self.name.is_none() {
            self.name = name.map(|name| cut(name).to_owned());
        }
    }

    pub(crate) fn record(&mut self, seq: u64) {
        self.received += 1;
        self.highest = self.highest.max(seq);
        self.base = self.base.min(seq.saturating_sub(1));
    }

    pub(crate) fn drop_more(&mut self, count: u64) {
        self.dropped = self.dropped.saturating_add(count);
    }

    /// A later close replaces an earlier one.
    pub(crate) fn close(&mut self, sent: u64, dropped: u64) {
        self.close = Some(Totals { sent, dropped });
    }

    pub(crate) fn hear(&mut self, clock: u64) {
        self.heard = clock;
    }

    pub(crate) fn heard(&self) -> u64 {
        self.heard
    }

    pub(crate) fn opened(&self) -> u64 {
        self.opened
    }

    pub(crate) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.close.is_some()
    }

    pub(crate) fn summary(&self) -> ProcessSummary {
        let totals = self.close.as_ref().filter(|_| !self.midway);
        let logged = totals.map_or(0, |totals| totals.sent.saturating_add(totals.dropped));
        let dropped = self.dropped.max(totals.map_or(0, |totals| totals.dropped));
        let missing = logged
            .max(self.highest)
            .saturating_sub(self.base)
            .saturating_sub(self.received)
            .saturating_sub(dropped);
        ProcessSummary {
            pid: self.pid,
            incarnation: self.incarnation,
            process: self.name.clone(),
            received: self.received,
            dropped,
            missing,
            closed: self.is_closed(),
        }
    }
}

fn cut(name: &str) -> &str {
    let mut length = name.len().min(MAX_NAME);
    while !name.is_char_boundary(length) {
        length -= 1;
    }
    &name[..length]
}
