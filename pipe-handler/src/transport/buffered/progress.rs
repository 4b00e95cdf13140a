use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{self, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// Threads that wait until the drain has come further.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waiting: AtomicUsize,
    turn: Mutex<()>,
    made: Condvar,
}

/// Nobody waits longer without a look: a drain can die with its thread, in ways that leave no trace.
const LONGEST: Duration = Duration::from_millis(100);

impl Progress {
    /// Waits a while, or until the drain tells of something; not at all where it is done.
    pub(crate) fn wait(&self, left: Duration, is_done: impl Fn() -> bool) {
        self.waiting.fetch_add(1, SeqCst);
        atomic::fence(SeqCst);
        let turn = self.turn();
        // The drain takes the turn before it tells, so what is missed here is seen there.
        if !is_done() {
            drop(self.made.wait_timeout(turn, left.min(LONGEST)));
        }
        self.waiting.fetch_sub(1, SeqCst);
    }

    /// Behind whatever is told of.
    pub(crate) fn tell(&self) {
        // Between what is told and the look who waits for it.
        atomic::fence(SeqCst);
        if self.waiting.load(SeqCst) > 0 {
            drop(self.turn());
            self.made.notify_all();
        }
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
