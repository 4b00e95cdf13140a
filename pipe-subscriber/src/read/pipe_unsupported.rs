//! The read end of a pipe on systems other than Linux: always in the runtime's poll, never paced.

use std::{
    io, mem,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    pin::Pin,
    task::{Context, Poll},
};

use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    io::{Errno, ioctl_fionread, read, retry_on_intr},
};
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::unix::pipe::Receiver,
};

/// The read end of a pipe. It is registered with the runtime at the first read, so that it can be made outside of one.
#[derive(Debug)]
pub(crate) enum Pipe {
    Unregistered(OwnedFd),
    Registered(Receiver),
    /// The registration failed, which has closed the read end.
    Lost,
}

impl Pipe {
    pub(crate) fn new(read_end: OwnedFd) -> Self {
        Self::Unregistered(read_end)
    }

    #[cfg(feature = "capture")]
    pub(crate) fn of_default_size(read_end: OwnedFd) -> Self {
        Self::new(read_end)
    }

    #[cfg(feature = "capture")]
    pub(crate) fn gauge(&self) -> io::Result<super::PipeGauge> {
        let duplicate = self.fd()?.try_clone_to_owned()?;
        Ok(super::PipeGauge::new(std::sync::Arc::new(duplicate)))
    }

    /// Returns how many bytes are in the pipe.
    pub(crate) fn available(&self) -> io::Result<usize> {
        let available = ioctl_fionread(self.fd()?)?;
        Ok(usize::try_from(available).unwrap_or(usize::MAX))
    }

    /// Reads at most `limit` bytes without waiting. Returns `None` if the pipe is empty, and 0 at the end of file.
    pub(crate) fn try_read(
        &mut self,
        buf: &mut ReadBuf<'_>,
        limit: usize,
    ) -> io::Result<Option<usize>> {
        let receiver = self.receiver()?;
        let room = buf.remaining().min(limit);
        let room = buf.initialize_unfilled_to(room);
        match retry_on_intr(|| read(&*receiver, &mut *room)) {
            Ok(bytes) => {
                buf.advance(bytes);
                Ok(Some(bytes))
            }
            Err(Errno::AGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns whether all writers are gone. The pipe may still have bytes to read.
    pub(crate) fn is_hung_up(&self) -> io::Result<bool> {
        let fd = self.fd()?;
        let mut polled = [PollFd::from_borrowed_fd(fd, PollFlags::IN)];
        retry_on_intr(|| poll(&mut polled, Some(&Timespec::default())))?;
        Ok(polled[0].revents().contains(PollFlags::HUP))
    }

    fn fd(&self) -> io::Result<BorrowedFd<'_>> {
        match self {
            Pipe::Unregistered(fd) => Ok(fd.as_fd()),
            Pipe::Registered(receiver) => Ok(receiver.as_fd()),
            Pipe::Lost => Err(lost()),
        }
    }

    /// Returns tokio's receiver; the first call registers the read end.
    ///
    /// tokio sets it to non-blocking. The two ends of a pipe are different file descriptions, so that the writers' end
    /// stays as it is.
    fn receiver(&mut self) -> io::Result<&mut Receiver> {
        if let Pipe::Unregistered(_) = self
            && let Pipe::Unregistered(fd) = mem::replace(self, Pipe::Lost)
        {
            *self = Pipe::Registered(Receiver::from_owned_fd(fd)?);
        }
        match self {
            Pipe::Registered(receiver) => Ok(receiver),
            _ => Err(lost()),
        }
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.get_mut().receiver()?).poll_read(cx, buf)
    }
}

fn lost() -> io::Error {
    io::Error::other("the pipe could not be registered with the runtime")
}
