//! `Queue`: the frames that are on their way to a drain.

use std::{
    mem,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    task::Waker,
    time::Duration,
};

use tokio::runtime::Handle;

use crate::sys::process;
use crate::transport::{Deadline, Written};

/// The most bytes that wait for the drain. As many again may be in the drain's hands.
const CAPACITY: usize = 1024 * 1024;

/// The longest wait before the state is checked again.
const LOOK: Duration = Duration::from_secs(1);

/// The frames of all threads of one process, in the order in which they were pushed.
///
/// A lock is held for the copy of a frame, and for the exchange of two buffers by the drain: never while a record is
/// formatted or written. A forked child never takes it, because it may find it held for ever.
#[derive(Debug)]
pub(crate) struct Queue {
    /// The process whose threads and drain these are.
    process: u64,
    state: Mutex<State>,
    /// The drain has written frames, or has ended.
    progress: Condvar,
    /// The drain has found that there is no reader, or was dropped.
    is_gone: AtomicBool,
}

#[derive(Debug)]
struct State {
    frames: Vec<u8>,
    /// How many bytes were pushed, and how many of these were written, since the start.
    pushed: u64,
    written: u64,
    /// Of the drain, while it has nothing to do.
    waker: Option<Waker>,
    /// The handler is gone: no more frames will come.
    is_closed: bool,
}

/// What the drain finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    Frames,
    /// There are none now. The drain is woken when there are.
    None,
    /// There are none, and no more will come.
    End,
}

impl Queue {
    pub(crate) fn new() -> Self {
        Self {
            process: process::generation(),
            state: Mutex::new(State {
                // Allocated here: an allocator that logs must not do so under the lock.
                frames: Vec::with_capacity(CAPACITY),
                pushed: 0,
                written: 0,
                waker: None,
                is_closed: false,
            }),
            progress: Condvar::new(),
            is_gone: AtomicBool::new(false),
        }
    }

    /// Whether this thread may be the one that polls the drain. Then it must not wait for it.
    pub(crate) fn may_be_drained_here() -> bool {
        Handle::try_current().is_ok()
    }

    /// Whether there is no drain in this process, or it has found that there is no reader.
    pub(crate) fn is_gone(&self) -> bool {
        // Relaxed: a thread that misses it leaves a frame that nobody reads.
        self.is_gone.load(Relaxed) || self.process != process::generation()
    }

    /// Leaves frames for the drain; they stay together.
    pub(crate) fn push(&self, frames: &[u8], deadline: &mut Deadline) -> Written {
        if self.is_gone() {
            return Written::Gone;
        }
        let mut state = self.lock();
        while state.frames.len() + frames.len() > CAPACITY {
            match self.wait(state, deadline) {
                Some(after) => state = after,
                None => return Written::Full,
            }
            if self.is_gone() {
                return Written::Gone;
            }
        }
        state.frames.extend_from_slice(frames);
        state.pushed += frames.len() as u64;
        let waker = state.waker.take();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        Written::Whole
    }

    /// Waits until everything that was pushed before is written. Returns `false` if the deadline was too short, if this
    /// thread must not wait, or if there is no reader.
    pub(crate) fn flush(&self, deadline: &mut Deadline) -> bool {
        if self.is_gone() {
            return false;
        }
        let mut state = self.lock();
        let end = state.pushed;
        while state.written < end {
            match self.wait(state, deadline) {
                Some(after) if !self.is_gone() => state = after,
                _ => return false,
            }
        }
        true
    }

    /// Lets the drain end once it has written everything.
    pub(crate) fn close(&self) {
        if self.is_gone() {
            return;
        }
        let mut state = self.lock();
        state.is_closed = true;
        let waker = state.waker.take();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }

    /// Exchanges the frames for an empty buffer. `waker`: of the drain, which is woken when there are frames again.
    pub(super) fn take(&self, frames: &mut Vec<u8>, waker: &Waker) -> Taken {
        // In a forked child, nobody pushes.
        if self.is_gone() {
            return Taken::End;
        }
        let mut state = self.lock();
        if !state.frames.is_empty() {
            mem::swap(&mut state.frames, frames);
            return Taken::Frames;
        }
        if state.is_closed {
            return Taken::End;
        }
        state.waker = Some(waker.clone());
        Taken::None
    }

    /// Notes that so many more bytes are written.
    pub(super) fn confirm(&self, bytes: usize) {
        self.lock().written += bytes as u64;
        self.progress.notify_all();
    }

    /// Notes that nobody will write any more. Later frames are discarded.
    pub(super) fn end(&self) {
        if self.is_gone() {
            return;
        }
        // Under the lock, so that no thread goes to sleep after it was not seen.
        let state = self.lock();
        self.is_gone.store(true, Relaxed);
        drop(state);
        self.progress.notify_all();
    }

    /// Returns a buffer of the size that [`take`](Self::take) exchanges.
    pub(super) fn buffer() -> Vec<u8> {
        Vec::with_capacity(CAPACITY)
    }

    /// Waits for progress. Returns `None` if the deadline was too short, or if this thread must not wait.
    fn wait<'s>(
        &self,
        state: MutexGuard<'s, State>,
        deadline: &mut Deadline,
    ) -> Option<MutexGuard<'s, State>> {
        let left = deadline.remaining()?;
        if Self::may_be_drained_here() {
            return None;
        }
        let waited = self.progress.wait_timeout(state, left.min(LOOK));
        Some(waited.unwrap_or_else(PoisonError::into_inner).0)
    }

    /// Ignores poisoning: no code under this lock panics.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
