//! `Paced`: reading a pipe at ticks.

use std::{
    io,
    os::fd::OwnedFd,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{io::ReadBuf, task::coop::poll_proceed};

use super::pacing::{Pacing, Tick};
use super::system::{available, read_into};
use crate::read::ticker::{Ticker, Wait};

/// After a read of this many bytes the pipe probably has more by the time that they have been worked on.
const LARGE_READ: usize = 32 * 1024;

/// A pipe that is read at ticks, because its writer is busy.
#[derive(Debug)]
pub(super) struct Paced {
    pub(super) ticker: Arc<Ticker>,
    size: usize,
    /// The wait for the next tick. `None` while the pipe probably has more to read.
    pub(super) wait: Option<Wait>,
    /// The bytes that the last tick found, less those that were read since. It is a hint only: another process may have
    /// opened the pipe and read them.
    pub(super) available: usize,
}

/// The result of a poll of a paced pipe.
pub(super) enum PacedPoll {
    Read,
    /// Pacing is to stop. An error is that of the ticker.
    Stop(io::Result<()>),
}

impl Paced {
    /// `has_more` says that the pipe, which has this size, probably has more to read before the first tick.
    pub(super) fn new(ticker: Arc<Ticker>, size: usize, has_more: bool) -> Self {
        Self {
            ticker,
            size,
            wait: (!has_more).then(Wait::default),
            available: 0,
        }
    }

    /// Waits for a tick, unless the pipe probably has more, and makes one read.
    pub(super) fn poll_read(
        &mut self,
        fd: &OwnedFd,
        pacing: &mut Pacing,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<PacedPoll>> {
        loop {
            if let Some(wait) = &mut self.wait {
                let waited = ready!(self.ticker.poll_tick(wait, cx));
                self.wait = None;
                let waited = match waited {
                    Ok(waited) => waited,
                    Err(error) => return Poll::Ready(Ok(PacedPoll::Stop(Err(error)))),
                };
                self.available = available(fd)?;
                let tick = Tick {
                    available: self.available,
                    size: self.size,
                    waited,
                    period: self.ticker.period(),
                };
                if pacing.on_tick(tick, Instant::now()) {
                    return Poll::Ready(Ok(PacedPoll::Stop(Ok(()))));
                }
            }
            // A read through `AsyncFd` would count against the task's budget. This one does not, so it is counted here.
            let budget = ready!(poll_proceed(cx));
            let bytes = read_into(fd, buf)?;
            self.available = self.available.saturating_sub(bytes.unwrap_or(usize::MAX));
            // Between ticks the pipe is read on until it is probably empty: the bytes of the tick have been read, and
            // this read was neither large nor limited by the buffer.
            let is_empty = self.available == 0 && bytes < Some(LARGE_READ) && buf.remaining() > 0;
            if bytes != Some(0) && is_empty {
                self.wait = Some(Wait::default());
            }
            if bytes.is_some() {
                budget.made_progress();
                return Poll::Ready(Ok(PacedPoll::Read));
            }
        }
    }
}
