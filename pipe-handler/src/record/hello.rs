//! Writes the hello, the frame that precedes all records of a process.

use std::{borrow::Cow, thread, time::Duration};

use record_proto::{Encode, Hello, KeyValues, now};

use super::session::Phase;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, PIPE_BUF, Written, pause};

/// How long to wait before checking again whether another thread has written the hello.
const OPENING_PAUSE: Duration = Duration::from_micros(100);

impl RecordWriter {
    /// Writes the hello if this process has not written it. Returns whether the process may write records.
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
                Phase::Beginning => thread::yield_now(),
                // This does not take long unless the pipe is full.
                Phase::Opening if deadline.remaining().is_some() => pause(OPENING_PAUSE),
                Phase::Opening => return false,
            }
        }
    }

    fn send_hello(&self, forked: bool, deadline: &mut Deadline) -> bool {
        if forked {
            self.counters.reset();
            #[cfg(feature = "scope")]
            self.reset_kept();
            self.session.renew_instance();
            if let Ok(mut closed) = self.closed.try_lock() {
                *closed = None;
            }
        }
        self.transport.begin(self.session.instance());
        self.session.mark_opening();
        let written = self.transport.write(&self.encode_hello(), deadline);
        match written {
            Written::Whole => self.session.mark_open(),
            Written::Full => self.session.retry_later(),
            Written::Gone => self.session.mark_reader_gone(),
        }
        written == Written::Whole
    }

    /// Encodes the hello in at most `PIPE_BUF` bytes.
    fn encode_hello(&self) -> Vec<u8> {
        let mut hello = Hello::new();
        hello.pid = Some(pid());
        hello.process = self.settings.process.as_deref().map(Cow::Borrowed);
        hello.time = Some(now());
        hello.context = self.settings.context.borrowed();
        hello.instance = Some(self.session.instance());
        let mut frame = Vec::new();
        hello.encode_frame(&mut frame);
        if frame.len() > PIPE_BUF {
            // The context can be left out: every record carries it.
            hello.context = KeyValues::new();
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        if frame.len() > PIPE_BUF {
            hello.process = None;
            frame.clear();
            hello.encode_frame(&mut frame);
        }
        frame
    }
}
