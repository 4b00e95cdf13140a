//! The pipes of the streams that are captured.

use std::{
    io,
    os::fd::OwnedFd,
    process::{self, Stdio},
    time::Duration,
};

use super::handover::above_stdio;
use crate::capture::{CapturedStreams, LineStream, Streams};
use crate::read::{ChildPipe, PipeGauge};

/// The read ends of a child that has not been started yet.
pub(super) struct LinePipes {
    streams: Vec<LineStream>,
    pipe: PipeGauge,
}

impl LinePipes {
    /// Makes a pipe for each stream and gives the write end to the command, which owns it from here on.
    pub(super) fn make(
        command: &mut process::Command,
        streams: Streams,
        grace: Duration,
        pipe: &ChildPipe,
    ) -> io::Result<Self> {
        let mut made = Vec::new();
        for (name, level) in [("stdout", streams.stdout), ("stderr", streams.stderr)] {
            let Some(level) = level else { continue };
            let (read_end, write_end) = io::pipe()?;
            let read_end = above_stdio(read_end.into())?;
            let write_end: OwnedFd = above_stdio(write_end.into())?;
            match name {
                "stdout" => command.stdout(Stdio::from(write_end)),
                _ => command.stderr(Stdio::from(write_end)),
            };
            made.push(LineStream::new(name, level, streams, read_end, grace)?);
        }
        Ok(Self {
            streams: made,
            pipe: pipe.gauge()?,
        })
    }

    /// Returns the capture of the child that has been started.
    pub(super) fn of(self, pid: Option<u32>) -> CapturedStreams {
        let mut streams = CapturedStreams::new(self.streams, self.pipe, pid);
        streams.watch_exit_of(pid);
        streams
    }
}
