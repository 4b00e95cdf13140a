use std::{borrow::Cow, collections::HashMap};

use record_proto::{Close, Dropped, Hello, Levels, LogRecord};

use super::process_account::{Account, Key};
use super::summary::Summary;

/// How many processes are counted one by one.
const MAX_ACCOUNTS: usize = 1024;

/// Who sent how much: one [`Account`] for each process.
///
/// Nothing that a child sends is trusted: sums stop at 64 bits, differences at 0, and the accounts are bounded.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: Vec<Account>,
    /// The slot in `accounts` of each key's present account.
    present: HashMap<Key, usize>,
    /// The entry of `present` that was asked for last: most streams have one process, and most others have runs.
    recent: Option<(Key, usize)>,
    clock: u64,
    opened: u64,
    /// Of the accounts that had to make room.
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
}

impl Accounts {
    /// A writer that does not tell its instance begins anew with each hello; one that tells neither that nor its pid shares
    /// an account with all others of its kind.
    pub(crate) fn hello(&mut self, hello: &Hello<'_>) {
        let key = Key {
            pid: hello.pid,
            instance: hello.instance,
        };
        if key.pid.is_some() && key.instance.is_none() {
            self.open(key, false);
        }
        let account = self.account(key);
        account.begin();
        account.name(hello.process.as_deref());
    }

    /// Counts a record. If it does not tell the name of its process, it gets the one that the process gave before.
    pub(crate) fn record<'a>(&'a mut self, record: &mut LogRecord<'a>) {
        let account = self.account(Key {
            pid: record.pid,
            instance: record.instance,
        });
        account.record(record.seq);
        match &record.process {
            Some(name) => account.name(Some(name)),
            None => record.process = account.known_name().map(Cow::Borrowed),
        }
    }

    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        let key = Key {
            pid: dropped.pid,
            instance: dropped.instance,
        };
        self.account(key).drop_more(&dropped.counts);
    }

    pub(crate) fn close(&mut self, close: &Close) {
        let key = Key {
            pid: close.pid,
            instance: close.instance,
        };
        self.account(key).close(close);
    }

    /// How many accounts had to make room.
    pub(crate) fn folded(&self) -> u64 {
        self.folded.accounts
    }

    /// Whether at least one process was heard of and every one has closed.
    pub(crate) fn is_closed(&self) -> bool {
        !self.accounts.is_empty()
            && self.folded.unclosed == 0
            && self.accounts.iter().all(Account::is_closed)
    }

    /// Writes figures and processes into a summary.
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
        summary.unclosed = sums.unclosed;
    }

    fn account(&mut self, key: Key) -> &mut Account {
        let slot = match self.recent {
            Some((recent, slot)) if recent == key => slot,
            _ => self.find_or_open(key),
        };
        self.clock += 1;
        let account = &mut self.accounts[slot];
        account.touch(self.clock);
        account
    }

    fn find_or_open(&mut self, key: Key) -> usize {
        match self.present.get(&key) {
            Some(&slot) => {
                self.recent = Some((key, slot));
                slot
            }
            // It may be a process whose account has been folded: then this is not its beginning.
            None => self.open(key, self.folded.accounts > 0),
        }
    }

    fn open(&mut self, key: Key, partial: bool) -> usize {
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
        self.present.insert(key, slot);
        self.recent = Some((key, slot));
        slot
    }

    /// Adds one account to the sums and gives its slot: a closed one if there is any, among those the one that has
    /// been silent longest.
    fn fold(&mut self) -> usize {
        let accounts = self.accounts.iter().enumerate();
        let (slot, account) = accounts
            .min_by_key(|(_, account)| (!account.is_closed(), account.heard()))
            .expect("folding needs an account");
        self.folded.add(account);
        let key = account.key();
        if self.present.get(&key) == Some(&slot) {
            self.present.remove(&key);
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
    }
}
