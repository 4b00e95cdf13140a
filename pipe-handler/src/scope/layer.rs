//! `Layer`: the values and settings of one scope.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, TryLockError,
        atomic::Ordering::{Acquire, Release},
    },
    thread,
};

use log::{LevelFilter, Log};
use record_proto::{EncodedPairs, KeyValues, Value};

use super::hold::Hold;
use crate::sys::AtomicU64;

/// Counts the changes of values of scopes that may have been entered. A thread whose copy of its scopes' values has
/// another version encodes it anew.
static VERSION: AtomicU64 = AtomicU64::new(1);

/// How often a lock is tried before it counts as held for ever, by a thread that a fork did not copy.
const ATTEMPTS: usize = 10_000;

/// One scope: its values, and what it does with the records inside.
#[derive(Debug, Default)]
pub(super) struct Layer {
    values: Mutex<KeyValues<'static>>,
    pub(super) handler: Option<BoundHandler>,
    /// Whether a record goes to the handler of the next outer scope as well.
    pub(super) bubbles: bool,
    pub(super) hold_back: Option<Arc<Hold>>,
    pub(super) group: Option<Arc<Hold>>,
}

/// A handler that is bound to a scope.
pub(super) struct BoundHandler {
    pub(super) logger: Box<dyn Log>,
    pub(super) level: LevelFilter,
}

impl fmt::Debug for BoundHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BoundHandler")
            .field("level", &self.level)
            .finish_non_exhaustive()
    }
}

pub(super) fn version() -> u64 {
    // Acquire pairs with the Release in `record`: a thread that sees the version also sees the values that it counts,
    // if it does not wait for their lock anyway.
    VERSION.load(Acquire)
}

impl Layer {
    /// Sets a value, in the place of an earlier one with the same key.
    pub(super) fn record(&self, key: &str, value: Value<'_>) {
        let Some(mut values) = self.lock() else {
            return;
        };
        match values.contains_key(key) {
            false => values.push(key, value),
            true => {
                let replaced = values.iter().map(|(own, old)| match own == key {
                    true => (own, value.clone()),
                    false => (own, old),
                });
                *values = replaced.collect();
            }
        }
        VERSION.fetch_add(1, Release);
    }

    /// Whether records of the scope may be kept.
    pub(super) fn keeps(&self) -> bool {
        self.hold_back.is_some() || self.group.is_some()
    }

    /// Appends all values.
    pub(super) fn encode(&self, out: &mut EncodedPairs) {
        if let Some(values) = self.lock() {
            out.extend(&values);
        }
    }

    fn lock(&self) -> Option<MutexGuard<'_, KeyValues<'static>>> {
        for _ in 0..ATTEMPTS {
            match self.values.try_lock() {
                Ok(values) => return Some(values),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => thread::yield_now(),
            }
        }
        None
    }
}
