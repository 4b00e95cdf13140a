use std::{
    io,
    os::fd::OwnedFd,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, ReadBuf};

use crate::{exit_watch::ExitWatch, pipe::Pipe};

/// The read end of the pipe of a child that [`spawn`](crate::spawn) started.
///
/// It ends with the end of file: when the last process that holds the write end is gone. Where that is another one
/// than the child, it ends a grace period after the child's exit: what is in the pipe at that moment is still read,
/// and no more.
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
    /// Once the grace period is over: how many bytes are still to be read.
    left: Option<usize>,
    held_open: Arc<AtomicBool>,
}

impl ChildPipe {
    /// Ends with the end of file only.
    pub(crate) fn new(read_end: OwnedFd) -> Self {
        Self {
            pipe: Pipe::new(read_end),
            watch: None,
            left: None,
            held_open: Arc::default(),
        }
    }

    /// Lets it end a grace period after the child's exit, too.
    pub(crate) fn end_with(&mut self, watch: ExitWatch) {
        self.watch = Some(watch);
    }

    /// Set when it ends although another process holds the pipe.
    pub(crate) fn held_open(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held_open)
    }

    /// Looks whether the grace period is over, and how much is in the pipe then. Writers put whole frames into it, so
    /// that this is the end of one, too.
    fn poll_watch(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if let Some(watch) = &mut self.watch
            && watch.poll_expired(cx).is_ready()
        {
            self.watch = None;
            self.left = Some(self.pipe.waiting()?);
        }
        Ok(())
    }

    /// Reads what is left; behind it is the end, unless all writers are gone by now and the end of file is near.
    fn poll_rest(
        &mut self,
        cx: &mut Context<'_>,
        left: usize,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if left == 0 {
            if self.pipe.is_hung_up()? {
                self.left = None;
                return Pin::new(&mut self.pipe).poll_read(cx, buf);
            }
            self.held_open.store(true, Ordering::Relaxed);
            return Poll::Ready(Ok(()));
        }
        let room = buf.remaining().min(left);
        let mut rest = ReadBuf::new(buf.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.pipe).poll_read(cx, &mut rest))?;
        let read = rest.filled().len();
        buf.advance(read);
        self.left = Some(left - read);
        Poll::Ready(Ok(()))
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
        match this.left {
            None => Pin::new(&mut this.pipe).poll_read(cx, buf),
            Some(left) => this.poll_rest(cx, left, buf),
        }
    }
}
