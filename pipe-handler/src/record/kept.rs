//! `Kept`: the account of the records that are kept back by scopes, as the writer needs it for its close frame.

use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
    fence,
};

use once_cell::race::OnceRef;

use super::writer::RecordWriter;
use crate::sys::AtomicU64;
use crate::transport::Deadline;

/// The place where records are kept until they are sent or forgotten. The folder `scope` is one; this folder does not
/// know it.
pub(crate) trait Keeper: std::fmt::Debug + Sync {
    /// Returns how many records of the writer's session are held back at present.
    fn count_held_back(&self, writer: &RecordWriter) -> u64;

    /// Sends all records of the writer that are only waiting for their group to end.
    fn send_groups(&self, writer: &RecordWriter, deadline: &mut Deadline);
}

/// What a writer knows of the records that are kept back.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Set once any record was kept.
    keeper: OnceRef<'static, &'static dyn Keeper>,
    /// Whether the process ends, so that what a group keeps from now on would never be sent.
    is_ending: AtomicBool,
    /// Records that were held back and will never be sent.
    forgotten: AtomicU64,
    batches: AtomicU64,
}

impl Kept {
    fn reset(&self) {
        // Relaxed: the session publishes it when it is opened, as it does the counters.
        self.forgotten.store(0, Relaxed);
        self.is_ending.store(false, Relaxed);
    }
}

impl RecordWriter {
    /// Lets the writer ask the keeper from now on.
    pub(crate) fn use_keeper(&self, keeper: &'static &'static dyn Keeper) {
        let _set_already = self.kept.keeper.set(keeper);
    }

    /// Counts records that were held back and will never be sent.
    pub(crate) fn count_forgotten(&self, records: u64) {
        // Relaxed: nothing else depends on the count.
        self.kept.forgotten.fetch_add(records, Relaxed);
    }

    /// Returns a number that no other batch of the session has.
    pub(super) fn next_batch(&self) -> u64 {
        // Relaxed: the number has to be unique and publishes nothing.
        self.kept.batches.fetch_add(1, Relaxed) + 1
    }

    /// Sends the records of open groups: the process or the handler ends, and no later moment would do it.
    pub(super) fn send_kept_groups(&self, deadline: &mut Deadline) {
        if let Some(keeper) = self.kept.keeper.get() {
            keeper.send_groups(self, deadline);
        }
    }

    /// Sends the records of open groups, and lets all further ones pass by the groups: the process ends.
    pub(super) fn end_groups(&self, deadline: &mut Deadline) {
        self.kept.is_ending.store(true, Relaxed);
        // Pairs with the fence in `groups_have_ended`: either this thread finds a record that another one has kept, or
        // that one finds that the groups have ended.
        fence(SeqCst);
        self.send_kept_groups(deadline);
    }

    /// Whether groups must keep nothing any more. A thread that asks after it has kept a record sends the group if so.
    pub(crate) fn groups_have_ended(&self) -> bool {
        fence(SeqCst);
        self.kept.is_ending.load(Relaxed)
    }

    /// Returns how many records were held back and have not been sent.
    pub(crate) fn held_back(&self) -> u64 {
        let keeper = self.kept.keeper.get();
        let present = keeper.map_or(0, |keeper| keeper.count_held_back(self));
        self.kept.forgotten.load(Relaxed) + present
    }

    /// Forgets the account of the process that this one was forked from.
    pub(super) fn reset_kept(&self) {
        self.kept.reset();
    }
}
