//! A reader that pauses.

use std::{
    io::{PipeReader, Read},
    sync::atomic::Ordering::SeqCst,
    thread,
};

use super::{Progress, case::Stall};

/// How often a reader looks again while nothing happens, before it assumes that all threads wait for it.
const LOOKS: u32 = 300;

pub(super) struct Reader<'c> {
    pub(super) pipe: PipeReader,
    pub(super) stalls: &'c [Stall],
    pub(super) progress: &'c Progress,
    /// Whether a log call may wait until this reads.
    pub(super) may_wait: bool,
}

impl Reader<'_> {
    /// Reads the whole stream, with pauses.
    pub(super) fn read(mut self) -> Vec<u8> {
        let mut stream = Vec::new();
        for &Stall { calls, bytes } in self.stalls {
            self.wait(calls);
            self.read_some(bytes, &mut stream);
        }
        // If no thread waits for room, the rest is read when all have logged.
        self.wait(u64::MAX);
        self.pipe.read_to_end(&mut stream).expect("a pipe");
        stream
    }

    fn wait(&self, calls: u64) {
        let calls_so_far = || self.progress.calls.load(SeqCst);
        let goal = calls_so_far().saturating_add(calls);
        let (mut last, mut looks) = (calls_so_far(), 0);
        while last < goal && !self.progress.done.load(SeqCst) {
            thread::yield_now();
            let now = calls_so_far();
            looks = if now == last { looks + 1 } else { 0 };
            last = now;
            if self.may_wait && looks > LOOKS {
                break;
            }
        }
    }

    /// Reads the bytes that are in the pipe, up to this many.
    fn read_some(&mut self, bytes: usize, stream: &mut Vec<u8>) {
        let waiting = rustix::io::ioctl_fionread(&self.pipe).expect("FIONREAD");
        let bytes = bytes.min(usize::try_from(waiting).expect("small"));
        let start = stream.len();
        stream.resize(start + bytes, 0);
        self.pipe.read_exact(&mut stream[start..]).expect("a pipe");
    }
}
