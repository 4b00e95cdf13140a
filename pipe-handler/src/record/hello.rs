use std::{borrow::Cow, thread, time::Duration};

use record_proto::{Encode, Hello, KeyValues, now};

use super::session::Phase;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, PIPE_BUF, Written, pause};

/// How long to wait before looking again whether another thread has said hello.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

impl RecordWriter {
    /// Whether this process may write records: its hello is in the pipe.
    #[inline]
    pub(super) fn open(&self, deadline: &mut Deadline) -> bool {
        self.session.is_open() || self.begin(deadline)
    }

    #[cold]
    fn begin(&self, deadline: &mut Deadline) -> bool {
        loop {
            match self.session.begin() {
                Phase::Open => return true,
                Phase::Gone => return false,
                Phase::Due { forked } => return self.send_hello(forked, deadline),
                Phase::Resetting => thread::yield_now(),
                // Not for long, unless the pipe is full.
                Phase::Busy if deadline.remaining().is_some() => pause(BUSY_PAUSE),
                Phase::Busy => return false,
            }
        }
    }

    fn send_hello(&self, forked: bool, deadline: &mut Deadline) -> bool {
        if forked {
            self.counters.reset();
            self.session.reset();
            if let Ok(mut closed) = self.closed.try_lock() {
                *closed = None;
            }
        }
        let mut hello = Hello::new();
        hello.pid = Some(pid());
        hello.process = self.settings.process.as_deref().map(Cow::Borrowed);
        hello.time = Some(now());
        hello.context = self.settings.context.borrowed();
        hello.instance = Some(self.session.instance());
        let mut frame = Vec::new();
        hello.encode_frame(&mut frame);
        if frame.len() > PIPE_BUF {
            // Here the context only informs; every record has it.
            hello.context = KeyValues::new();
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        if frame.len() > PIPE_BUF {
            hello.process = None;
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        let written = self.transport.write_hello(&frame, deadline);
        match written {
            Written::Whole => self.session.mark_open(),
            Written::Full => self.session.retry_later(),
            Written::Gone => self.session.mark_reader_gone(),
        }
        written == Written::Whole
    }
}
