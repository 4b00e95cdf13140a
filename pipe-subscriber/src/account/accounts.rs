//! The accounts of all processes of a stream, and the sums over them.

use std::{borrow::Cow, collections::HashMap};

use record_proto::{Close, Dropped, Hello, Levels, LogRecord};

use super::process_account::{Account, ProcessKey};
use super::summary::Summary;

/// The number of processes that are counted one by one.
const MAX_ACCOUNTS: usize = 1024;

/// One [`Account`] for each process.
///
/// The numbers of a child may be wrong on purpose, so sums saturate at `u64::MAX`, differences at 0, and the number of
/// accounts is bounded. If there are too many processes, accounts are folded: added to `folded` and removed.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
    /// The index in `accounts` of each key's current account. A key may have earlier accounts too.
    current: HashMap<ProcessKey, usize>,
    /// The entry of `current` that was used last. It saves most lookups: most streams have one process, and in most
    /// others several frames in a row are of the same process.
    last_used: Option<(ProcessKey, usize)>,
    /// Counts frames, to order the accounts by their last frame.
    clock: u64,
    /// Counts the accounts that were opened, to order them.
    opened: u64,
    /// The sums of the accounts that were folded.
    folded: Sums,
}

/// Sums over accounts.
#[derive(Debug, Clone, Default)]
struct Sums {
    accounts: u64,
    unclosed: u64,
    received: u64,
    dropped: u64,
    dropped_by_level: Levels,
    missing: u64,
    in_flight: u64,
    held_back: u64,
}

impl Accounts {
    /// Counts a hello.
    ///
    /// If it has a pid but no instance, it opens a new account: only the hello distinguishes two processes of that pid.
    /// Writers that send neither a pid nor an instance share one account.
    pub(crate) fn hello(&mut self, hello: &Hello<'_>) {
        let key = ProcessKey {
            pid: hello.pid,
            instance: hello.instance,
        };
        if key.pid.is_some() && key.instance.is_none() {
            self.open(key, false);
        }
        let account = self.account(key);
        account.begin();
        account.set_name(hello.process.as_deref());
    }

    /// Counts a record. If it has no process name, it gets the one that its process sent before.
    pub(crate) fn record<'a>(&'a mut self, record: &mut LogRecord<'a>) {
        let account = self.account(ProcessKey {
            pid: record.pid,
            instance: record.instance,
        });
        account.record(record.seq);
        match &record.process {
            Some(name) => account.set_name(Some(name)),
            None => record.process = account.name().map(Cow::Borrowed),
        }
    }

    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        let key = ProcessKey {
            pid: dropped.pid,
            instance: dropped.instance,
        };
        self.account(key).add_dropped(&dropped.counts);
    }

    pub(crate) fn close(&mut self, close: &Close) {
        let key = ProcessKey {
            pid: close.pid,
            instance: close.instance,
        };
        self.account(key).close(close);
    }

    /// Returns the number of accounts that were folded.
    pub(crate) fn folded(&self) -> u64 {
        self.folded.accounts
    }

    /// Returns whether there was at least one process and all processes have closed.
    pub(crate) fn is_closed(&self) -> bool {
        !self.accounts.is_empty()
            && self.folded.unclosed == 0
            && self.accounts.iter().all(Account::is_closed)
    }

    /// Writes the sums and the processes into a summary.
    pub(crate) fn report(&self, summary: &mut Summary) {
        let mut accounts: Vec<_> = self.accounts.iter().collect();
        accounts.sort_by_key(|account| account.opened());

        let mut sums = self.folded.clone();
        accounts.iter().for_each(|account| sums.add(account));
        summary.processes = accounts.into_iter().map(Account::summary).collect();
        summary.folded_processes = self.folded.accounts;
        summary.received = sums.received;
        summary.dropped = sums.dropped;
        summary.dropped_by_level = sums.dropped_by_level;
        summary.missing = sums.missing;
        summary.in_flight = sums.in_flight;
        summary.held_back = sums.held_back;
        summary.unclosed = sums.unclosed;
    }

    /// Returns the current account of a key, and marks it as heard of now.
    fn account(&mut self, key: ProcessKey) -> &mut Account {
        let slot = match self.last_used {
            Some((last_key, slot)) if last_key == key => slot,
            _ => self.find_or_open(key),
        };
        self.clock += 1;
        let account = &mut self.accounts[slot];
        account.touch(self.clock);
        account
    }

    fn find_or_open(&mut self, key: ProcessKey) -> usize {
        match self.current.get(&key) {
            Some(&slot) => {
                self.last_used = Some((key, slot));
                slot
            }
            // If accounts have been folded, the process may be one of them, and this may not be its first frame.
            None => self.open(key, self.folded.accounts > 0),
        }
    }

    /// Opens an account, folds another one if there are too many, and returns the new account's slot.
    fn open(&mut self, key: ProcessKey, partial: bool) -> usize {
        let of_pid = |account: &&Account| account.key().pid == key.pid;
        let earlier = self.accounts.iter().filter(of_pid);
        let earlier = earlier.map(Account::incarnation).max().unwrap_or(0);
        self.opened += 1;
        let account = Account::open(key, earlier + 1, self.opened, partial);
        let slot = match self.accounts.len() {
            MAX_ACCOUNTS => {
                let slot = self.fold();
                self.accounts[slot] = account;
                slot
            }
            next => {
                self.accounts.push(account);
                next
            }
        };
        self.current.insert(key, slot);
        self.last_used = Some((key, slot));
        slot
    }

    /// Adds an account to the folded sums and returns its slot for reuse. It takes a closed account if there is one,
    /// because nothing more is expected from it. Among several, it takes the one whose last frame is the oldest.
    fn fold(&mut self) -> usize {
        let accounts = self.accounts.iter().enumerate();
        let (slot, account) = accounts
            .min_by_key(|(_, account)| (!account.is_closed(), account.last_frame()))
            .expect("folding needs an account");
        self.folded.add(account);
        let key = account.key();
        // A later account of the same key may have replaced this one in `current`.
        if self.current.get(&key) == Some(&slot) {
            self.current.remove(&key);
        }
        slot
    }
}

impl Sums {
    fn add(&mut self, account: &Account) {
        let process = account.summary();
        self.accounts += 1;
        self.unclosed += u64::from(!process.closed);
        self.received = self.received.saturating_add(process.received);
        self.dropped = self.dropped.saturating_add(process.dropped);
        self.dropped_by_level.add(&account.dropped_by_level());
        self.missing = self.missing.saturating_add(process.missing);
        self.in_flight = self.in_flight.saturating_add(process.in_flight);
        self.held_back = self.held_back.saturating_add(process.held_back);
    }
}
