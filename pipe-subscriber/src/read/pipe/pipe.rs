//! The read end of a pipe: waits in the runtime's poll or for ticks, and makes the read calls.

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
    io::{ioctl_fionbio, retry_on_intr},
    pipe::fcntl_getpipe_size,
};
use tokio::{
    io::{AsyncRead, ReadBuf, unix::AsyncFd},
    runtime::Handle,
};

use super::paced::{Paced, PacedPoll};
use super::pacing::Pacing;
use super::system::{available, read_into};
#[cfg(feature = "capture")]
use crate::read::PipeGauge;
use crate::read::ticker::Ticker;
use crate::sys::{QuotaPermit, register};

/// The size from which a pipe is paced. The writer of a smaller one would fill it between two ticks, and wait most of
/// the time.
const MIN_PACED_SIZE: usize = 64 * 1024;

/// The size from which a pipe is read at the long period, because it has room for the bytes that a writer writes in
/// that time.
const LARGE_SIZE: usize = 256 * 1024;
const LONG_PERIOD: Duration = Duration::from_micros(100);
const SHORT_PERIOD: Duration = Duration::from_micros(50);

/// The read end of a pipe.
///
/// While its writer is quiet, the pipe waits in the runtime's poll as any other. But a write that wakes a reader costs
/// the writer twice as much as one that does not. So while the writer is hot, the pipe is taken out of the poll and
/// read at the ticks of a [`Ticker`]: it is paced. [`Pacing`] decides which.
#[derive(Debug)]
pub(crate) struct Pipe {
    fd: Arc<OwnedFd>,
    mode: Mode,
    pacing: Pacing,
    _permit: Option<QuotaPermit>,
}

#[derive(Debug)]
enum Mode {
    /// A pipe may be made outside of a runtime. It is registered with the one in which it is read first.
    Unregistered,
    Registered(AsyncFd<Arc<OwnedFd>>, Handle),
    Paced(Paced, Handle),
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

    /// As [`new`](Self::new), but does not enlarge the pipe.
    #[cfg(feature = "capture")]
    pub(crate) fn of_default_size(read_end: OwnedFd) -> Self {
        Self {
            _permit: None,
            fd: Arc::new(read_end),
            mode: Mode::Unregistered,
            pacing: Pacing::default(),
        }
    }

    #[cfg(feature = "capture")]
    pub(crate) fn gauge(&self) -> io::Result<PipeGauge> {
        Ok(PipeGauge::new(Arc::clone(&self.fd)))
    }

    /// Returns how many bytes are in the pipe. If another process reads it too, there may be fewer at the next moment.
    pub(crate) fn available(&self) -> io::Result<usize> {
        available(&self.fd)
    }

    /// Reads at most `limit` bytes without waiting. Returns `None` if the pipe is empty, and 0 at the end of file.
    pub(crate) fn try_read(
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

    /// Returns whether all writers are gone. The pipe may still have bytes to read.
    pub(crate) fn is_hung_up(&self) -> io::Result<bool> {
        let mut polled = [PollFd::new(&self.fd, PollFlags::IN)];
        retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))?;
        Ok(polled[0].revents().contains(PollFlags::HUP))
    }

    /// Registers the pipe with the current runtime.
    ///
    /// The read end is set to non-blocking. The two ends of a pipe are different file descriptions, so that the
    /// writers' end stays as it is.
    fn register(&mut self) -> io::Result<()> {
        ioctl_fionbio(&self.fd, true)?;
        let runtime = Handle::current();
        self.mode = Mode::Registered(register(Arc::clone(&self.fd))?, runtime);
        Ok(())
    }

    /// Starts pacing, if the pipe is large enough and there can be a ticker. `has_more` says that the pipe probably has
    /// more to read before the first tick.
    fn start_pacing(&mut self, has_more: bool) {
        let Mode::Registered(_, runtime) = &self.mode else {
            return;
        };
        // The size is asked for each time, because the process at the other end may have changed it.
        let size = fcntl_getpipe_size(&self.fd).unwrap_or(0);
        let period = match size {
            LARGE_SIZE.. => LONG_PERIOD,
            _ => SHORT_PERIOD,
        };
        let ticker = match size {
            MIN_PACED_SIZE.. => Ticker::of(runtime, period).ok(),
            _ => None,
        };
        let Some(ticker) = ticker else {
            return self.pacing.suspend(Instant::now());
        };
        self.pacing.reset();
        let paced = Paced::new(ticker, size, has_more);
        let runtime = runtime.clone();
        // This drops the `AsyncFd`, which ends the registration.
        self.mode = Mode::Paced(paced, runtime);
    }

    /// Stops pacing: registers the pipe again. `ticks` is the error of the ticker, if that is the reason.
    ///
    /// No bytes are overlooked, because a new registration reports a pipe as readable if bytes, or the end of file,
    /// came before it. If the registration fails, pacing goes on, unless the ticker has failed too.
    fn stop_pacing(&mut self, ticks: io::Result<()>) -> io::Result<()> {
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
                    self.pacing.suspend(Instant::now());
                }
            }
            Err(_) => {
                ticks?;
                self.pacing.reset();
            }
        }
        Ok(())
    }

    /// Waits in the runtime's poll and makes one read.
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
            // The readiness is not cleared here, even after a short read. A writer may have set its end to packet mode,
            // in which a read returns one packet even if more are there. Only a read that finds nothing shows that the
            // pipe is empty.
            if bytes > 0 && self.pacing.on_read(bytes, Instant::now()) {
                self.start_pacing(buf.remaining() == 0);
            }
            return Poll::Ready(Ok(()));
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
                Mode::Unregistered => this.register()?,
                Mode::Registered(..) => return this.poll_registered(cx, buf),
                Mode::Paced(paced, _) => {
                    match ready!(paced.poll_read(&this.fd, &mut this.pacing, cx, buf))? {
                        PacedPoll::Read => return Poll::Ready(Ok(())),
                        PacedPoll::Stop(ticks) => this.stop_pacing(ticks)?,
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
