use std::{
    io,
    os::fd::{AsRawFd, RawFd},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use record_proto::HEAD_LENGTH;
use tokio::io::{AsyncWrite, Interest, unix::AsyncFd};

use crate::transport::{Deadline, Overflow, PIPE_BUF, Transport, Written};

/// The pipe as the drain's thread writes it: it waits for room in the system call.
#[derive(Debug)]
pub(crate) struct BlockingPipe {
    transport: Arc<Transport>,
}

/// The pipe as a task writes it: it waits for room without blocking its runtime. See [`Drain`](crate::Drain).
#[derive(Debug)]
pub struct AsyncPipe {
    transport: Arc<Transport>,
    /// Registered with the runtime when there is no room for the first time.
    ready: Option<AsyncFd<PipeFd>>,
}

impl BlockingPipe {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self { transport }
    }
}

impl AsyncPipe {
    pub(crate) fn new(transport: Arc<Transport>) -> Self {
        Self {
            transport,
            ready: None,
        }
    }
}

/// Keeps the descriptor open as long as it is registered.
#[derive(Debug)]
struct PipeFd {
    _open: Arc<Transport>,
    number: RawFd,
}

impl AsRawFd for PipeFd {
    fn as_raw_fd(&self) -> RawFd {
        self.number
    }
}

/// The longest beginning of `buffer` that is made of whole frames and that a pipe takes in one piece.
pub(crate) fn whole_frames(buffer: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(head) = buffer[end..].first_chunk::<HEAD_LENGTH>() {
        let next = end + HEAD_LENGTH + u32::from_be_bytes(*head) as usize;
        if next > PIPE_BUF || next > buffer.len() {
            break;
        }
        end = next;
    }
    &buffer[..end]
}

fn write(transport: &Transport, buffer: &[u8], overflow: Overflow) -> Poll<io::Result<usize>> {
    let frames = whole_frames(buffer);
    let pipe = transport.pipe().ok_or(io::ErrorKind::NotConnected)?;
    match pipe.write(frames, &mut Deadline::new(overflow)) {
        Written::Whole => Poll::Ready(Ok(frames.len())),
        Written::Full => Poll::Pending,
        Written::Gone => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
    }
}

impl AsyncWrite for BlockingPipe {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        write(&self.transport, buffer, Overflow::Block)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for AsyncPipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        loop {
            if let Poll::Ready(written) = write(&this.transport, buffer, Overflow::DropNewest) {
                return Poll::Ready(written);
            }
            ready!(this.ready()?.poll_write_ready(cx))?.clear_ready();
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

impl AsyncPipe {
    fn ready(&mut self) -> io::Result<&AsyncFd<PipeFd>> {
        let ready = match self.ready.take() {
            Some(ready) => ready,
            None => {
                let pipe = self.transport.pipe().ok_or(io::ErrorKind::NotConnected)?;
                let number = pipe.raw_fd();
                let _open = Arc::clone(&self.transport);
                register(PipeFd { _open, number })?
            }
        };
        Ok(self.ready.insert(ready))
    }
}

// It is deprecated because a type may lie about its descriptor. PipeFd keeps it open, and the successor is unsafe and
// newer than the oldest tokio that will do.
#[allow(deprecated)]
fn register(fd: PipeFd) -> io::Result<AsyncFd<PipeFd>> {
    AsyncFd::with_interest(fd, Interest::WRITABLE)
}
