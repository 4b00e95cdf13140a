use std::{
    cell::Cell,
    sync::{
        Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    time::Duration,
};

use tokio::runtime::Handle;

use super::drain_waker::DrainWaker;
use super::fence;
use super::leftovers::Leftovers;
use super::progress::Progress;
use super::rings::{Opened, Rings};
use crate::sys::process;
use crate::transport::{Deadline, Pipe, Written};

/// The frames that are on their way to the drain, in the [`Rings`] of the threads that log.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) rings: Rings,
    /// The process whose threads and drain these are.
    process: u64,
    pub(crate) leftovers: Leftovers,
    pub(crate) waker: DrainWaker,
    pub(crate) progress: Progress,
    /// The handler is gone: no more frames will come.
    closing: AtomicBool,
    /// The process is about to exit: the drain is to end where it is.
    stopping: AtomicBool,
    ended: AtomicBool,
    /// The drain has found that there is no reader, or was dropped and cannot be bypassed.
    gone: AtomicBool,
    /// The drain's work, for a flush while the drain is not polled.
    rest: Mutex<Option<Weak<Mutex<dyn Rest>>>>,
}

/// The drain's work, if another thread has to do it.
pub(crate) trait Rest: Send + std::fmt::Debug {
    /// Writes the frames that were taken and those in the rings.
    fn write_to(&mut self, pipe: &Pipe, deadline: &mut Deadline) -> bool;
}

/// A thread that has logged nothing for so long, in nanoseconds, writes its next record itself.
const PAUSE: u64 = 500_000;

thread_local! {
    /// When this thread logged last.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

impl Queue {
    /// `capacity`: bytes for each thread.
    pub(crate) fn new(capacity: usize) -> Self {
        fence::prepare();
        Self {
            rings: Rings::new(capacity),
            process: process::generation(),
            leftovers: Leftovers::default(),
            waker: DrainWaker::default(),
            progress: Progress::default(),
            closing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            gone: AtomicBool::new(false),
            rest: Mutex::default(),
        }
    }

    /// Whether a drain of this process will write the frames that are pushed.
    pub(crate) fn is_live(&self) -> bool {
        self.is_own() && !self.ended.load(Acquire)
    }

    /// Whether this thread may be the one that polls a drain that is a task. Then it must not wait for that drain.
    pub(crate) fn may_be_drained_here() -> bool {
        Handle::try_current().is_ok()
    }

    /// Whether this process has not been forked since.
    fn is_own(&self) -> bool {
        self.process == process::generation()
    }

    /// Whether a record logged at `time` is the first after a pause of its thread, and no older frame of the thread
    /// waits.
    ///
    /// Such a record is written directly: it arrives at once, and that costs less than to wake the drain.
    pub(crate) fn is_after_pause(&self, time: u64) -> bool {
        let pause = time.saturating_sub(LAST.replace(time));
        pause >= PAUSE && self.leftovers.none_first() && self.rings.is_clear()
    }

    /// Whether the drain has found that there is no reader.
    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// Leaves frames for the drain; they stay together. Returns `Gone` if there is no drain, or none any more.
    pub(crate) fn push(
        &self,
        frames: &[u8],
        pipe: Option<&Pipe>,
        deadline: &mut Deadline,
    ) -> Written {
        loop {
            if !self.is_live() {
                return Written::Gone;
            }
            match self.rings.push(frames) {
                Some(true) => {
                    self.follow_push(pipe, deadline);
                    return Written::Whole;
                }
                Some(false) => {}
                None => match self.rings.open(frames) {
                    Opened::Kept => continue,
                    Opened::NoMemory => return self.write_without_ring(frames, pipe, deadline),
                    Opened::OfLast(ring) => {
                        self.waker.wake();
                        if self.ended.load(Relaxed) {
                            pipe.map(|pipe| self.leftovers.write([&*ring], pipe, deadline));
                        }
                        return Written::Whole;
                    }
                },
            }
            self.waker.wake();
            let Some(left) = deadline.remaining() else {
                return Written::Full;
            };
            if pipe.is_none() && Self::may_be_drained_here() {
                return Written::Full;
            }
            if self.write_rest(pipe, deadline).is_some() {
                continue;
            }
            self.wait(left, || self.rings.has_room(frames.len()));
        }
    }

    /// A thread for which there is no memory has nothing in a ring, so that only a hello can stand before its frames.
    fn write_without_ring(
        &self,
        frames: &[u8],
        pipe: Option<&Pipe>,
        deadline: &mut Deadline,
    ) -> Written {
        let Some(pipe) = pipe else {
            return Written::Full;
        };
        match self.leftovers.write([], pipe, deadline) {
            Written::Whole => pipe.write(frames, deadline),
            written => written,
        }
    }

    /// The usual case of [`push`](Self::push): there is room at once.
    #[inline]
    pub(crate) fn push_at_once(
        &self,
        frames: &[u8],
        pipe: Option<&Pipe>,
        deadline: &mut Deadline,
    ) -> bool {
        let is_pushed = self.is_live() && self.rings.push(frames) == Some(true);
        if is_pushed {
            self.follow_push(pipe, deadline);
        }
        is_pushed
    }

    #[inline]
    fn follow_push(&self, pipe: Option<&Pipe>, deadline: &mut Deadline) {
        self.waker.wake();
        // The drain may have ended without having seen this.
        if self.ended.load(Relaxed) {
            // Frames that find no room now are written before this thread's next record.
            let _later = pipe.map(|pipe| self.settle(pipe, deadline));
        }
    }

    pub(crate) fn push_hello(&self, hello: &[u8]) {
        self.leftovers.push(hello);
        self.waker.wake();
    }

    /// Waits until everything pushed so far is written.
    ///
    /// If the drain is a task, its runtime may not poll it (the caller may block that runtime), so its work is done
    /// here.
    pub(crate) fn flush(&self, pipe: Option<&Pipe>, deadline: &mut Deadline) -> bool {
        if !self.is_own() {
            return true;
        }
        if let Some(is_written) = self.write_rest(pipe, deadline) {
            return is_written;
        }
        let rings = self.rings.all().into_iter();
        let rings: Vec<_> = rings.map(|ring| (ring.committed(), ring)).collect();
        let is_done = || {
            let mut rings = rings.iter();
            rings.all(|(end, ring)| ring.drained() >= *end) && self.leftovers.is_empty()
        };
        self.waker.wake();
        while self.is_live() && !is_done() {
            let Some(left) = deadline.remaining() else {
                return false;
            };
            self.wait(left, is_done);
        }
        is_done() || pipe.is_none_or(|pipe| self.write_left(pipe, deadline))
    }

    /// Writes the frames that an ended drain has left in this thread's ring, before any newer frame.
    pub(crate) fn settle(&self, pipe: &Pipe, deadline: &mut Deadline) -> Written {
        if !self.is_own() {
            return Written::Whole;
        }
        let ring = self.rings.own();
        let ring = ring.filter(|ring| ring.drained() < ring.committed());
        if ring.is_none() && self.leftovers.is_empty() {
            return Written::Whole;
        }
        self.leftovers.write(ring.as_deref(), pipe, deadline)
    }

    /// Ends the drain at once and writes the frames that it leaves. From then on every thread writes directly. Returns
    /// `false` if the deadline was too short.
    pub(crate) fn stop(&self, pipe: &Pipe, deadline: &mut Deadline) -> bool {
        if !self.is_own() {
            return true;
        }
        if self.is_live() && !self.stop_drain(pipe, deadline) {
            return false;
        }
        self.write_left(pipe, deadline)
    }

    fn stop_drain(&self, pipe: &Pipe, deadline: &mut Deadline) -> bool {
        let rest = lock(&self.rest).as_ref().and_then(Weak::upgrade);
        if let Some(rest) = rest
            && let Ok(mut rest) = rest.try_lock()
        {
            // The drain is a task that may never be polled again, and that the lock keeps from working now.
            let is_written = rest.write_to(pipe, deadline);
            if is_written {
                self.end();
            }
            drop(rest);
            self.waker.wake();
            return is_written;
        }
        self.stopping.store(true, SeqCst);
        self.waker.wake();
        let has_ended = || self.ended.load(SeqCst);
        while !has_ended() {
            let Some(left) = deadline.remaining() else {
                self.stopping.store(false, SeqCst);
                return has_ended();
            };
            self.wait(left, has_ended);
        }
        true
    }

    /// Writes all frames that an ended drain has left. Returns `false` if the deadline was too short.
    fn write_left(&self, pipe: &Pipe, deadline: &mut Deadline) -> bool {
        let rings = self.rings.all();
        let rings = rings.iter().map(|ring| &**ring);
        self.leftovers.write(rings, pipe, deadline) != Written::Full
    }

    /// Does the work of a drain that is a task, unless that is working now. Returns whether everything is written.
    fn write_rest(&self, pipe: Option<&Pipe>, deadline: &mut Deadline) -> Option<bool> {
        let pipe = pipe?;
        let rest = lock(&self.rest).as_ref().and_then(Weak::upgrade)?;
        let mut rest = rest.try_lock().ok()?;
        // A drain ends while it holds this lock. Later frames are written directly, not by the drain.
        if !self.is_live() {
            return None;
        }
        let is_written = rest.write_to(pipe, deadline);
        drop(rest);
        // The drain may have found its work taken.
        self.waker.wake();
        Some(is_written)
    }

    /// Lets the drain end once it has nothing more to do.
    pub(crate) fn close(&self) {
        if self.is_own() {
            self.closing.store(true, SeqCst);
            self.waker.wake();
        }
    }

    /// Waits for the drain until `is_done`, as long as there is a drain.
    fn wait(&self, left: Duration, is_done: impl Fn() -> bool) {
        self.progress.wait(left, || is_done() || !self.is_live());
    }
}

/// For the drain.
impl Queue {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(SeqCst)
    }

    /// The drain will not come back.
    pub(crate) fn end(&self) {
        self.ended.store(true, SeqCst);
        fence::heavy();
        self.progress.tell();
    }

    /// There is no reader any more, and there will be none.
    pub(crate) fn set_gone(&self) {
        self.gone.store(true, Relaxed);
    }

    pub(crate) fn set_rest(&self, rest: Weak<Mutex<dyn Rest>>) {
        *lock(&self.rest) = Some(rest);
    }
}

/// Ignores poisoning: code under these locks cannot leave the data half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
