//! `Host`: the children of one host, and its position in the stream.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
};

use serde::{Deserialize, Serialize};

use super::{
    account::{Account, ChildKey, End},
    child::Child,
    pending::Pending,
    sums::Sums,
};

/// How many children of a host have an account of their own.
const MAX_CHILDREN: usize = 1024;
/// How many ends without a close frame are listed.
const MAX_ENDS: usize = 32;
/// Above this many labels a host gets a warning.
const MANY_LABELS: usize = 1000;
/// How long a child whose end is unknown is kept in case that it comes back, in nanoseconds of the stream.
const KEEP: u64 = 3600 * 1_000_000_000;

/// One host.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) name: Arc<str>,
    pub(crate) children: HashMap<ChildKey, Child>,
    pub(crate) pending: Pending,
    /// The counts of the children that have ended, or were forgotten.
    past: Sums,
    ends: VecDeque<Ending>,
    labels: HashSet<String>,
    /// Messages up to here were done before this collector began.
    pub(crate) skip_to: u64,
    /// Messages up to here may have been dispatched by a collector before.
    pub(crate) redelivered_to: u64,
    /// Whether something has changed since the last snapshot.
    pub(crate) is_dirty: bool,
}

/// The part of a host that is stored.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The stream sequence up to which everything of this host was dispatched.
    pub(crate) done: u64,
    /// The stream sequence up to which something may have been dispatched.
    pub(crate) open: u64,
    pub(crate) past: Sums,
    pub(crate) children: Vec<Account>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    pub(crate) ends: VecDeque<Ending>,
}

/// A process that ended without a close frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Ending {
    pub(crate) label: String,
    pub(crate) relay: nats_relay::RelayStart,
    pub(crate) pid: Option<u64>,
    pub(crate) process: Option<String>,
    /// The highest seq that has come. What it logged after that is unknown.
    pub(crate) after_seq: u64,
    pub(crate) how: String,
    pub(crate) why: String,
}

impl Host {
    pub(crate) fn new(name: &str, first_message: u64) -> Self {
        Self::from_stored(
            name,
            Stored {
                done: first_message - 1,
                ..Stored::default()
            },
            0,
        )
    }

    /// Goes on from a stored state.
    pub(crate) fn from_stored(name: &str, stored: Stored, now: u64) -> Self {
        let children = stored.children.into_iter().map(|account| {
            let key = (account.relay, account.child);
            (key, Child::new(account, now))
        });
        Self {
            name: name.into(),
            children: children.collect(),
            pending: Pending::default(),
            past: stored.past,
            ends: stored.ends,
            labels: HashSet::new(),
            skip_to: stored.done,
            redelivered_to: stored.open,
            is_dirty: true,
        }
    }

    /// Returns what has to be stored if all messages up to `read` were read. Messages up to `open` may be dispatched before
    /// the next snapshot; `None` if nothing will be. The position is at most `limit`.
    pub(crate) fn snapshot(&mut self, read: u64, open: Option<u64>, limit: u64) -> Stored {
        let done = self.pending.done(read).max(self.skip_to).min(limit);
        self.forget_ended(done);
        self.is_dirty = limit < u64::MAX;
        Stored {
            done,
            // What a collector before this one may have dispatched stays marked until it is done, even if this one crashes.
            open: open.unwrap_or(done).max(self.redelivered_to),
            past: self.past.clone(),
            children: self.accounts().cloned().collect(),
            ends: self.ends.clone(),
        }
    }

    /// Returns a child, whose account is opened if there is none. `first` is the ordinal of the first frame that has come.
    pub(crate) fn child(&mut self, key: ChildKey, label: &str, first: u64, now: u64) -> &mut Child {
        if !self.children.contains_key(&key) && self.children.len() >= MAX_CHILDREN {
            self.forget_some(MAX_CHILDREN / 8);
        }
        let open = || Child::new(Account::new(key, label, first), now);
        self.children.entry(key).or_insert_with(open)
    }

    /// Notes that a part of a message is dispatched. The sequence is 0 if it came from none.
    pub(crate) fn finish(&mut self, sequence: u64) {
        self.is_dirty = true;
        if sequence > 0 {
            self.pending.finish(sequence, 1);
        }
    }

    /// Notes a label. Returns whether it is the first one above a thousand.
    pub(crate) fn note_label(&mut self, label: &str) -> bool {
        if self.labels.len() > MANY_LABELS || self.labels.contains(label) {
            return false;
        }
        self.labels.insert(label.to_owned());
        self.labels.len() > MANY_LABELS
    }

    /// Lists a process that ended without a close frame.
    pub(crate) fn note_end(&mut self, end: Ending) {
        if self.ends.len() == MAX_ENDS {
            self.ends.pop_front();
        }
        self.ends.push_back(end);
    }

    pub(crate) fn accounts(&self) -> impl Iterator<Item = &Account> {
        self.children.values().map(|child| &child.account)
    }

    pub(crate) fn ends(&self) -> impl Iterator<Item = &Ending> {
        self.ends.iter()
    }

    pub(crate) fn sums(&self) -> Sums {
        let mut sums = self.past.clone();
        for child in self.children.values() {
            sums.add(&child.account.sums());
        }
        sums
    }

    /// Forgets the children whose end is unknown for an hour. What comes of them later is counted as that of others.
    pub(crate) fn forget_lost(&mut self, now: u64) {
        let is_lost =
            |child: &Child| child.account.end == Some(End::Unknown) && child.last_sign + KEEP < now;
        let lost = self.children.iter().filter(|(_, child)| is_lost(child));
        let lost: Vec<_> = lost.map(|(key, _)| *key).collect();
        lost.iter().for_each(|key| self.forget(key));
    }

    /// Forgets parts of the accounts, so that the state gets smaller.
    pub(crate) fn shrink(&mut self) {
        self.forget_some(self.children.len() / 4);
        for child in self.children.values_mut() {
            let processes = child.account.processes().len();
            child.account.forget_processes(processes / 2);
        }
    }

    /// Forgets the children that have ended, once none of their messages will be read again.
    fn forget_ended(&mut self, done: u64) {
        let has_ended = |child: &Child| {
            child.account.end == Some(End::Reported) && child.account.last_message <= done
        };
        let ended = self.children.iter().filter(|(_, child)| has_ended(child));
        let ended: Vec<_> = ended.map(|(key, _)| *key).collect();
        ended.iter().for_each(|key| self.forget(key));
    }

    /// Forgets this many children that have no frames on the way: those with an end first, then the most silent.
    fn forget_some(&mut self, number: usize) {
        let mut idle: Vec<_> = self
            .children
            .iter()
            .filter(|(_, child)| !child.order.is_waiting())
            .collect();
        idle.sort_by_key(|(_, child)| (child.account.end.is_none(), child.last_sign));
        let keys: Vec<_> = idle.into_iter().take(number).map(|(key, _)| *key).collect();
        keys.iter().for_each(|key| self.forget(key));
    }

    fn forget(&mut self, key: &ChildKey) {
        if let Some(child) = self.children.remove(key) {
            self.past.add(&child.account.sums());
            // Whoever is asked later whether it has ended does not know of it.
            self.past.cut_off += self.past.open;
            self.past.open = 0;
        }
    }
}
