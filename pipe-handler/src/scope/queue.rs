//! `Queue`: the chunks of one hold.

use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
};

use record_proto::BatchReason;

use super::chunk::{Chunk, Extent, OpenChunk};
use super::merge::Merge;

/// The chunks of a hold, by the times at which they were begun.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pub(super) slots: VecDeque<Slot>,
    /// What the chunks take, and those that are being made.
    pub(super) bytes: usize,
    pub(super) is_registered: bool,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) chunk: Arc<Chunk>,
    /// The part that was taken out.
    pub(super) taken: Extent,
}

impl Queue {
    pub(super) fn push(
        &mut self,
        chunk: Arc<Chunk>,
        age: u64,
        is_for_one_record: bool,
    ) -> OpenChunk {
        let open = chunk.open(age, is_for_one_record);
        self.bytes += chunk.capacity() * 8;
        let taken = Extent::default();
        self.slots.push_back(Slot { chunk, taken });
        open
    }

    /// Whether chunks that threads append to, and one more of so many bytes, take more than half of the bound. Only their
    /// threads can close them, and these may never log again.
    pub(super) fn is_crowded(&self, bytes: usize, bound: usize) -> bool {
        let open = self.slots.iter().filter(|slot| slot.chunk.is_open());
        let open: usize = open.map(|slot| slot.chunk.capacity() * 8).sum();
        open + bytes > bound / 2
    }

    /// Removes the oldest chunk that no thread appends to.
    pub(super) fn forget_oldest(&mut self) -> Option<Arc<Chunk>> {
        let at = self.slots.iter().position(|slot| !slot.chunk.is_open())?;
        let slot = self.slots.remove(at)?;
        self.bytes -= slot.chunk.capacity() * 8;
        slot.forget();
        Some(slot.chunk)
    }

    /// Removes the chunks of which everything was taken.
    pub(super) fn remove_taken(&mut self) {
        let bytes = &mut self.bytes;
        self.slots.retain(|slot| {
            let is_kept = slot.chunk.is_open() || slot.records() > 0;
            if !is_kept {
                *bytes -= slot.chunk.capacity() * 8;
            }
            is_kept
        });
    }

    /// Sends the records of a group that ends, those of each handler together.
    pub(super) fn send(self) {
        let mut slots = Vec::from(self.slots);
        while let Some(Slot { chunk, .. }) = slots.first() {
            let (writer, instance) = (Weak::clone(&chunk.writer), chunk.instance);
            let is_own =
                |slot: &Slot| slot.chunk.instance == instance && slot.chunk.writer.ptr_eq(&writer);
            let (own, others): (Vec<_>, Vec<_>) = slots.into_iter().partition(is_own);
            slots = others;
            let mut merge = Merge::default();
            for slot in own {
                merge.append(&slot.chunk, slot.taken);
            }
            if let Some(writer) = writer.upgrade().filter(|own| own.instance() == instance) {
                let batch = merge.into_batch();
                writer.send_batch(BatchReason::Group, &batch, batch.most_severe());
            }
        }
    }
}

impl Slot {
    /// The number of records that were not taken out.
    pub(super) fn records(&self) -> u64 {
        self.chunk.extent().records - self.taken.records
    }

    /// Counts the records as never sent.
    pub(super) fn forget(&self) {
        if let Some(writer) = self.chunk.writer.upgrade()
            && self.chunk.is_of(&writer, writer.instance())
        {
            writer.count_forgotten(self.records());
        }
    }
}
