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

use super::pipe::Pipe;
use crate::read::exit::ExitWatch;

/// The read end of the pipe of a child that [`spawn`](crate::spawn) started.
///
/// It ends with the end of file: when the last process that holds the write end is gone. If that is another one than
/// the child, it ends a [grace period](crate::Spawn::grace) after the child's exit: what is in the pipe at that moment
/// is still read, without waiting for any of it, and no more.
///
/// It belongs to the tokio runtime in which it is read first.
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
    watch: Option<ExitWatch>,
    /// Once the grace period is over.
    rest: Option<Rest>,
    held_open: Arc<AtomicBool>,
}

/// What is still to be read of a pipe that somebody may hold for ever.
#[derive(Debug)]
struct Rest {
    /// At most so many bytes. It bounds what is read and decides no wait: whoever has opened the pipe through `/proc`
    /// may have taken them.
    left: usize,
    /// Whether it is looked once more for what the last writers left.
    again: bool,
}

impl ChildPipe {
    /// Ends with the end of file only, until there is a child.
    pub(crate) fn new(read_end: OwnedFd, grace: Duration) -> io::Result<Self> {
        Ok(Self {
            watch: ExitWatch::new(grace)?,
            pipe: Pipe::new(read_end),
            rest: None,
            held_open: Arc::default(),
        })
    }

    /// Lets it end a grace period after the exit of this child, too.
    pub(crate) fn watch(&mut self, pid: Option<u32>) {
        if let Some(watch) = &mut self.watch {
            watch.begin(pid);
        }
    }

    /// Set when it ends although another process holds the pipe.
    pub(crate) fn held_open(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held_open)
    }

    /// Looks whether the grace period is over, and how much is in the pipe then. Writers put whole frames into it, so
    /// that this is the end of one, too.
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(watch) = &mut self.watch
            && let Poll::Ready(over) = watch.poll_over(cx)
        {
            over?;
            self.watch = None;
            self.rest = Some(Rest {
                left: self.pipe.waiting()?,
                again: true,
            });
        }
        Ok(())
    }

    /// Reads what is there and waits for nothing. If all writers are gone by then, the end of file is there too.
    fn read_rest(&mut self, buf: &mut ReadBuf<'_>) -> io::Result<()> {
        while let Some(rest) = &mut self.rest
            && buf.remaining() > 0
        {
            if rest.left > 0
                && let Some(bytes) = self.pipe.read_now(buf, rest.left)?
            {
                rest.left -= bytes;
                break;
            }
            if !(rest.again && self.pipe.is_hung_up()?) {
                *rest = Rest {
                    left: 0,
                    again: false,
                };
                self.held_open.store(true, Ordering::Relaxed);
                break;
            }
            // And the end of file after it.
            *rest = Rest {
                left: self.pipe.waiting()?.saturating_add(1),
                again: false,
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
        this.poll_watch(cx)?;
        if this.rest.is_some() {
            return Poll::Ready(this.read_rest(buf));
        }
        let poll = Pin::new(&mut this.pipe).poll_read(cx, buf);
        if let Some(watch) = &mut this.watch {
            // A task that has had its turn may find that there is nothing although there is.
            watch.found(poll.is_pending() && has_budget_remaining());
        }
        poll
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests;
