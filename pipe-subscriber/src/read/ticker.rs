//! The ticks at which paced pipes are read.

use std::{
    io, mem,
    os::fd::OwnedFd,
    panic::{self, AssertUnwindSafe},
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    task::{Context, Poll, Wake, Waker},
    time::{Duration, Instant},
};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::{
    io::unix::AsyncFd,
    runtime::{Handle, Id},
    task::coop::unconstrained,
};

use crate::sys::register;

/// The tickers in use: one for each runtime and period, so that one wake of the runtime serves all paced pipes. A
/// ticker is dropped with the last pipe that uses it; its entry is removed by the next call of [`Ticker::of`].
static TICKERS: Mutex<Vec<(Id, Duration, Weak<Ticker>)>> = Mutex::new(Vec::new());

/// Wakes all waiting tasks together, one period after the first of them began to wait. While nobody waits, its timer is
/// not set, and it wakes nothing.
///
/// It needs no task, thread or timer of the runtime. Its timer is a timerfd that is registered with the runtime, and
/// the waker of that registration is the list of waiting tasks itself: as soon as the timerfd is readable, the runtime
/// calls the list's `wake`, which wakes them all. A task in between would cost one more pass through the runtime's
/// queue.
#[derive(Debug)]
pub(crate) struct Ticker {
    timer: AsyncFd<OwnedFd>,
    period: Duration,
    waiters: Arc<WaitList>,
    waker: Waker,
}

/// The waiting tasks, as a waker.
#[derive(Debug, Default)]
struct WaitList(Mutex<Waiters>);

/// The state of a [`WaitList`].
///
/// A task reads `ticks` and adds its waker under one lock, and a tick counts itself and takes the wakers under one
/// lock. So a tick either finds the task's waker, or came before the wait began.
#[derive(Debug, Default)]
struct Waiters {
    /// The number of ticks so far.
    ticks: u64,
    /// Whether the timer is set.
    armed: bool,
    wakers: Vec<Waker>,
}

/// A wait for the next tick; `None` before its first poll.
#[derive(Debug, Default)]
pub(crate) struct Wait(Option<StartedWait>);

#[derive(Debug)]
struct StartedWait {
    since: Instant,
    /// The number of ticks when the wait began.
    ticks_before: u64,
    /// The waker that was added to the list last.
    waker: Waker,
}

impl Ticker {
    /// Returns the runtime's ticker of this period; makes it if there is none.
    pub(crate) fn of(runtime: &Handle, period: Duration) -> io::Result<Arc<Self>> {
        let id = runtime.id();
        let mut tickers = lock(&TICKERS);
        tickers.retain(|(.., ticker)| ticker.strong_count() > 0);
        let is_wanted = |entry: &&(Id, Duration, _)| (entry.0, entry.1) == (id, period);
        if let Some(ticker) = tickers
            .iter()
            .find(is_wanted)
            .and_then(|(.., t)| t.upgrade())
        {
            return Ok(ticker);
        }
        let ticker = Arc::new(Self::new(runtime, period)?);
        tickers.push((id, period, Arc::downgrade(&ticker)));
        Ok(ticker)
    }

    fn new(runtime: &Handle, period: Duration) -> io::Result<Self> {
        let timer = timerfd_create(
            TimerfdClockId::Monotonic,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        let _entered = runtime.enter();
        let waiters = Arc::new(WaitList::default());
        Ok(Self {
            timer: register(timer)?,
            period,
            waker: Waker::from(Arc::clone(&waiters)),
            waiters,
        })
    }

    pub(crate) fn period(&self) -> Duration {
        self.period
    }

    /// Ready after the first tick since the first poll of `wait`, with the time waited.
    pub(crate) fn poll_tick(
        &self,
        wait: &mut Wait,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Duration>> {
        let mut waiters = lock(&self.waiters.0);
        match &mut wait.0 {
            Some(started) if started.ticks_before != waiters.ticks => {
                return Poll::Ready(Ok(started.since.elapsed()));
            }
            // This waker is in the list already.
            Some(started) if started.waker.will_wake(cx.waker()) => return Poll::Pending,
            Some(started) => started.waker.clone_from(cx.waker()),
            None => {
                wait.0 = Some(StartedWait {
                    since: Instant::now(),
                    ticks_before: waiters.ticks,
                    waker: cx.waker().clone(),
                });
            }
        }
        waiters.wakers.push(cx.waker().clone());
        if !waiters.armed {
            waiters.armed = self.arm()?;
            if !waiters.armed {
                // The timer has expired already. The registration is ready and has not kept the waker, so nothing else
                // would make the tick. The lock is released first, because the waker takes it.
                drop(waiters);
                self.waker.wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Sets the timer. Returns `false` if it has already expired.
    fn arm(&self) -> io::Result<bool> {
        // The previous expiry is still recorded as readiness, and would be taken for the new one. The runtime's record
        // is cleared here; the descriptor's own is cleared by setting the timer.
        if let Poll::Ready(guard) = self.poll_timer() {
            guard?.clear_ready();
        }
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: 0,
                tv_nsec: self.period.subsec_nanos().into(),
            },
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        match self.poll_timer() {
            Poll::Ready(ready) => ready.map(|_| false),
            Poll::Pending => Ok(true),
        }
    }

    /// Polls the timer, with the list of waiting tasks as the waker.
    ///
    /// It is `unconstrained` because the poll is for all waiting tasks. Otherwise it would use the budget of the task
    /// that happens to make it, and if that is used up, tokio would call the waker: that would wake all tasks without a
    /// tick.
    fn poll_timer(&self) -> Poll<io::Result<tokio::io::unix::AsyncFdReadyGuard<'_, OwnedFd>>> {
        let mut cx = Context::from_waker(&self.waker);
        let poll = std::future::poll_fn(|cx| self.timer.poll_read_ready(cx));
        pin!(unconstrained(poll)).poll(&mut cx)
    }
}

impl Wake for WaitList {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    /// Makes a tick. The runtime calls this when the timer has expired.
    ///
    /// # Panics
    ///
    /// If a waker panics, with the first panic, after all tasks have been woken.
    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiters = lock(&self.0);
        waiters.ticks += 1;
        waiters.armed = false;
        let mut wakers = mem::take(&mut waiters.wakers);
        // A waker is foreign code: it may poll this ticker, which takes the lock, and it may panic. The other tasks are
        // woken even then, because this tick has taken their wakers and no later one has them.
        drop(waiters);
        let mut panicked = None;
        for waker in wakers.drain(..) {
            let woken = panic::catch_unwind(AssertUnwindSafe(|| waker.wake()));
            panicked = panicked.or(woken.err());
        }
        // The memory of the list is used again, so that a tick allocates nothing.
        let mut waiters = lock(&self.0);
        if waiters.wakers.is_empty() {
            waiters.wakers = wakers;
        }
        drop(waiters);
        if let Some(panic) = panicked {
            panic::resume_unwind(panic);
        }
    }
}

/// Takes a lock. A poisoned lock is fine: no panic under these locks can leave the state half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::{
        panic,
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;

    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Relaxed);
        }
    }

    struct Panicking;

    impl Wake for Panicking {
        fn wake(self: Arc<Self>) {
            panic!("in a waker");
        }
    }

    #[test]
    fn a_waker_that_panics_keeps_no_other_task_from_its_tick() {
        let counting = Arc::new(Counting::default());
        let list = Arc::new(WaitList::default());
        for _ in 0..2 {
            let panicking = Waker::from(Arc::new(Panicking));
            let others = [(); 2].map(|()| Waker::from(Arc::clone(&counting)));
            let [first, last] = others;
            lock(&list.0).wakers.extend([first, panicking, last]);
            let panicked = panic::catch_unwind(|| list.wake_by_ref()).unwrap_err();
            assert_eq!(panicked.downcast_ref(), Some(&"in a waker"));
        }
        assert_eq!(counting.0.load(Relaxed), 4);
        assert_eq!(lock(&list.0).ticks, 2);
        assert!(lock(&list.0).wakers.is_empty());
    }
}
