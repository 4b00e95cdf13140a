//! `Batcher`: numbers the frames of the child and puts them together to batches.

use std::{collections::VecDeque, mem, time::Duration};

use bytes::Bytes;
use log::Level;
use nats_relay::{BatchHeaders, RelayStart};
use pipe_subscriber::WholeFrame;
use tokio::time::Instant;

/// The most bytes of a batch, unless it is a single longer frame.
const MAX_BATCH: usize = 64 * 1024;

/// Builds batches of the frames of one child.
///
/// At most three batches are held: the one that is being built, one that it had no room for, and a long frame after that.
#[derive(Debug)]
pub(crate) struct Batcher {
    relay: RelayStart,
    child: u32,
    /// Whether each frame is a batch of its own.
    alone: bool,
    /// How long a batch waits for further frames.
    delay: Duration,
    /// The ordinal of the next frame.
    next: u64,
    building: Vec<u8>,
    first: u64,
    level: Option<Level>,
    /// When the batch that is being built goes, full or not.
    due: Option<Instant>,
    finished: VecDeque<Batch>,
}

/// Frames that go in one message.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) headers: BatchHeaders,
    pub(crate) body: Bytes,
}

impl Batcher {
    /// Creates a batcher for the child with this pid. With `alone`, each frame is a batch of its own; otherwise a batch
    /// waits so long for further frames.
    pub(crate) fn new(relay: RelayStart, child: u32, alone: bool, delay: Duration) -> Self {
        Self {
            relay,
            child,
            alone,
            delay,
            next: 0,
            building: Vec::with_capacity(MAX_BATCH),
            first: 0,
            level: None,
            due: None,
            finished: VecDeque::new(),
        }
    }

    /// Adds a frame. To be called only while there is no [finished](Self::finished) batch.
    pub(crate) fn push(&mut self, frame: &WholeFrame) {
        let payload = frame.frame.payload();
        // The cast loses nothing: a frame has at most as many bytes as the subscriber's limits allow.
        let head = (payload.len() as u32).to_be_bytes();
        let length = head.len() + payload.len();
        if self.building.len() + length > MAX_BATCH {
            self.finish();
        }
        self.due.get_or_insert_with(|| Instant::now() + self.delay);
        self.building.extend_from_slice(&head);
        self.building.extend_from_slice(payload);
        self.level = [self.level, frame.kind.level()].into_iter().flatten().min();
        self.next += 1;
        if self.alone || self.building.len() >= MAX_BATCH {
            self.finish();
        }
    }

    /// Counts a frame that will not go in a batch.
    pub(crate) fn skip(&mut self) {
        self.next += 1;
    }

    /// Finishes the batch that is being built, if it has frames.
    pub(crate) fn finish(&mut self) {
        if self.due.take().is_none() {
            return;
        }
        let headers = BatchHeaders {
            relay: self.relay,
            child: self.child,
            first: self.first,
            last: self.next - 1,
            level: self.level.take(),
        };
        let body = self.take_body();
        self.finished.push_back(Batch { headers, body });
        self.first = self.next;
    }

    /// Takes the body that was built. A full buffer goes as it is. Otherwise a copy of the right size goes, so that small batches do
    /// not hold large buffers.
    fn take_body(&mut self) -> Bytes {
        if self.building.len() * 8 > self.building.capacity() * 7 {
            return mem::replace(&mut self.building, Vec::with_capacity(MAX_BATCH)).into();
        }
        let body = Bytes::copy_from_slice(&self.building);
        self.building.clear();
        self.building.shrink_to(MAX_BATCH);
        body
    }

    /// Returns the oldest batch that is ready to go.
    pub(crate) fn finished(&self) -> Option<&Batch> {
        self.finished.front()
    }

    /// Takes that batch.
    pub(crate) fn take_finished(&mut self) -> Option<Batch> {
        self.finished.pop_front()
    }

    /// Returns when the batch that is being built has to be finished, if it has frames.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Returns the ordinal of the last frame, or `None` before the first.
    pub(crate) fn last(&self) -> Option<u64> {
        self.next.checked_sub(1)
    }

    /// Returns how many frames have not been taken.
    pub(crate) fn pending(&self) -> u64 {
        let oldest = self
            .finished()
            .map_or(self.first, |batch| batch.headers.first);
        self.next - oldest
    }
}

#[cfg(test)]
mod tests;
