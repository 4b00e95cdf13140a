//! Writes the hello, the frame that precedes all records of a process.

use std::{borrow::Cow, thread, time::Duration};

use record_proto::{Encode, Hello, KeyValues, now};

use super::session::Phase;
use super::thread::Commit;
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
                phase @ (Phase::New | Phase::Due) => return self.send_hello(phase, deadline),
                Phase::Beginning => thread::yield_now(),
                // This does not take long unless the pipe is full.
                Phase::Opening if deadline.remaining().is_some() => pause(OPENING_PAUSE),
                Phase::Opening => return false,
            }
        }
    }

    /// Begins another session after the one with this instance, which is over, and lets the record get another number.
    /// Returns whether the process may write records.
    #[cold]
    pub(super) fn begin_anew(&self, instance: Option<u32>, commit: &mut Commit) -> bool {
        instance.inspect(|&instance| self.session.abandon(instance));
        commit.number.renew();
        self.open(&mut commit.deadline)
    }

    fn send_hello(&self, phase: Phase, deadline: &mut Deadline) -> bool {
        if phase == Phase::New {
            self.counters.reset();
            #[cfg(feature = "scope")]
            self.reset_kept();
            self.session.renew_instance();
        }
        let instance = self.session.instance();
        self.transport
            .shared
            .as_ref()
            .inspect(|shared| shared.begin(instance));
        self.session.set(Phase::Opening);
        let written = self.write(&self.encode_hello(), deadline);
        self.session.set(match written {
            Written::Whole => Phase::Open,
            Written::Gone => Phase::Gone,
            _ => Phase::Due,
        });
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
        // The context can be left out, and then the name: every record carries them.
        let shorten: [fn(&mut Hello<'_>); 3] = [
            |_| (),
            |hello| hello.context = KeyValues::new(),
            |hello| hello.process = None,
        ];
        let mut frame = Vec::new();
        for shorten in shorten {
            shorten(&mut hello);
            frame.clear();
            hello.encode_frame(&mut frame);
            if frame.len() <= PIPE_BUF {
                break;
            }
        }
        frame
    }
}
