use std::{
    io, mem,
    os::fd::OwnedFd,
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

/// The tickers in use: one for each runtime and period.
static TICKERS: Mutex<Vec<(Id, Duration, Weak<Ticker>)>> = Mutex::new(Vec::new());

/// Wakes all who wait for it a period after the first of them began to, and is still while nobody waits.
///
/// It needs no task, thread or timer of the runtime: its timer is a descriptor, and what the runtime wakes when that
/// becomes readable is the list of those who wait.
#[derive(Debug)]
pub(crate) struct Ticker {
    timer: AsyncFd<OwnedFd>,
    period: Duration,
    waiters: Arc<WaitList>,
    waker: Waker,
}

#[derive(Debug, Default)]
struct WaitList(Mutex<Waiters>);

#[derive(Debug, Default)]
struct Waiters {
    ticks: u64,
    armed: bool,
    wakers: Vec<Waker>,
}

/// One wait for a tick.
#[derive(Debug, Default)]
pub(crate) struct Wait(Option<Progress>);

#[derive(Debug)]
struct Progress {
    since: Instant,
    tick: u64,
    waker: Waker,
}

impl Ticker {
    /// The runtime's ticker of that period.
    pub(crate) fn of(runtime: &Handle, period: Duration) -> io::Result<Arc<Self>> {
        let id = runtime.id();
        let mut tickers = lock(&TICKERS);
        tickers.retain(|(.., ticker)| ticker.strong_count() > 0);
        let of_both = |entry: &&(Id, Duration, _)| (entry.0, entry.1) == (id, period);
        if let Some(ticker) = tickers.iter().find(of_both).and_then(|(.., t)| t.upgrade()) {
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

    /// Ready with the time waited, once there was a tick since the first poll of `wait`.
    pub(crate) fn poll_tick(
        &self,
        wait: &mut Wait,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<Duration>> {
        let mut waiters = lock(&self.waiters.0);
        match &mut wait.0 {
            Some(joined) if joined.tick != waiters.ticks => {
                return Poll::Ready(Ok(joined.since.elapsed()));
            }
            Some(joined) if joined.waker.will_wake(cx.waker()) => return Poll::Pending,
            Some(joined) => joined.waker.clone_from(cx.waker()),
            None => {
                wait.0 = Some(Progress {
                    since: Instant::now(),
                    tick: waiters.ticks,
                    waker: cx.waker().clone(),
                });
            }
        }
        waiters.wakers.push(cx.waker().clone());
        if !waiters.armed {
            waiters.armed = self.arm()?;
            if !waiters.armed {
                drop(waiters);
                self.waker.wake_by_ref();
            }
        }
        Poll::Pending
    }

    /// Sets the timer; `false` if it has run out at once.
    fn arm(&self) -> io::Result<bool> {
        // That the timer has run out before is forgotten first, by the runtime here and by the system below.
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

    /// On behalf of all who wait, so not at the cost of the task that happens to ask: out of budget it would wake them
    /// all at once.
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

    /// The tick.
    fn wake_by_ref(self: &Arc<Self>) {
        let mut waiters = lock(&self.0);
        waiters.ticks += 1;
        waiters.armed = false;
        let mut wakers = mem::take(&mut waiters.wakers);
        drop(waiters);
        wakers.drain(..).for_each(Waker::wake);
        // The list is used again, so that a tick allocates nothing.
        let mut waiters = lock(&self.0);
        if waiters.wakers.is_empty() {
            waiters.wakers = wakers;
        }
    }
}

/// Nothing under these locks leaves anything half done.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
