//! `Charge`: memory that is counted against the bound of all scopes of the process together.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use once_cell::race::OnceBox;

use super::fork_mutex::ForkMutex;
use crate::record::RecordWriter;
use crate::sys::process;
use crate::transport::Deadline;

/// Keeps records.
pub(super) trait Holder: std::fmt::Debug + Send + Sync {
    /// Forgets the oldest records. Returns `false` if there are none that could be forgotten.
    fn forget_oldest(&self) -> bool;

    /// Returns how many records of the writer's session are held back at present.
    fn count_held_back(&self, writer: &RecordWriter) -> u64;

    /// Sends the records of the writer's session that are only waiting for their group to end.
    fn send_group(&self, writer: &RecordWriter, deadline: &mut Deadline);
}

/// The memory for kept records in this process, and the holders that have any.
#[derive(Debug, Default)]
struct Budget {
    bytes: usize,
    /// By age, the oldest first.
    holders: BTreeMap<u64, Weak<dyn Holder>>,
}

fn budget() -> &'static ForkMutex<Budget> {
    static BUDGET: OnceBox<ForkMutex<Budget>> = OnceBox::new();
    BUDGET.get_or_init(Box::default)
}

/// Memory that counts as used until it is dropped.
#[derive(Debug)]
pub(super) struct Charge {
    bytes: usize,
    process: u64,
}

impl Charge {
    /// Takes memory without a bound.
    pub(super) fn new(bytes: usize) -> Self {
        budget().lock().bytes += bytes;
        Self::taken(bytes)
    }

    /// Takes memory if there is as much below `total`.
    fn within(bytes: usize, total: usize) -> Option<Self> {
        let mut budget = budget().lock();
        if budget.bytes.saturating_add(bytes) > total {
            return None;
        }
        budget.bytes += bytes;
        Some(Self::taken(bytes))
    }

    fn taken(bytes: usize) -> Self {
        Self {
            bytes,
            process: process::generation(),
        }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        // A forked child has not counted the memory of its parent.
        if self.process == process::generation() {
            budget().lock().bytes -= self.bytes;
        }
    }
}

/// Takes memory. If there is not as much below `total`, the oldest holders forget records. Returns `None` if that cannot
/// suffice.
pub(super) fn charge(bytes: usize, total: usize) -> Option<Charge> {
    if bytes > total {
        return None;
    }
    let mut charge = Charge::within(bytes, total);
    let mut age = 0;
    while charge.is_none() {
        let (oldest, holder) = next_after(age)?;
        age = oldest;
        while charge.is_none() && holder.forget_oldest() {
            charge = Charge::within(bytes, total);
        }
    }
    charge
}

/// Returns the oldest holder that is younger than this.
fn next_after(age: u64) -> Option<(u64, Arc<dyn Holder>)> {
    let budget = budget().lock();
    let mut younger = budget.holders.range(age + 1..);
    younger.find_map(|(&age, holder)| Some((age, holder.upgrade()?)))
}

/// Adds a holder that has records.
pub(super) fn register(age: u64, holder: Weak<dyn Holder>) {
    budget().lock().holders.insert(age, holder);
}

/// Removes a holder that has no records any more.
pub(super) fn unregister(age: u64) {
    budget().lock().holders.remove(&age);
}

/// Returns all that may have records.
pub(super) fn holders() -> Vec<Arc<dyn Holder>> {
    let budget = budget().lock();
    budget.holders.values().filter_map(Weak::upgrade).collect()
}
