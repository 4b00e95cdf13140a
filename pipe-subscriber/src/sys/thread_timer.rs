//! The timer for systems that refuse timers as descriptors.

use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use super::panics::discard_panic;
use super::signal_mask::with_signals_blocked;

/// A thread that sleeps until a deadline and then wakes the task that polls the timer.
///
/// It is used if the system refuses a timer that is a descriptor.
#[derive(Debug)]
pub(crate) struct ThreadTimer {
    shared: Arc<Shared>,
    /// The process that has the thread. A fork of it has a copy of this value but no such thread.
    process: u32,
}

/// The state, and a signal to the thread that it has changed.
///
/// The timer changes the state under the lock and notifies afterwards. The thread checks the state under the lock, and
/// `Condvar::wait` releases the lock and starts to wait in one step, so no change goes unnoticed between the check and
/// the wait.
#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// When to wake; `None` if the timer is not set or has expired.
    deadline: Option<Instant>,
    waker: Option<Waker>,
    closed: bool,
}

impl ThreadTimer {
    /// Starts the thread. It ends when the timer is dropped.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let sleeper = Arc::clone(&shared);
        let builder = thread::Builder::new().name("pipe-subscriber".to_owned());
        with_signals_blocked(|| builder.spawn(move || sleeper.run()))?;
        let process = process::id();
        Ok(Self { shared, process })
    }

    /// Sets the deadline; it replaces an earlier one.
    pub(crate) fn set(&mut self, deadline: Instant) -> io::Result<()> {
        // A fork of the process has no copy of the thread, so it needs one of its own.
        if self.process != process::id() {
            *self = Self::start()?;
        }
        self.shared.lock().deadline = Some(deadline);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Ready if the timer is not set, or has expired.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.deadline.is_none() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        // In a fork of the process, the lock may have been held by the thread at the moment of the fork. That thread
        // does not exist here, so the lock would never be released.
        if self.process == process::id() {
            self.shared.lock().closed = true;
            self.shared.changed.notify_one();
        }
    }
}

impl Shared {
    /// The body of the thread.
    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            state = match state.deadline {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(deadline) if deadline > now => {
                    let waited = self.changed.wait_timeout(state, deadline - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    state.deadline = None;
                    let waker = state.waker.take();
                    // A waker is foreign code and may poll this timer, which takes the lock.
                    drop(state);
                    wake(waker);
                    self.lock()
                }
            };
        }
    }

    /// Takes the lock. A poisoned lock is fine: no panic under it can leave the state half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a task. A waker is foreign code; if it panics, the thread must go on for the next deadline.
fn wake(waker: Option<Waker>) {
    let wake = || waker.into_iter().for_each(Waker::wake);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(wake)) {
        discard_panic(panic);
    }
}
