//! The reader of a child's pipe: the pipe, and the ways in which it ends.

use std::{
    io,
    os::fd::OwnedFd,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, ReadBuf},
    task::coop::has_budget_remaining,
};

use super::exit::ExitWatch;
use super::pipe::Pipe;

/// The read end of the pipe of a child that [`spawn`](crate::spawn) started, or that was
/// [prepared](crate::Spawn::prepare).
///
/// It ends at the end of file, that is, after the last process that holds the write end is gone. If another process
/// than the child holds it, it ends a [grace period](crate::Spawn::grace) after the child's exit: the bytes that are in
/// the pipe at that moment are still read, without waiting, and no more.
///
/// It belongs to the tokio runtime in which it is read first.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{ChildPipe, PipeSubscriber, spawn};
/// use tokio::process::Command;
///
/// let (mut child, logs): (_, PipeSubscriber<ChildPipe>) = spawn(Command::new("true"))?;
/// assert_eq!(logs.run().await?.received, 0);
/// child.wait().await?;
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ChildPipe {
    pipe: Pipe,
    exit_watch: Option<ExitWatch>,
    /// `Some` after the grace period is over.
    final_read: Option<FinalRead>,
    held_open: Arc<AtomicBool>,
    /// Whether frames come from the rings of a shared buffer. Set by the reader of the frames.
    rings_are_busy: Arc<AtomicBool>,
}

/// How much may still be read after the grace period, if another process may hold the pipe for ever.
#[derive(Debug)]
struct FinalRead {
    /// The number of bytes that may still be read. It is an upper bound only, and nothing is waited for because of it:
    /// another process may have opened the pipe through `/proc` and read the bytes.
    bytes_left: usize,
    /// Whether `bytes_left` may be set anew once: if all writers are gone when it is used up.
    may_renew: bool,
}

impl ChildPipe {
    /// Creates a pipe that ends at the end of file only, until [`watch_exit_of`](Self::watch_exit_of) is called.
    pub(crate) fn new(read_end: OwnedFd, grace: Duration) -> io::Result<Self> {
        Ok(Self {
            exit_watch: ExitWatch::new(grace)?,
            pipe: Pipe::new(read_end),
            final_read: None,
            held_open: Arc::default(),
            rings_are_busy: Arc::default(),
        })
    }

    /// Creates a pipe that keeps the size that the system gave it, and takes no part of the quota of larger ones.
    #[cfg(feature = "capture")]
    pub(crate) fn of_default_size(read_end: OwnedFd, grace: Duration) -> io::Result<Self> {
        Ok(Self {
            exit_watch: ExitWatch::new(grace)?,
            pipe: Pipe::of_default_size(read_end),
            final_read: None,
            held_open: Arc::default(),
            rings_are_busy: Arc::default(),
        })
    }

    /// Returns a gauge of this pipe.
    #[cfg(feature = "capture")]
    pub(crate) fn gauge(&self) -> io::Result<super::PipeGauge> {
        self.pipe.gauge()
    }

    /// From now on, the pipe also ends a grace period after the exit of this child. `None` is a child that somebody has
    /// already waited for.
    pub(crate) fn watch_exit_of(&mut self, pid: Option<u32>) {
        if let Some(exit_watch) = &mut self.exit_watch {
            exit_watch.start(pid);
        }
    }

    /// As [`watch_exit_of`](Self::watch_exit_of), for a child that is known by a pidfd.
    pub(crate) fn watch_exit_of_pidfd(&mut self, pidfd: OwnedFd) {
        if let Some(exit_watch) = &mut self.exit_watch {
            exit_watch.start_with_pidfd(pidfd);
        }
    }

    /// Returns the flag that is set if the pipe ends although another process holds it.
    pub(crate) fn held_open(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held_open)
    }

    /// Returns the flag that is to be set while there are frames to read beside the pipe. Such a time does not count as
    /// idle, so that the grace period is the same for both ways.
    pub(crate) fn rings_are_busy(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.rings_are_busy)
    }

    /// Begins the final read if the grace period is over.
    ///
    /// The final read is of as many bytes as are in the pipe now. Writers put whole frames into the pipe, so that the
    /// last of these bytes is the end of a frame.
    fn poll_exit_watch(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(exit_watch) = &mut self.exit_watch
            && let Poll::Ready(over) = exit_watch.poll_grace_over(cx)
        {
            over?;
            self.exit_watch = None;
            self.final_read = Some(FinalRead {
                bytes_left: self.pipe.available()?,
                may_renew: true,
            });
        }
        Ok(())
    }

    /// Reads a part of the final bytes without waiting. Reads nothing, which is the end, if none of them are left.
    fn do_final_read(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        while let Some(final_read) = &mut self.final_read
            && buf.remaining() > 0
        {
            if final_read.bytes_left > 0
                && let Some(bytes) = self.pipe.try_read(buf, final_read.bytes_left)?
            {
                final_read.bytes_left -= bytes;
                break;
            }
            if !(final_read.may_renew && self.pipe.is_hung_up()?) {
                *final_read = FinalRead {
                    bytes_left: 0,
                    may_renew: false,
                };
                // Relaxed: `FrameReader::held_open` says why.
                self.held_open.store(true, Ordering::Relaxed);
                break;
            }
            // All writers are gone, so the pipe is not held open and cannot grow any more: the bytes that they wrote
            // since are read too, and then the end of file. The one byte more is for that last read, which returns 0.
            *final_read = FinalRead {
                bytes_left: self.pipe.available()?.saturating_add(1),
                may_renew: false,
            };
        }
        Ok(())
    }
}

impl AsyncRead for ChildPipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.poll_exit_watch(cx)?;
        if this.final_read.is_some() {
            return Poll::Ready(this.do_final_read(buf));
        }
        let poll = Pin::new(&mut this.pipe).poll_read(cx, buf);
        if let Some(exit_watch) = &mut this.exit_watch {
            // If the task has used up tokio's budget, a read is pending even if the pipe has bytes. That does not count
            // as idle.
            // Relaxed: `FrameReader::held_open` says why.
            let is_busy = this.rings_are_busy.load(Ordering::Relaxed);
            exit_watch.set_idle(poll.is_pending() && has_budget_remaining() && !is_busy);
        }
        poll
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
