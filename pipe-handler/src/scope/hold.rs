//! `Hold`: the records that one scope keeps.

use std::{
    collections::VecDeque,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use log::Level;
use record_proto::BatchReason;

use super::budget::{self, Charge, Holder};
use super::chunk::{Chunk, Item, OpenChunk};
use super::fork_mutex::ForkMutex;
use super::hold_back::{AfterEscalation, HoldBack};
use super::keeper::SCOPES;
use super::merge::Merge;
use super::queue::{Queue, Slot};
use super::turn::Turns;
use crate::record::RecordWriter;
use crate::sys::{AtomicU64, process};
use crate::transport::Deadline;

/// The bounds of a chunk in bytes. The first is small, because many scopes keep few records.
const LEAST_CHUNK: usize = 1024;
const LARGEST_CHUNK: usize = 16 * 1024;

/// What a chunk takes beside its records, in bytes: about as much as the allocations of a hold with a single one.
const OVERHEAD: usize = 512;

/// The records that one scope, or the process, keeps: to hold them back until they matter, or to send them together.
///
/// Several threads may be in the scope at once. Each appends to a chunk of its own, so that a kept record needs no lock;
/// the queue of the chunks is locked when a thread needs another chunk and when records are sent or forgotten.
#[derive(Debug)]
pub(crate) struct Hold {
    /// A number that is larger for holds that began later.
    age: u64,
    process: u64,
    rule: Rule,
    /// Whether records pass, because those before them were sent.
    passes: AtomicBool,
    queue: ForkMutex<Queue>,
    /// Who sends them when they matter.
    pub(super) turns: Turns,
}

#[derive(Debug)]
enum Rule {
    HoldBack(HoldBack),
    /// Records of any level are kept, up to this many bytes.
    Group(usize),
}

/// What becomes of a record of some level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is kept.
    Keep,
    /// The kept records are sent, and then this one.
    Escalate,
    /// It does not concern this hold.
    Pass,
}

impl Hold {
    pub(crate) fn new_back(settings: HoldBack) -> Arc<Self> {
        Self::new(Rule::HoldBack(settings))
    }

    pub(super) fn new_group(bytes: usize) -> Arc<Self> {
        Self::new(Rule::Group(bytes))
    }

    fn new(rule: Rule) -> Arc<Self> {
        static AGES: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self {
            // Relaxed: the number has to be unique and publishes nothing.
            age: AGES.fetch_add(1, Relaxed) + 1,
            process: process::generation(),
            rule,
            passes: AtomicBool::new(false),
            queue: ForkMutex::default(),
            turns: Turns::default(),
        })
    }

    pub(super) fn is_group(&self) -> bool {
        matches!(self.rule, Rule::Group(_))
    }

    /// Whether it was made in this process. A forked child does not take part in the groups of its parent: the scope may
    /// never end there.
    pub(super) fn is_of_this_process(&self) -> bool {
        self.process == process::generation()
    }

    #[inline]
    pub(super) fn verdict(&self, level: Level) -> Verdict {
        let Rule::HoldBack(settings) = &self.rule else {
            return Verdict::Keep;
        };
        // Relaxed: a record that another thread logs at the same time as the escalation may be kept or sent.
        if level > settings.below && !self.passes.load(Relaxed) {
            Verdict::Keep
        } else if level <= settings.until {
            Verdict::Escalate
        } else {
            Verdict::Pass
        }
    }

    /// Keeps a record. Returns `false` if there is no room for it.
    #[inline]
    pub(super) fn keep(
        self: &Arc<Self>,
        open: &mut Option<OpenChunk>,
        writer: &Arc<RecordWriter>,
        item: Item<'_>,
    ) -> bool {
        let instance = writer.instance();
        if let Some(open) = open
            && open.is_of(self.age, writer, instance)
            && open.append(item)
        {
            return true;
        }
        self.keep_in_next_chunk(open, writer, instance, item)
    }

    #[cold]
    #[inline(never)]
    fn keep_in_next_chunk(
        self: &Arc<Self>,
        open: &mut Option<OpenChunk>,
        writer: &Arc<RecordWriter>,
        instance: u32,
        item: Item<'_>,
    ) -> bool {
        let last_time = open.as_ref().map_or(0, |open| open.last_time_in(self.age));
        // Closes the chunk, so that it can be forgotten.
        *open = None;
        let Some(mut chunk) = self.open_chunk(writer, instance, item.words()) else {
            return false;
        };
        chunk.follow(last_time);
        let is_kept = chunk.append(item);
        *open = (!chunk.is_for_one_record).then_some(chunk);
        is_kept
    }

    /// Opens a chunk that has room for so many words.
    fn open_chunk(
        self: &Arc<Self>,
        writer: &Arc<RecordWriter>,
        instance: u32,
        words: usize,
    ) -> Option<OpenChunk> {
        let mut queue = self.queue.lock();
        let has_room = |slot: &&Slot| {
            let Slot { chunk, .. } = slot;
            chunk.is_of(writer, instance)
                && !chunk.is_open()
                && chunk.extent().words + words <= chunk.capacity()
        };
        if let Some(slot) = queue.slots.iter().rev().find(has_room) {
            let crowded = queue.is_crowded(slot.chunk.capacity() * 8, self.bound());
            return Some(slot.chunk.open(self.age, crowded));
        }
        let bytes = self.chunk_size(queue.bytes).max(words * 8);
        if bytes > self.bound() {
            return None;
        }
        let mut emptied = None;
        while queue.bytes + bytes > self.bound() {
            if self.is_group() {
                return None;
            }
            emptied = Some(queue.forget_oldest()?);
        }
        let writer_ref = Arc::downgrade(writer);
        if let Some(mut chunk) = emptied.filter(|chunk| chunk.capacity() * 8 == bytes)
            && let Some(unused) = Arc::get_mut(&mut chunk)
        {
            unused.reuse(writer_ref, instance);
            let crowded = queue.is_crowded(bytes, self.bound());
            return Some(queue.push(chunk, self.age, crowded));
        }
        // Counted before the lock is given up, so that other threads keep to the bound too.
        queue.bytes += bytes;
        drop(queue);
        writer.use_keeper(&SCOPES);
        let charge = match self.total() {
            None => Some(Charge::new(bytes + OVERHEAD)),
            Some(total) => budget::charge(bytes + OVERHEAD, total),
        };
        let mut queue = self.queue.lock();
        queue.bytes -= bytes;
        let chunk = Chunk::new(bytes / 8, writer_ref, instance, charge?);
        if !std::mem::replace(&mut queue.is_registered, true) {
            let this: Arc<dyn Holder> = Arc::<Self>::clone(self);
            budget::register(self.age, Arc::downgrade(&this));
        }
        let crowded = queue.is_crowded(bytes, self.bound());
        Some(queue.push(Arc::new(chunk), self.age, crowded))
    }

    /// Returns the size of the next chunk in bytes: as much as there is already, within bounds.
    fn chunk_size(&self, present: usize) -> usize {
        let largest = (self.bound() / 8).min(LARGEST_CHUNK);
        present.max(LEAST_CHUNK).min(largest).max(64) / 8 * 8
    }

    fn bound(&self) -> usize {
        match &self.rule {
            Rule::HoldBack(settings) => settings.keep,
            Rule::Group(bytes) => *bytes,
        }
    }

    fn total(&self) -> Option<usize> {
        match &self.rule {
            Rule::HoldBack(settings) => Some(settings.total),
            Rule::Group(_) => None,
        }
    }

    pub(super) fn age(&self) -> u64 {
        self.age
    }

    /// Takes the records of a writer's session out, and appends them to those of other holds.
    pub(super) fn take(&self, writer: &RecordWriter, into: &mut Merge) {
        let instance = writer.instance();
        let mut queue = self.queue.lock();
        for slot in &mut queue.slots {
            if slot.chunk.is_of(writer, instance) {
                slot.taken = into.append(&slot.chunk, slot.taken);
            }
        }
        queue.remove_taken();
    }

    /// Forgets the records, or sends those of a group. Call it at the end of the scope: another thread that asks for
    /// counts may have a reference to the hold for longer.
    pub(super) fn end(&self) {
        let queue = std::mem::take(&mut *self.queue.lock());
        if queue.is_registered {
            budget::unregister(self.age);
        }
        match self.rule {
            Rule::HoldBack(_) => queue.slots.iter().for_each(Slot::forget),
            Rule::Group(_) => queue.send(),
        }
    }

    /// Call it when records were sent because a severe one came.
    pub(super) fn escalated(&self) {
        if let Rule::HoldBack(settings) = &self.rule
            && settings.after == AfterEscalation::PassOn
        {
            self.passes.store(true, Relaxed);
        }
    }
}

impl Holder for Hold {
    fn forget_oldest(&self) -> bool {
        if self.is_group() {
            return false;
        }
        let mut queue = self.queue.lock();
        let forgotten = queue.forget_oldest();
        if queue.slots.is_empty() && std::mem::take(&mut queue.is_registered) {
            // Many scopes may be open that have no records any more.
            queue.slots = VecDeque::new();
            budget::unregister(self.age);
        }
        forgotten.is_some()
    }

    fn count_held_back(&self, writer: &RecordWriter) -> u64 {
        if self.is_group() {
            return 0;
        }
        let queue = self.queue.lock();
        let slots = queue.slots.iter();
        let own = slots.filter(|slot| slot.chunk.is_of(writer, writer.instance()));
        own.map(Slot::records).sum()
    }

    fn send_group(&self, writer: &RecordWriter, deadline: &mut Deadline) {
        if self.is_group() {
            let mut merge = Merge::default();
            self.take(writer, &mut merge);
            writer.send_batch_by(BatchReason::Group, &merge.into_batch(), deadline);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.end();
    }
}
