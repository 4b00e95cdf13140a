use std::{borrow::Cow, thread, time::Duration};

use record_proto::{Encode, Hello, KeyValues, now};

use super::session::Phase;
use super::writer::{Outlet, pid};
use crate::transport::{PIPE_BUF, Patience, Written, pause};

/// How long to wait before looking again whether another thread has said hello.
const BUSY_PAUSE: Duration = Duration::from_micros(100);

impl Outlet {
    /// Whether this process may write records: its hello is in the pipe.
    #[inline]
    pub(super) fn open(&self, patience: &mut Patience) -> bool {
        self.greeting.is_open() || self.begin(patience)
    }

    #[cold]
    fn begin(&self, patience: &mut Patience) -> bool {
        loop {
            match self.greeting.begin() {
                Phase::Open => return true,
                Phase::Gone => return false,
                Phase::Due { forked } => return self.say_hello(forked, patience),
                Phase::Resetting => thread::yield_now(),
                // Not for long, unless the pipe is full.
                Phase::Busy if patience.left().is_some() => pause(BUSY_PAUSE),
                Phase::Busy => return false,
            }
        }
    }

    fn say_hello(&self, forked: bool, patience: &mut Patience) -> bool {
        if forked {
            self.ledger.reset();
            self.greeting.reset();
            if let Ok(mut closed) = self.closed.try_lock() {
                *closed = None;
            }
        }
        let mut hello = Hello::new();
        hello.pid = Some(pid());
        hello.process = self.settings.process.as_deref().map(Cow::Borrowed);
        hello.time = Some(now());
        hello.context = self.settings.context.borrowed();
        hello.instance = Some(self.greeting.instance());
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
        let written = self.transport.greet(&frame, patience);
        match written {
            Written::Whole => self.greeting.said(),
            Written::Full => self.greeting.put_off(),
            Written::Gone => self.greeting.gone(),
        }
        written == Written::Whole
    }
}
