use std::collections::HashMap;

use record_proto::{Close, Dropped, Hello, Levels, LogRecord};

use crate::{Summary, account::Account};

/// How many processes are counted one by one.
const MAX_ACCOUNTS: usize = 1024;

/// Who sent how much: one [`Account`] for each process.
///
/// Nothing that a child sends is trusted: sums stop at 64 bits, differences at 0, and the accounts are bounded.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    accounts: Vec<Account>,
    /// The slot in `accounts` of each pid's present incarnation.
    present: HashMap<Option<u64>, usize>,
    /// The entry of `present` that was asked for last: most streams have one process, and most others have runs.
    recent: Option<(Option<u64>, usize)>,
    clock: u64,
    opened: u64,
    dropped_by_level: Levels,
    folded: Folded,
}

/// The sums of the accounts that had to make room.
#[derive(Debug, Default)]
struct Folded {
    accounts: u64,
    unclosed: u64,
    received: u64,
    dropped: u64,
    missing: u64,
}

impl Ledger {
    /// Opens a new incarnation. Those who do not tell their pid share one account.
    pub(crate) fn hello(&mut self, hello: &Hello<'_>) {
        if hello.pid.is_some() {
            self.open(hello.pid, false);
        }
        self.account(hello.pid).name(hello.process.as_deref());
    }

    pub(crate) fn record(&mut self, record: &LogRecord<'_>) {
        let account = self.account(record.pid);
        account.name(record.process.as_deref());
        account.record(record.seq);
    }

    pub(crate) fn dropped(&mut self, dropped: &Dropped) {
        self.dropped_by_level.add(&dropped.counts);
        self.account(dropped.pid).drop_more(dropped.counts.total());
    }

    pub(crate) fn close(&mut self, close: &Close) {
        self.account(close.pid).close(close.sent, close.dropped);
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

        summary.processes = accounts.into_iter().map(Account::summary).collect();
        summary.folded_processes = self.folded.accounts;
        summary.dropped_by_level = self.dropped_by_level;
        summary.received = self.folded.received;
        summary.dropped = self.folded.dropped;
        summary.missing = self.folded.missing;
        for process in &summary.processes {
            summary.received = summary.received.saturating_add(process.received);
            summary.dropped = summary.dropped.saturating_add(process.dropped);
            summary.missing = summary.missing.saturating_add(process.missing);
        }
    }

    fn account(&mut self, pid: Option<u64>) -> &mut Account {
        let slot = match self.recent {
            Some((recent, slot)) if recent == pid => slot,
            _ => self.find_or_open(pid),
        };
        self.clock += 1;
        let account = &mut self.accounts[slot];
        account.hear(self.clock);
        account
    }

    fn find_or_open(&mut self, pid: Option<u64>) -> usize {
        match self.present.get(&pid) {
            Some(&slot) => {
                self.recent = Some((pid, slot));
                slot
            }
            // It may be a process whose account has been folded: then this is not its beginning.
            None => self.open(pid, self.folded.accounts > 0),
        }
    }

    fn open(&mut self, pid: Option<u64>, midway: bool) -> usize {
        let earlier = self.present.get(&pid);
        let earlier = earlier.map_or(0, |&slot| self.accounts[slot].incarnation());
        self.opened += 1;
        let account = Account::open(pid, earlier + 1, self.opened, midway);
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
        self.present.insert(pid, slot);
        self.recent = Some((pid, slot));
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
        let pid = account.summary().pid;
        if self.present.get(&pid) == Some(&slot) {
            self.present.remove(&pid);
        }
        slot
    }
}

impl Folded {
    fn add(&mut self, account: &Account) {
        let process = account.summary();
        self.accounts += 1;
        self.unclosed += u64::from(!process.closed);
        self.received = self.received.saturating_add(process.received);
        self.dropped = self.dropped.saturating_add(process.dropped);
        self.missing = self.missing.saturating_add(process.missing);
    }
}
