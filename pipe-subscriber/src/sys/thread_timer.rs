use std::{
    io,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
    thread,
    time::Instant,
};

use super::panics::discard;
use super::signal_mask::with_signals_blocked;

/// A timer where the system has none that is a descriptor: a thread that sleeps, wakes and sleeps again.
#[derive(Debug)]
pub(crate) struct ThreadTimer {
    shared: Arc<Shared>,
    /// The process in which the thread is.
    process: u32,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    due: Option<Instant>,
    waker: Option<Waker>,
    closed: bool,
}

impl ThreadTimer {
    /// Starts the thread. It ends with the timer.
    pub(crate) fn start() -> io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let sleeper = Arc::clone(&shared);
        let builder = thread::Builder::new().name("pipe-subscriber".to_owned());
        with_signals_blocked(|| builder.spawn(move || sleeper.run()))?;
        let process = process::id();
        Ok(Self { shared, process })
    }

    /// Goes off then, and not when it was set to before.
    pub(crate) fn set(&mut self, due: Instant) -> io::Result<()> {
        // A forked process has none of the threads.
        if self.process != process::id() {
            *self = Self::start()?;
        }
        self.shared.lock().due = Some(due);
        self.shared.changed.notify_one();
        Ok(())
    }

    /// Ready if it is not set, or has gone off.
    pub(crate) fn poll(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.due.is_none() {
            return Poll::Ready(());
        }
        state.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for ThreadTimer {
    fn drop(&mut self) {
        // In a forked process the lock may be that of a thread which is not there.
        if self.process == process::id() {
            self.shared.lock().closed = true;
            self.shared.changed.notify_one();
        }
    }
}

impl Shared {
    /// The thread.
    fn run(&self) {
        let mut state = self.lock();
        while !state.closed {
            let now = Instant::now();
            state = match state.due {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(due) if due > now => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                Some(_) => {
                    state.due = None;
                    let waker = state.waker.take();
                    drop(state);
                    wake(waker);
                    self.lock()
                }
            };
        }
    }

    /// Nothing under this lock leaves anything half done.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A waker is anybody's code, and the next one is to be woken all the same.
fn wake(waker: Option<Waker>) {
    let wake = || waker.into_iter().for_each(Waker::wake);
    if let Err(panic) = catch_unwind(AssertUnwindSafe(wake)) {
        discard(panic);
    }
}
