//! `Accounts`: the rules about the order and the numbers of a process's frames.

use std::collections::{HashMap, HashSet};

use record_proto::{Close, Dropped, Hello, LogRecord};

use super::{
    place::Place,
    rule::{self, Finding, Rule},
};

/// A pid and an instance.
type Key = (Option<u64>, Option<u32>);

/// The processes of the stream.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// In the order of their first frames.
    accounts: Vec<Account>,
    found: Vec<Finding>,
}

/// One writer in one process.
#[derive(Debug)]
struct Account {
    key: Key,
    /// The place of the first frame.
    start: Place,
    has_hello: bool,
    received: u64,
    seqs: HashSet<u64>,
    /// The last seq of each thread.
    last: HashMap<u64, u64>,
    has_threads: bool,
    /// The first record whose seq is not the next one, while there was only one thread.
    jump: Option<Place>,
    dropped: u64,
    close: Option<Closed>,
}

#[derive(Debug)]
struct Closed {
    place: Place,
    close: Close,
    /// The records before it.
    received: u64,
    /// The first record after it.
    record_after: Option<Place>,
}

impl Accounts {
    pub(crate) fn received(&self) -> u64 {
        self.accounts.iter().map(|account| account.received).sum()
    }

    pub(crate) fn hello(&mut self, hello: &Hello<'_>, place: Place) {
        let key = (hello.pid, hello.instance);
        if let Some(account) = self.last_of(key) {
            let (rule, text): (&Rule, _) = match account.has_hello {
                true => (
                    &rule::HELLO_ONCE,
                    "another hello of the same pid and instance",
                ),
                false => (
                    &rule::HELLO,
                    "hello comes after other frames of its process",
                ),
            };
            account.has_hello = true;
            self.find(place, rule, text);
            return;
        }
        self.open(key, place).has_hello = true;
    }

    pub(crate) fn record(&mut self, record: &LogRecord<'_>, place: Place) {
        let account = self.of((record.pid, record.instance), place);
        account.received += 1;
        if let Some(closed) = &mut account.close {
            closed.record_after.get_or_insert(place);
        }
        let wrong = account.seq(record, place);
        if let Some((rule, text)) = wrong {
            self.find(place, rule, text);
        }
    }

    pub(crate) fn dropped(&mut self, dropped: &Dropped, place: Place) {
        let account = self.of((dropped.pid, dropped.instance), place);
        account.dropped += dropped.counts.total();
    }

    /// Records that an instance has counted as dropped in its ring.
    pub(crate) fn dropped_in_ring(&mut self, instance: u32, count: u64) {
        let mut accounts = self.accounts.iter_mut();
        if let Some(account) = accounts.rfind(|account| account.key.1 == Some(instance)) {
            account.dropped += count;
        }
    }

    pub(crate) fn close(&mut self, close: &Close, place: Place) {
        let account = self.of((close.pid, close.instance), place);
        account.close = Some(Closed {
            place,
            close: close.clone(),
            received: account.received,
            record_after: None,
        });
    }

    /// Ends the stream, and returns all that was found. `has_ended`: the processes have ended in good order, so that
    /// their numbers must agree.
    pub(crate) fn finish(mut self, end: Place, has_ended: bool) -> Vec<Finding> {
        let accounts = std::mem::take(&mut self.accounts);
        for account in &accounts {
            account.without_hello(&mut self.found);
            if has_ended {
                account.totals(end, &mut self.found);
            }
        }
        same_instance(&accounts, &mut self.found);
        self.found
    }

    /// Returns the account of a frame, and opens it if the frame is the first.
    fn of(&mut self, key: Key, place: Place) -> &mut Account {
        match self.accounts.iter().rposition(|account| account.key == key) {
            Some(position) => &mut self.accounts[position],
            None => self.open(key, place),
        }
    }

    fn last_of(&mut self, key: Key) -> Option<&mut Account> {
        self.accounts.iter_mut().rfind(|account| account.key == key)
    }

    fn open(&mut self, key: Key, place: Place) -> &mut Account {
        self.accounts.push(Account::new(key, place));
        self.accounts.last_mut().expect("the one that was added")
    }

    fn find(&mut self, place: Place, rule: &'static Rule, text: impl Into<String>) {
        self.found.push(Finding::new(place, rule, text));
    }
}

impl Account {
    fn new(key: Key, start: Place) -> Self {
        Self {
            key,
            start,
            has_hello: false,
            received: 0,
            seqs: HashSet::new(),
            last: HashMap::new(),
            has_threads: false,
            jump: None,
            dropped: 0,
            close: None,
        }
    }

    /// Checks a record's seq. Numbers of different threads may arrive in any order, and those of a batch are given by
    /// the thread that releases it.
    fn seq(&mut self, record: &LogRecord<'_>, place: Place) -> Option<(&'static Rule, String)> {
        let seq = record.seq;
        let thread = record.thread_id.unwrap_or_default();
        if seq == 0 {
            return None;
        }
        let highest = self.last.values().max().copied().unwrap_or_default();
        if seq != highest + 1 {
            self.jump.get_or_insert(place);
        }
        if !self.seqs.insert(seq) {
            return Some((&rule::SEQ_TWICE, format!("seq {seq} has been there before")));
        }
        self.has_threads |= !self.last.is_empty() && !self.last.contains_key(&thread);
        let last = self.last.entry(thread).or_default();
        let before = std::mem::replace(last, seq.max(*last));
        let can_tell = record.batch.is_none() && record.thread_id.is_some();
        (seq < before && can_tell).then(|| {
            (
                &rule::SEQ_BACK,
                format!("seq {seq} after {before} in one thread"),
            )
        })
    }

    fn without_hello(&self, found: &mut Vec<Finding>) {
        if !self.has_hello {
            let text = format!("no hello of {self}");
            found.push(Finding::new(self.start, &rule::HELLO, text));
        }
    }

    /// Checks the numbers of a process that has ended.
    fn totals(&self, end: Place, found: &mut Vec<Finding>) {
        let mut find = |place, rule, text| found.push(Finding::new(place, rule, text));
        let Some(closed) = &self.close else {
            find(end, &rule::CLOSE, format!("no close of {self}"));
            return self.gap(0, self.dropped, found);
        };
        let (place, close) = (closed.place, &closed.close);
        if let Some(record) = closed.record_after
            && !self.has_threads
        {
            let text = "a record after the close of its process, which has one thread";
            find(record, &rule::AFTER_CLOSE, text.to_owned());
        }
        let (sent, before) = (close.sent, closed.received);
        if sent > before || (sent < before && !self.has_threads) {
            let text = format!("sent {sent}, but {before} records came before");
            find(place, &rule::CLOSE_TOTALS, text);
        }
        if close.dropped < self.dropped {
            let text = format!(
                "dropped {}, but {} were reported before",
                close.dropped, self.dropped
            );
            find(place, &rule::CLOSE_TOTALS, text);
        }
        if sent <= before {
            self.gap(sent + close.dropped, close.dropped.max(self.dropped), found);
        }
    }

    /// Checks that each seq has come or was reported as dropped.
    fn gap(&self, counted: u64, dropped: u64, found: &mut Vec<Finding>) {
        let highest = self.last.values().max().copied().unwrap_or_default();
        let gap = highest.max(counted).saturating_sub(self.received + dropped);
        if gap > 0 && highest > 0 {
            let text = format!(
                "{gap} of {highest} numbers neither came nor were reported as dropped by {self}"
            );
            let place = self.jump.unwrap_or(self.start);
            found.push(Finding::new(place, &rule::SEQ_GAP, text));
        }
    }
}

impl std::fmt::Display for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.key {
            (Some(pid), Some(instance)) => write!(f, "process {pid}, instance {instance:08x}"),
            (Some(pid), None) => write!(f, "process {pid}"),
            (None, Some(instance)) => write!(f, "instance {instance:08x}"),
            (None, None) => write!(f, "a process without pid and instance"),
        }
    }
}

/// Two processes must differ in their instances. One process alone may leave it off.
fn same_instance(accounts: &[Account], found: &mut Vec<Finding>) {
    for (position, account) in accounts.iter().enumerate() {
        let (_, instance) = account.key;
        let earlier = &accounts[..position];
        let text = match instance {
            None if !earlier.is_empty() => {
                format!("{account} is not the only one and has no instance")
            }
            Some(_) if earlier.iter().any(|other| other.key.1 == instance) => {
                format!("{account} has the instance of another process")
            }
            _ => continue,
        };
        found.push(Finding::new(account.start, &rule::INSTANCE, text));
    }
}
