//! `Drain`: writes the frames that a handler leaves in its queue.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::io::AsyncWrite;

use super::at_work::at_work;
use super::queue::{Queue, Taken};

/// Writes the records of a handler to something other than a pipe, as a task of the program's own runtime.
///
/// Made by [`Builder::build_over`](crate::Builder::build_over). It ends when the handler is dropped and everything is
/// written, or with the error of the writer. If it is dropped earlier, the records that it has not written are lost, and
/// later ones are discarded: [`is_gone`](crate::PipeHandler::is_gone) is then `true`.
///
/// A program that does not await it to its end loses the records that are not yet written: nothing is written at the
/// exit of the process.
///
/// Up to 1 MiB waits for the drain, and up to 1 MiB is being written. Records that the writer itself logs are discarded.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use log::Log;
/// use pipe_handler::PipeHandler;
/// use tokio::io::AsyncReadExt;
///
/// let (here, mut there) = tokio::io::duplex(64 * 1024);
/// let (handler, drain) = PipeHandler::builder().build_over(here)?;
/// let drain = tokio::spawn(drain);
/// handler.log(&log::Record::builder().args(format_args!("hello")).build());
/// drop(handler);
/// drain.await??;
///
/// let mut stream = Vec::new();
/// there.read_to_end(&mut stream).await?;
/// assert!(stream.windows(5).any(|bytes| bytes == b"hello"));
/// # Ok(()) }
/// ```
#[must_use = "nothing leaves this process unless the drain is polled"]
pub struct Drain<W> {
    queue: Arc<Queue>,
    writer: W,
    frames: Vec<u8>,
    /// How many bytes of `frames` are written.
    written: usize,
}

impl<W> Drain<W> {
    pub(crate) fn new(queue: Arc<Queue>, writer: W) -> Self {
        Self {
            queue,
            writer,
            frames: Queue::buffer(),
            written: 0,
        }
    }
}

impl<W: AsyncWrite + Unpin> Future for Drain<W> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // In a forked child, the frames are the parent's.
        if self.queue.is_gone() {
            return Poll::Ready(Ok(()));
        }
        // Otherwise a writer that logs would write its own records, and log again, without end.
        let ended = ready!(at_work(|| self.write(cx)));
        self.queue.end();
        Poll::Ready(ended)
    }
}

impl<W: AsyncWrite + Unpin> Drain<W> {
    fn write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.write_frames(cx))?;
        match self.queue.take(&mut self.frames, cx.waker()) {
            Taken::None => Poll::Pending,
            Taken::End => Poll::Ready(Ok(())),
            Taken::Frames => {
                ready!(self.write_frames(cx))?;
                // The other tasks of the runtime are polled after each buffer.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }
    }

    fn write_frames(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self
            .frames
            .get(self.written..)
            .filter(|rest| !rest.is_empty())
        {
            match ready!(Pin::new(&mut self.writer).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        if self.written > 0 {
            ready!(Pin::new(&mut self.writer).poll_flush(cx))?;
            self.queue.confirm(self.written);
            self.frames.clear();
            self.written = 0;
        }
        Poll::Ready(Ok(()))
    }
}

impl<W> Drop for Drain<W> {
    fn drop(&mut self) {
        self.queue.end();
    }
}

impl<W> fmt::Debug for Drain<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Drain").finish_non_exhaustive()
    }
}
