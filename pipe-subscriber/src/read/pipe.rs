use std::{
    io,
    os::fd::OwnedFd,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{ioctl_fionbio, ioctl_fionread, read, retry_on_intr},
    pipe::fcntl_getpipe_size,
};
use tokio::{
    io::{AsyncRead, ReadBuf, unix::AsyncFd},
    runtime::Handle,
    task::coop::poll_proceed,
};

use super::pacing::{Pacing, Tick};
use super::ticker::{Ticker, Wait};
use crate::sys::{QuotaPermit, register};

/// A smaller pipe is not paced: its writer would wait for the reader most of the time.
const MIN_SIZE: usize = 64 * 1024;

/// From this size on a pipe has the longer period.
const LARGE_SIZE: usize = 256 * 1024;
const LONG_PERIOD: Duration = Duration::from_micros(100);
const SHORT_PERIOD: Duration = Duration::from_micros(50);

/// Behind a read of this many bytes there probably is more by the time it has been worked on.
const LARGE_READ: usize = 32 * 1024;

/// The read end of a pipe.
///
/// While its writer is quiet it waits in the runtime's poll as any other. But for a writer, each write that wakes
/// somebody up costs twice as much as one that does not. So while the writer is hot the pipe is taken out of the poll
/// and read once in a while, at the ticks of a [`Ticker`].
#[derive(Debug)]
pub(crate) struct Pipe {
    fd: Arc<OwnedFd>,
    mode: Mode,
    pacing: Pacing,
    _permit: Option<QuotaPermit>,
}

#[derive(Debug)]
enum Mode {
    /// It may be made outside of a runtime, and belongs to the one in which it is read first.
    Unregistered,
    Registered(AsyncFd<Arc<OwnedFd>>, Handle),
    Paced(Paced, Handle),
}

#[derive(Debug)]
struct Paced {
    ticker: Arc<Ticker>,
    size: usize,
    /// None while there probably is more to read.
    wait: Option<Wait>,
    /// What the last tick found and was not read since. A hint only: whoever has opened the pipe may have taken it.
    waiting: usize,
}

impl Pipe {
    pub(crate) fn new(read_end: OwnedFd) -> Self {
        Self {
            _permit: QuotaPermit::take(&read_end),
            fd: Arc::new(read_end),
            mode: Mode::Unregistered,
            pacing: Pacing::default(),
        }
    }

    /// How many bytes could be read at once, as the system says: the next moment it may be less.
    pub(crate) fn waiting(&self) -> io::Result<usize> {
        waiting(&self.fd)
    }

    /// Reads what is there, at most so many bytes; `None` if there is nothing yet, and 0 at the end of file.
    pub(crate) fn read_now(
        &mut self,
        buf: &mut ReadBuf<'_>,
        limit: usize,
    ) -> io::Result<Option<usize>> {
        if matches!(self.mode, Mode::Unregistered) {
            ioctl_fionbio(&self.fd, true)?;
        }
        let room = buf.remaining().min(limit);
        let bytes = read_into(
            &self.fd,
            &mut ReadBuf::new(buf.initialize_unfilled_to(room)),
        )?;
        buf.advance(bytes.unwrap_or(0));
        Ok(bytes)
    }

    /// Whether all writers are gone; something may still be left to read.
    pub(crate) fn is_hung_up(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
        retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))?;
        Ok(polled[0].revents().contains(PollFlags::HUP))
    }

    /// The read end is set to non-blocking here. It is a file description of its own: no writer sees that.
    fn open(&mut self) -> io::Result<()> {
        ioctl_fionbio(&self.fd, true)?;
        let runtime = Handle::current();
        self.mode = Mode::Registered(register(Arc::clone(&self.fd))?, runtime);
        Ok(())
    }

    /// Where the writer can be paced it is from here on; `more` if there probably is more to read.
    fn pace(&mut self, more: bool) {
        let Mode::Registered(_, runtime) = &self.mode else {
            return;
        };
        // The size is asked for each time: the other end may have changed it.
        let size = fcntl_getpipe_size(&self.fd).unwrap_or(0);
        let period = match size {
            LARGE_SIZE.. => LONG_PERIOD,
            _ => SHORT_PERIOD,
        };
        let ticker = match size {
            MIN_SIZE.. => Ticker::of(runtime, period).ok(),
            _ => None,
        };
        let Some(ticker) = ticker else {
            return self.pacing.hold(Instant::now());
        };
        self.pacing.begin();
        let paced = Paced {
            ticker,
            size,
            wait: (!more).then(Wait::default),
            waiting: 0,
        };
        let runtime = runtime.clone();
        // What was registered is dropped, and with it the registration.
        self.mode = Mode::Paced(paced, runtime);
    }

    /// Registering tells of what has come meanwhile, the end of file too. If it is refused, pacing goes on, unless
    /// there are no ticks any more.
    fn register_again(&mut self, ticks: io::Result<()>) -> io::Result<()> {
        let Mode::Paced(_, runtime) = &self.mode else {
            return Ok(());
        };
        let entered = runtime.enter();
        let registered = register(Arc::clone(&self.fd));
        drop(entered);
        match registered {
            Ok(registered) => {
                self.mode = Mode::Registered(registered, runtime.clone());
                if ticks.is_err() {
                    self.pacing.hold(Instant::now());
                }
            }
            Err(_) => {
                ticks?;
                self.pacing.begin();
            }
        }
        Ok(())
    }

    /// One read of a registered pipe.
    fn poll_registered(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Mode::Registered(registered, _) = &self.mode else {
            return Poll::Ready(Ok(()));
        };
        loop {
            let mut ready = ready!(registered.poll_read_ready(cx))?;
            let Some(bytes) = read_into(&self.fd, buf)? else {
                ready.clear_ready();
                continue;
            };
            // That it was less than there was room for does not mean that it was all: a writer may have set its end to
            // packets, which are read one at a time. Only a read that finds nothing tells.
            if bytes > 0 && self.pacing.read(bytes, Instant::now()) {
                self.pace(buf.remaining() == 0);
            }
            return Poll::Ready(Ok(()));
        }
    }
}

/// What came of a poll of a paced pipe.
enum PacedRead {
    Read,
    /// The writer is to be paced no longer, or cannot be.
    Over(io::Result<()>),
}

impl Paced {
    /// One read at a tick, or between two where there probably is more.
    fn poll_read(
        &mut self,
        fd: &OwnedFd,
        pacing: &mut Pacing,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<PacedRead>> {
        loop {
            if let Some(wait) = &mut self.wait {
                let waited = ready!(self.ticker.poll_tick(wait, cx));
                self.wait = None;
                let waited = match waited {
                    Ok(waited) => waited,
                    Err(refused) => return Poll::Ready(Ok(PacedRead::Over(Err(refused)))),
                };
                self.waiting = waiting(fd)?;
                let tick = Tick {
                    waiting: self.waiting,
                    size: self.size,
                    waited,
                    period: self.ticker.period(),
                };
                if pacing.tick(tick, Instant::now()) {
                    return Poll::Ready(Ok(PacedRead::Over(Ok(()))));
                }
            }
            // These reads are not the runtime's, which would see to it that a task gives way.
            let budget = ready!(poll_proceed(cx));
            let bytes = read_into(fd, buf)?;
            self.waiting = self.waiting.saturating_sub(bytes.unwrap_or(usize::MAX));
            let is_all = self.waiting == 0 && bytes < Some(LARGE_READ) && buf.remaining() > 0;
            if bytes != Some(0) && is_all {
                self.wait = Some(Wait::default());
            }
            if bytes.is_some() {
                budget.made_progress();
                return Poll::Ready(Ok(PacedRead::Read));
            }
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buf.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            match &mut this.mode {
                Mode::Unregistered => this.open()?,
                Mode::Registered(..) => return this.poll_registered(cx, buf),
                Mode::Paced(paced, _) => {
                    match ready!(paced.poll_read(&this.fd, &mut this.pacing, cx, buf))? {
                        PacedRead::Read => return Poll::Ready(Ok(())),
                        PacedRead::Over(ticks) => this.register_again(ticks)?,
                    }
                }
            }
        }
    }
}

fn waiting(fd: &OwnedFd) -> io::Result<usize> {
    Ok(usize::try_from(ioctl_fionread(fd)?).unwrap_or(usize::MAX))
}

/// Reads what there is room for; `None` where there is nothing yet, and 0 at the end of file.
#[allow(unsafe_code)]
fn read_into(fd: &OwnedFd, buf: &mut ReadBuf<'_>) -> io::Result<Option<usize>> {
    // SAFETY: Only the system writes there, and it takes nothing away that was initialised.
    let room = unsafe { buf.unfilled_mut() };
    let bytes = match retry_on_intr(|| read(fd, &mut *room).map(|(filled, _)| filled.len())) {
        Ok(bytes) => bytes,
        Err(error) => {
            let error = io::Error::from(error);
            return match error.kind() {
                io::ErrorKind::WouldBlock => Ok(None),
                _ => Err(error),
            };
        }
    };
    // SAFETY: The system has written as many.
    unsafe { buf.assume_init(bytes) };
    buf.advance(bytes);
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests;
