//! The atomic types of loom.

pub(super) use loom::sync::atomic::{Ordering, fence};
pub(super) use std::sync::atomic::compiler_fence;

use loom::cell::UnsafeCell;

/// A word. One of a ring's data is checked as if it were not atomic: a load and a store of it, or two stores, must not
/// come at the same time. loom alone does not show a load that sees a store which comes after it, as processors with a
/// weak order do.
///
/// In a box, because a word must have 8 bytes.
#[derive(Debug)]
pub(super) struct AtomicU64(Box<Word>);

#[derive(Debug)]
struct Word {
    word: loom::sync::atomic::AtomicU64,
    data: Option<UnsafeCell<()>>,
}

impl AtomicU64 {
    pub(super) fn new(value: u64) -> Self {
        let word = loom::sync::atomic::AtomicU64::new(value);
        Self(Box::new(Word { word, data: None }))
    }

    pub(super) fn new_data() -> Self {
        let mut new = Self::new(0);
        new.0.data = Some(UnsafeCell::new(()));
        new
    }

    pub(super) fn load(&self, order: Ordering) -> u64 {
        if let Some(data) = &self.0.data {
            data.with(|_| ());
        }
        self.0.word.load(order)
    }

    pub(super) fn store(&self, value: u64, order: Ordering) {
        if let Some(data) = &self.0.data {
            data.with_mut(|_| ());
        }
        self.0.word.store(value, order);
    }

    pub(super) fn fetch_add(&self, value: u64, order: Ordering) -> u64 {
        self.0.word.fetch_add(value, order)
    }

    pub(super) fn fetch_or(&self, value: u64, order: Ordering) -> u64 {
        self.0.word.fetch_or(value, order)
    }

    pub(super) fn fetch_and(&self, value: u64, order: Ordering) -> u64 {
        self.0.word.fetch_and(value, order)
    }

    pub(super) fn compare_exchange(
        &self,
        current: u64,
        new: u64,
        success: Ordering,
        failure: Ordering,
    ) -> Result<u64, u64> {
        self.0.word.compare_exchange(current, new, success, failure)
    }
}
