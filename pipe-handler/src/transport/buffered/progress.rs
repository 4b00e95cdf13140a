use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{self, AtomicUsize, Ordering::SeqCst},
    },
    time::Duration,
};

/// Lets threads wait until the drain has made progress.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    waiting: AtomicUsize,
    turn: Mutex<()>,
    made: Condvar,
}

/// The longest wait without a new check: a drain can die with its thread and notify no one.
const LONGEST: Duration = Duration::from_millis(100);

impl Progress {
    /// Waits until the drain notifies, for a while at most, and not at all if `is_done`.
    pub(crate) fn wait(&self, left: Duration, is_done: impl Fn() -> bool) {
        self.waiting.fetch_add(1, SeqCst);
        atomic::fence(SeqCst);
        let turn = self.turn();
        // `tell` locks `turn` before it notifies. So either `is_done` sees the change, or the wait gets the
        // notification.
        if !is_done() {
            drop(self.made.wait_timeout(turn, left.min(LONGEST)));
        }
        self.waiting.fetch_sub(1, SeqCst);
    }

    /// Notifies the waiting threads. Call it after the change that they wait for.
    pub(crate) fn tell(&self) {
        // Between the store of that change and the load of `waiting`, as in `wait` between the store of `waiting` and
        // the load of the change: at least one side sees the other.
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
