use std::{
    cell::Cell,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, TryLockError, Weak,
        atomic::{
            self, AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    task::Waker,
    thread,
    time::Duration,
};

use bytes::{Buf, BytesMut};
use tokio::runtime::Handle;

use crate::{
    fence,
    overflow::Patience,
    pipe::{Pipe, Written},
    pipe_writer::whole_frames,
    process,
    rings::Rings,
    staging::Staging,
};

/// The frames that are on their way to the drain, in the [`Rings`] of the threads that log.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) rings: Rings,
    /// The process whose threads and drain these are.
    pid: u32,
    /// What goes before everything in the rings: a hello that found no room (whoever sees a record in a ring finds it
    /// here, or gone already), or what a drain had taken when it ended.
    first: Mutex<BytesMut>,
    /// Whether there ever was anything.
    any_first: AtomicBool,
    /// The drain has found nothing and waits to be woken.
    idle: AtomicBool,
    waker: Mutex<Option<Waker>>,
    /// The handler is gone: what is in the rings is all there will be.
    closing: AtomicBool,
    /// The process is about to exit: the drain is to end where it is.
    stopping: AtomicBool,
    ended: AtomicBool,
    /// Held by whoever writes what an ended drain has left.
    last: Mutex<()>,
    /// Threads that wait for `progress`.
    waiting: AtomicUsize,
    turn: Mutex<()>,
    progress: Condvar,
    /// What the drain has taken and not yet written, for a flush that the drain cannot do.
    rest: Mutex<Option<Weak<Mutex<dyn Rest>>>>,
}

/// The drain's half of the work, when somebody else has to do it.
pub(crate) trait Rest: Send + std::fmt::Debug {
    /// Writes what was taken and what is in the rings.
    fn write_to(&mut self, pipe: &Pipe, patience: &mut Patience) -> bool;
}

/// How long to wait before asking again for the turn to write.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

/// A thread that has logged nothing for so long, in nanoseconds, writes its next record itself.
const QUIET: u64 = 500_000;

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
            pid: process::id(),
            first: Mutex::default(),
            any_first: AtomicBool::new(false),
            idle: AtomicBool::new(false),
            waker: Mutex::default(),
            closing: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            ended: AtomicBool::new(false),
            last: Mutex::default(),
            waiting: AtomicUsize::new(0),
            turn: Mutex::default(),
            progress: Condvar::new(),
            rest: Mutex::default(),
        }
    }

    /// Whether a drain of this process carries away what is pushed.
    pub(crate) fn is_live(&self) -> bool {
        self.is_own() && !self.ended.load(Acquire)
    }

    /// Whether this process has not been forked since.
    fn is_own(&self) -> bool {
        self.pid == process::id()
    }

    /// Counts a record of this thread that was pushed; `false` where there is no place for that.
    pub(crate) fn count(&self) -> bool {
        self.is_own() && self.rings.count()
    }

    /// How many records were [counted](Self::count).
    pub(crate) fn records(&self) -> u64 {
        match self.is_own() {
            true => self.rings.records(),
            false => 0,
        }
    }

    /// Whether a record logged at `time` is the first after a pause of its thread, with nothing of the thread in front
    /// of it: written directly it is there at once, for less than it costs to wake the drain.
    pub(crate) fn is_quiet(&self, time: u64) -> bool {
        let pause = time.saturating_sub(LAST.replace(time));
        pause >= QUIET && !self.any_first.load(Relaxed) && self.rings.is_clear()
    }

    /// Leaves frames for the drain; they stay together. `Gone` where there is no drain (any more).
    pub(crate) fn push(
        &self,
        frames: &[u8],
        pipe: Option<&Pipe>,
        patience: &mut Patience,
    ) -> Written {
        loop {
            if !self.is_live() {
                return Written::Gone;
            }
            match self.rings.push(frames) {
                Some(true) => {
                    self.follow_push(pipe, patience);
                    return Written::Whole;
                }
                Some(false) => {}
                None => {
                    let Some(ring) = self.rings.open(frames) else {
                        continue;
                    };
                    self.wake();
                    if self.ended.load(Relaxed)
                        && let Some(pipe) = pipe
                        && let Some(_last) = self.last_within(patience)
                    {
                        write_ring(&ring, pipe, patience);
                    }
                    return Written::Whole;
                }
            }
            self.wake();
            let Some(left) = patience.left() else {
                return Written::Full;
            };
            // A drain that is a task may need this very thread.
            if pipe.is_none() && Handle::try_current().is_ok() {
                return Written::Full;
            }
            if self.write_rest(pipe, patience).is_some() {
                continue;
            }
            self.wait(left, || self.rings.has_room(frames.len()));
        }
    }

    /// The usual case of [`push`](Self::push): a record that finds room at once. It is counted too.
    #[inline]
    pub(crate) fn push_record(
        &self,
        record: &[u8],
        pipe: Option<&Pipe>,
        patience: &mut Patience,
    ) -> bool {
        let is_pushed = self.is_live() && self.rings.push_record(record);
        if is_pushed {
            self.follow_push(pipe, patience);
        }
        is_pushed
    }

    #[inline]
    fn follow_push(&self, pipe: Option<&Pipe>, patience: &mut Patience) {
        self.wake();
        // The drain may have ended without having seen this.
        if self.ended.load(Relaxed) {
            // What finds no room now goes before this thread's next record.
            let _later = pipe.map(|pipe| self.settle(pipe, patience));
        }
    }

    pub(crate) fn greet(&self, hello: &[u8]) {
        self.any_first.store(true, SeqCst);
        lock(&self.first).extend_from_slice(hello);
        self.wake();
    }

    /// Waits until everything pushed so far is written. Where the drain is a task of a runtime that may not come to
    /// its turn (the caller may be what it waits for), it is done here.
    pub(crate) fn flush(&self, pipe: Option<&Pipe>, patience: &mut Patience) -> bool {
        if !self.is_own() {
            return true;
        }
        if let Some(is_written) = self.write_rest(pipe, patience) {
            return is_written;
        }
        let rings = self.rings.all().into_iter();
        let rings: Vec<_> = rings.map(|ring| (ring.committed(), ring)).collect();
        let is_done = || {
            rings.iter().all(|(end, ring)| ring.drained() >= *end) && lock(&self.first).is_empty()
        };
        self.wake();
        while self.is_live() && !is_done() {
            let Some(left) = patience.left() else {
                return false;
            };
            self.wait(left, is_done);
        }
        is_done() || pipe.is_none_or(|pipe| self.write_left(pipe, patience))
    }

    /// Where the drain has ended early: writes what this thread has in its ring, before anything newer.
    pub(crate) fn settle(&self, pipe: &Pipe, patience: &mut Patience) -> Written {
        if !self.is_own() {
            return Written::Whole;
        }
        let ring = self.rings.own();
        let ring = ring.filter(|ring| ring.drained() < ring.committed());
        let is_first = self.any_first.load(Relaxed) && !lock(&self.first).is_empty();
        if ring.is_none() && !is_first {
            return Written::Whole;
        }
        let Some(_last) = self.last_within(patience) else {
            return Written::Full;
        };
        match write_all(&mut lock(&self.first), pipe, patience) {
            Written::Whole => ring.map_or(Written::Whole, |ring| write_ring(&ring, pipe, patience)),
            written => written,
        }
    }

    /// Ends the drain where it is and writes what it leaves. From here on every thread writes directly. `false` where
    /// the time was too short for that.
    pub(crate) fn stop(&self, pipe: &Pipe, patience: &mut Patience) -> bool {
        if !self.is_own() {
            return true;
        }
        if self.is_live() && !self.stop_drain(pipe, patience) {
            return false;
        }
        self.write_left(pipe, patience)
    }

    fn stop_drain(&self, pipe: &Pipe, patience: &mut Patience) -> bool {
        let rest = lock(&self.rest).as_ref().and_then(Weak::upgrade);
        if let Some(rest) = rest
            && let Ok(mut rest) = rest.try_lock()
        {
            // A task that may never have its turn again, and cannot have it now.
            let is_written = rest.write_to(pipe, patience);
            if is_written {
                self.end();
            }
            drop(rest);
            self.wake();
            return is_written;
        }
        self.stopping.store(true, SeqCst);
        self.wake();
        let has_ended = || self.ended.load(SeqCst);
        while !has_ended() {
            let Some(left) = patience.left() else {
                self.stopping.store(false, SeqCst);
                return has_ended();
            };
            self.wait(left, has_ended);
        }
        true
    }

    /// Writes all that an ended drain has left. `false` where the time was too short for that.
    fn write_left(&self, pipe: &Pipe, patience: &mut Patience) -> bool {
        let Some(_last) = self.last_within(patience) else {
            return false;
        };
        let rings = self.rings.all();
        write_all(&mut lock(&self.first), pipe, patience) != Written::Full
            && rings
                .iter()
                .all(|ring| write_ring(ring, pipe, patience) != Written::Full)
    }

    /// The turn to write what an ended drain has left. Whoever has it may be waiting for room.
    fn last_within(&self, patience: &mut Patience) -> Option<MutexGuard<'_, ()>> {
        loop {
            match self.last.try_lock() {
                Ok(last) => return Some(last),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => {
                    patience.left()?;
                    thread::sleep(BUSY_PAUSE);
                }
            }
        }
    }

    /// Does the work of a drain that is a task, unless it is doing it right now. Whether everything is written.
    fn write_rest(&self, pipe: Option<&Pipe>, patience: &mut Patience) -> Option<bool> {
        let pipe = pipe?;
        let rest = lock(&self.rest).as_ref().and_then(Weak::upgrade)?;
        let mut rest = rest.try_lock().ok()?;
        // It ends with its work in hand: what comes later is not its any more.
        if !self.is_live() {
            return None;
        }
        let is_written = rest.write_to(pipe, patience);
        drop(rest);
        // The drain may have found its work taken.
        self.wake();
        Some(is_written)
    }

    /// Lets the drain end once it has nothing more to do.
    pub(crate) fn close(&self) {
        if self.is_own() {
            self.closing.store(true, SeqCst);
            self.wake();
        }
    }

    /// What does not fit into this thread's ring waits for the drain.
    fn wait(&self, left: Duration, is_done: impl Fn() -> bool) {
        self.waiting.fetch_add(1, SeqCst);
        atomic::fence(SeqCst);
        let turn = lock(&self.turn);
        // The drain takes the turn before it tells, so what is missed here is seen there.
        if !is_done() && self.is_live() {
            // Never for ever: a drain can die with its thread, in ways that leave no trace.
            let left = left.min(Duration::from_millis(100));
            drop(self.progress.wait_timeout(turn, left));
        }
        self.waiting.fetch_sub(1, SeqCst);
    }

    /// Behind whatever the drain is to see: it says that it will sleep, and then looks once more.
    fn wake(&self) {
        fence::light();
        if self.idle.load(Relaxed) && self.idle.swap(false, SeqCst) {
            let waker = lock(&self.waker).take();
            waker.inspect(Waker::wake_by_ref);
        }
    }
}

/// For the drain.
impl Queue {
    pub(crate) fn take_first(&self, out: &mut BytesMut) {
        let mut first = lock(&self.first);
        out.extend_from_slice(&first);
        first.clear();
    }

    /// What a drain that ends has taken and cannot write goes before all else.
    pub(crate) fn leave(&self, taken: &mut BytesMut) {
        let mut first = lock(&self.first);
        taken.extend_from_slice(&first);
        std::mem::swap(&mut *first, taken);
        taken.clear();
        self.any_first.store(true, SeqCst);
    }

    /// Announces that the drain will wait; it has to look once more before it does.
    pub(crate) fn set_idle(&self, waker: &Waker) {
        *lock(&self.waker) = Some(waker.clone());
        self.idle.store(true, SeqCst);
        fence::heavy();
    }

    pub(crate) fn set_busy(&self) {
        self.idle.store(false, SeqCst);
    }

    pub(crate) fn tell_progress(&self) {
        // Between what is told and the look who waits for it.
        atomic::fence(SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            drop(lock(&self.turn));
            self.progress.notify_all();
        }
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(SeqCst)
    }

    /// To be held while the drain writes its last.
    pub(crate) fn last(&self) -> MutexGuard<'_, ()> {
        lock(&self.last)
    }

    /// The drain will not come back.
    pub(crate) fn end(&self) {
        self.ended.store(true, SeqCst);
        fence::heavy();
        drop(lock(&self.turn));
        self.progress.notify_all();
    }

    pub(crate) fn set_rest(&self, rest: Weak<Mutex<dyn Rest>>) {
        *lock(&self.rest) = Some(rest);
    }
}

/// Writes what is left in a ring that no drain carries away any more. For whoever holds the lock on that.
fn write_ring(ring: &Staging, pipe: &Pipe, patience: &mut Patience) -> Written {
    let mut frames = BytesMut::new();
    // One entry after the other: what is written is given back at once and never written again.
    while ring.drained() < ring.committed() {
        frames.clear();
        let end = ring.copy(ring.drained(), ring.committed(), 1, &mut frames);
        let written = pipe.write(&frames, patience);
        if written != Written::Whole {
            return written;
        }
        ring.set_drained(end);
    }
    Written::Whole
}

/// Writes whole frames to a pipe, as many at once as it takes in one piece. What is written is taken from them.
pub(crate) fn write_all(frames: &mut BytesMut, pipe: &Pipe, patience: &mut Patience) -> Written {
    while !frames.is_empty() {
        let length = whole_frames(frames).len();
        if length == 0 {
            return Written::Gone;
        }
        let written = pipe.write(&frames[..length], patience);
        if written != Written::Whole {
            return written;
        }
        frames.advance(length);
    }
    Written::Whole
}

/// Nothing that is done under these locks can leave anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
