//! `Batcher`: numbers the frames of the child and puts them together to batches.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use log::Level;
use nats_relay::{BatchHeaders, RelayStart};
use pipe_subscriber::WholeFrame;
use tokio::time::Instant;

/// The most bytes of a batch, unless it is a single longer frame.
const MAX_BATCH: usize = 64 * 1024;

/// How long a batch waits for further frames.
const MAX_DELAY: Duration = Duration::from_millis(10);

/// Builds batches of the frames of one child.
///
/// At most three batches are held: the one that is being built, one that it had no room for, and a long frame after that.
#[derive(Debug)]
pub(crate) struct Batcher {
    relay: RelayStart,
    child: u32,
    /// Whether each frame is a batch of its own.
    alone: bool,
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
    /// Creates a batcher for the child with this pid. With `alone`, each frame is a batch of its own.
    pub(crate) fn new(relay: RelayStart, child: u32, alone: bool) -> Self {
        Self {
            relay,
            child,
            alone,
            next: 0,
            building: Vec::new(),
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
        self.due.get_or_insert_with(|| Instant::now() + MAX_DELAY);
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
        // A copy of the right size: the buffer is used again, and small batches do not hold large buffers.
        let body = Bytes::copy_from_slice(&self.building);
        self.finished.push_back(Batch { headers, body });
        self.building.clear();
        if self.building.capacity() > 2 * MAX_BATCH {
            self.building = Vec::new();
        }
        self.first = self.next;
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
