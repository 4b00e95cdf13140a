use std::time::Duration;

use record_proto::{Close, Encode, now};

use super::counters::Counts;
use super::writer::{RecordWriter, pid};
use crate::transport::{Deadline, Overflow, Written};

impl RecordWriter {
    /// Sends what is still to be said: drops, then how many records there were in all.
    ///
    /// `None` where the pipe had no room within the timeout or nobody reads, and in a process that never logged.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Counts> {
        self.close_with(timeout, false)
    }

    /// The same where the process exits: its other threads may log on until the very end, and no drain carries away
    /// what they leave then.
    pub(crate) fn close_at_exit(&self) -> Option<Counts> {
        self.close_with(self.settings.exit_timeout, true)
    }

    fn close_with(&self, timeout: Duration, is_last: bool) -> Option<Counts> {
        let mut deadline = Deadline::new(Overflow::BlockFor(timeout));
        // A process that never logged is none to this pipe. One whose records were all dropped, hello included, is, and
        // so is one of which a thread is saying hello.
        let is_begun =
            self.session.is_busy() || (self.session.is_due() && self.counts().dropped > 0);
        let is_heard = self.session.is_open() || (is_begun && self.open(&mut deadline));
        if is_heard && !self.transport.flush(&mut deadline) {
            return None;
        }
        // Also where nothing was logged so far: another thread may begin now.
        let is_stopped = !is_last || self.transport.stop(&mut deadline);
        if !is_heard || !is_stopped {
            return None;
        }
        let closed = self.send_close(&mut deadline)?;
        self.transport.flush(&mut deadline).then_some(closed)
    }

    /// The last handler is gone.
    pub(crate) fn close_on_drop(&self) {
        if self.pipe().is_some() {
            self.close(self.settings.exit_timeout);
        } else if self.session.is_open() {
            // The drain may be a task of this very thread: it is not waited for.
            self.send_close(&mut Deadline::new(Overflow::DropNewest));
        }
        self.transport.close();
    }

    fn send_close(&self, deadline: &mut Deadline) -> Option<Counts> {
        let instance = self.session.instance();
        let dropped = self.counters.dropped();
        let counts = Counts {
            sent: self.counters.sent(),
            dropped: dropped.total(),
        };
        // Poisoned, or held by a thread that a fork left behind: say it once more rather than never.
        let mut closed = self.closed.try_lock().ok();
        if closed.as_deref() == Some(&Some((instance, counts))) {
            return Some(counts);
        }
        let due = self.counters.take_unreported();
        let mut frames = Vec::new();
        self.encode_report(due, &mut frames);
        let mut close = Close::new();
        close.pid = Some(pid());
        close.time = Some(now());
        close.sent = counts.sent;
        close.dropped = counts.dropped;
        close.instance = Some(instance);
        // Another thread may be about to report some of them, and may be ended before it has.
        close.dropped_by_level = (counts.dropped > 0).then_some(dropped);
        close.encode_frame(&mut frames);
        if self.write(&frames, deadline) != Written::Whole {
            due.inspect(|&counts| self.counters.give_back(counts));
            return None;
        }
        if let Some(closed) = closed.as_deref_mut() {
            *closed = Some((instance, counts));
        }
        Some(counts)
    }
}
