use std::{
    cell::Cell,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError, Weak,
        atomic::{
            AtomicBool, AtomicUsize,
            Ordering::{Acquire, Relaxed, SeqCst},
        },
    },
    task::Waker,
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
    /// The hello of the process: whoever sees a record in a ring finds it here, or gone already.
    greeting: Mutex<Vec<u8>>,
    /// Whether there ever was one.
    greeted: AtomicBool,
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

/// A thread that has logged nothing for so long, in nanoseconds, writes its next record itself.
const QUIET: u64 = 500_000;

thread_local! {
    /// When this thread logged last.
    static LAST: Cell<u64> = const { Cell::new(0) };
}

impl Queue {
    /// `capacity`: bytes for each thread.
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            rings: Rings::new(capacity),
            pid: process::id(),
            greeting: Mutex::default(),
            greeted: AtomicBool::new(false),
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
        pause >= QUIET && !self.greeted.load(Relaxed) && self.rings.is_clear()
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
                    self.wake();
                    // The drain may have ended without having seen this.
                    if self.ended.load(Relaxed) {
                        // What finds no room now goes before this thread's next record.
                        let _later = pipe.map(|pipe| self.settle(pipe, patience));
                    }
                    return Written::Whole;
                }
                Some(false) => {}
                None if self.rings.open(frames) => {
                    self.wake();
                    return Written::Whole;
                }
                None => continue,
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

    pub(crate) fn greet(&self, hello: &[u8]) {
        self.greeted.store(true, SeqCst);
        lock(&self.greeting).extend_from_slice(hello);
        self.wake();
    }

    /// Waits until everything pushed so far is written. Where the drain is a task of a runtime that may not come to
    /// its turn (the caller may be what it waits for), it is done here.
    pub(crate) fn flush(&self, pipe: Option<&Pipe>, patience: &mut Patience) -> bool {
        if !self.is_live() {
            return true;
        }
        if let Some(is_written) = self.write_rest(pipe, patience) {
            return is_written;
        }
        let rings = self.rings.all().into_iter();
        let rings: Vec<_> = rings.map(|ring| (ring.committed(), ring)).collect();
        let is_done = || {
            rings.iter().all(|(end, ring)| ring.drained() >= *end)
                && lock(&self.greeting).is_empty()
        };
        self.wake();
        while !is_done() && self.is_live() {
            let Some(left) = patience.left() else {
                return false;
            };
            self.wait(left, is_done);
        }
        is_done()
    }

    /// Where the drain has ended early: writes what this thread has in its ring, before anything newer.
    pub(crate) fn settle(&self, pipe: &Pipe, patience: &mut Patience) -> Written {
        if !self.is_own() {
            return Written::Whole;
        }
        let Some(ring) = self.rings.own() else {
            return Written::Whole;
        };
        if ring.drained() == ring.committed() {
            return Written::Whole;
        }
        let _last = lock(&self.last);
        self.write_greeting(pipe, patience);
        write_ring(&ring, pipe, patience)
    }

    /// Ends the drain where it is and writes what it leaves. From here on every thread writes directly. `false` where
    /// the time was too short for that.
    pub(crate) fn stop(&self, pipe: &Pipe, patience: &mut Patience) -> bool {
        if !self.is_live() {
            return true;
        }
        if !self.stop_drain(pipe, patience) {
            return false;
        }
        let rings = self.rings.all();
        let _last = lock(&self.last);
        self.write_greeting(pipe, patience);
        rings
            .iter()
            .all(|ring| write_ring(ring, pipe, patience) == Written::Whole)
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

    /// A hello that found no room, and that the drain has not taken.
    fn write_greeting(&self, pipe: &Pipe, patience: &mut Patience) {
        let mut greeting = lock(&self.greeting);
        if !greeting.is_empty() && pipe.write(&greeting, patience) == Written::Whole {
            greeting.clear();
        }
    }

    /// Does the work of a drain that is a task, unless it is doing it right now. Whether everything is written.
    fn write_rest(&self, pipe: Option<&Pipe>, patience: &mut Patience) -> Option<bool> {
        let pipe = pipe?;
        let rest = lock(&self.rest).as_ref().and_then(Weak::upgrade)?;
        let is_written = rest.try_lock().ok()?.write_to(pipe, patience);
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
    pub(crate) fn take_greeting(&self, out: &mut BytesMut) {
        let mut greeting = lock(&self.greeting);
        out.extend_from_slice(&greeting);
        greeting.clear();
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

/// Writes whole frames to a pipe, as many at once as it takes in one piece.
pub(crate) fn write_all(frames: &mut BytesMut, pipe: &Pipe, patience: &mut Patience) -> bool {
    while !frames.is_empty() {
        let length = whole_frames(frames).len();
        if length == 0 || pipe.write(&frames[..length], patience) != Written::Whole {
            return false;
        }
        frames.advance(length);
    }
    true
}

/// Nothing that is done under these locks can leave anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
