//! `Layer`: the values and settings of one scope.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::Ordering::{Acquire, Release},
    },
};

use log::{LevelFilter, Log};
use record_proto::{EncodedPairs, KeyValues, Value};

use super::hold::Hold;
use super::inherited::Inherited;
use crate::sys::AtomicU64;

/// Counts the changes of values of scopes that may have been entered. A thread whose copy of its scopes' values has
/// another version encodes it anew.
static VERSION: AtomicU64 = AtomicU64::new(1);

/// One scope: its values, and what it does with the records inside.
#[derive(Debug, Default)]
pub(super) struct Layer {
    values: Inherited<KeyValues<'static>>,
    pub(super) handler: Option<BoundHandler>,
    /// Whether a record goes to the handler of the next outer scope as well. If this scope has no handler, it concerns
    /// that of the scope around it.
    pub(super) bubbles: Option<bool>,
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

impl Drop for Layer {
    fn drop(&mut self) {
        let holds = [&self.hold_back, &self.group];
        holds.into_iter().flatten().for_each(|hold| hold.end());
    }
}

impl Layer {
    /// Sets a value, in the place of an earlier one with the same key.
    pub(super) fn record(&self, key: &str, value: Value<'_>) {
        self.set(key, value);
        VERSION.fetch_add(1, Release);
    }

    /// Like [`record`](Self::record), for a scope that nobody has entered: no thread has to encode its values anew.
    pub(super) fn set(&self, key: &str, value: Value<'_>) {
        let mut values = self.values.write();
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
    }

    /// Whether records of the scope may be kept.
    pub(super) fn keeps(&self) -> bool {
        self.hold_back.is_some() || self.group.is_some()
    }

    /// Appends all values.
    pub(super) fn encode(&self, out: &mut EncodedPairs) {
        out.extend(&self.values.read());
    }
}
