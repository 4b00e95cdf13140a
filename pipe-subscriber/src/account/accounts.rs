//! The accounts of all processes of a stream, and the sums over them.

use std::collections::{HashMap, hash_map::Entry};

use record_proto::{Close, Dropped, Hello, Levels, RecordView};

use super::process_account::{Account, ProcessKey};
use super::summary::Summary;

/// The number of processes that a summary lists.
const MAX_ACCOUNTS: usize = 1024;

/// The number of accounts that are kept beyond [`MAX_ACCOUNTS`], and the number that are folded at once when there is
/// no room for another.
///
/// Choosing the accounts to fold takes a walk through all of them. A child may claim a new process with each of its
/// frames, so the walk must not be taken for each.
const SPARE_ACCOUNTS: usize = 128;

/// One [`Account`] for each process.
///
/// The numbers of a child may be wrong on purpose, so sums saturate at `u64::MAX`, differences at 0, and the number of
/// accounts is bounded. If there are too many processes, accounts are folded: added to `folded` and removed.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    accounts: Vec<Option<Account>>,
    /// The indexes in `accounts` that are free.
    free: Vec<usize>,
    /// The last incarnation of each pid, and how many accounts it has.
    incarnations: HashMap<Option<u64>, (u64, usize)>,
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
    #[inline(always)]
    pub(crate) fn record<'a>(&'a mut self, record: &mut RecordView<'a>) {
        let account = self.account(ProcessKey {
            pid: record.origin.pid,
            instance: record.instance,
        });
        account.record(record.seq);
        match record.process {
            Some(name) => account.set_name(Some(name)),
            None => record.process = account.name(),
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

    /// Returns whether there are processes that a summary does not list.
    pub(crate) fn any_folded(&self) -> bool {
        self.folded.accounts > 0 || self.all().count() > MAX_ACCOUNTS
    }

    /// Returns whether there was at least one process and all processes have closed.
    pub(crate) fn is_closed(&self) -> bool {
        self.opened > 0 && self.folded.unclosed == 0 && self.all().all(Account::is_closed)
    }

    /// Returns the number of accounts.
    pub(crate) fn count(&self) -> usize {
        self.accounts.len() - self.free.len()
    }

    fn all(&self) -> impl Iterator<Item = &Account> {
        self.accounts.iter().flatten()
    }

    /// Writes the processes into a summary.
    pub(crate) fn list(&self, summary: &mut Summary) {
        let (listed, folded) = self.listed_and_folded();
        summary.processes = listed.into_iter().map(Account::summary).collect();
        summary.folded_processes = folded;
    }

    /// Writes the sums over all processes into a summary.
    pub(crate) fn report(&self, summary: &mut Summary) {
        let mut sums = self.folded.clone();
        self.all().for_each(|account| sums.add(account));
        summary.received = sums.received;
        summary.dropped = sums.dropped;
        summary.dropped_by_level = sums.dropped_by_level;
        summary.missing = sums.missing;
        summary.in_flight = sums.in_flight;
        summary.held_back = sums.held_back;
        summary.unclosed = sums.unclosed;
    }

    /// Returns the accounts that a summary lists, in the order of opening, and the number of all others.
    fn listed_and_folded(&self) -> (Vec<&Account>, u64) {
        let mut accounts: Vec<_> = self.all().collect();
        let excess = accounts.len().saturating_sub(MAX_ACCOUNTS);
        if excess > 0 {
            accounts.sort_unstable_by_key(|account| account.worth());
            accounts.drain(..excess);
        }
        accounts.sort_unstable_by_key(|account| account.opened());
        (accounts, self.folded.accounts + excess as u64)
    }

    /// Returns the current account of a key, and marks it as heard of now.
    #[inline(always)]
    fn account(&mut self, key: ProcessKey) -> &mut Account {
        let slot = match self.last_used {
            Some((last_key, slot)) if last_key == key => slot,
            _ => self.find_or_open(key),
        };
        self.clock += 1;
        let account = self.accounts[slot].as_mut();
        let account = account.expect("a current account is not folded");
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

    /// Opens an account, folds others if there are too many, and returns the new account's slot.
    fn open(&mut self, key: ProcessKey, partial: bool) -> usize {
        if self.free.is_empty() && self.accounts.len() == MAX_ACCOUNTS + SPARE_ACCOUNTS {
            self.fold();
        }
        self.opened += 1;
        let (incarnation, accounts) = self.incarnations.entry(key.pid).or_default();
        (*incarnation, *accounts) = (*incarnation + 1, *accounts + 1);
        let account = Account::open(key, *incarnation, self.opened, partial);
        let slot = self.free.pop().unwrap_or_else(|| self.new_slot());
        self.accounts[slot] = Some(account);
        self.current.insert(key, slot);
        self.last_used = Some((key, slot));
        slot
    }

    fn new_slot(&mut self) -> usize {
        if self.accounts.len() == MAX_ACCOUNTS {
            // Otherwise the vector would double its capacity.
            self.accounts.reserve_exact(SPARE_ACCOUNTS);
        }
        self.accounts.push(None);
        self.accounts.len() - 1
    }

    /// Adds the [`SPARE_ACCOUNTS`] accounts with the lowest [worth](Account::worth) to the folded sums, and removes
    /// them.
    fn fold(&mut self) {
        let mut slots: Vec<usize> = (0..self.accounts.len()).collect();
        let worth = |&slot: &usize| self.accounts[slot].as_ref().map(Account::worth);
        slots.select_nth_unstable_by_key(SPARE_ACCOUNTS, worth);
        slots.truncate(SPARE_ACCOUNTS);
        for &slot in &slots {
            if let Some(account) = self.accounts[slot].take() {
                self.folded.add(&account);
                self.forget(account.key(), slot);
            }
        }
        self.free = slots;
        self.last_used = None;
    }

    /// Removes the traces of an account that is folded.
    fn forget(&mut self, key: ProcessKey, slot: usize) {
        // A later account of the same key may have replaced this one in `current`.
        if self.current.get(&key) == Some(&slot) {
            self.current.remove(&key);
        }
        if let Entry::Occupied(mut entry) = self.incarnations.entry(key.pid) {
            entry.get_mut().1 -= 1;
            if entry.get().1 == 0 {
                entry.remove();
            }
        }
    }
}

impl Sums {
    fn add(&mut self, account: &Account) {
        let process = account.figures();
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
