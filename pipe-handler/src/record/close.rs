use std::time::Duration;

use record_proto::{Close, Encode, now};

use super::counters::Closed;
use super::writer::{Outlet, pid};
use crate::transport::{Overflow, Patience, Written};

impl Outlet {
    /// Sends what is still to be said: drops, then how many records there were in all.
    ///
    /// `None` where the pipe had no room within the timeout or nobody reads, and in a process that never logged.
    pub(crate) fn close(&self, timeout: Duration) -> Option<Closed> {
        self.close_with(timeout, false)
    }

    /// The same where the process exits: its other threads may log on until the very end, and no drain carries away
    /// what they leave then.
    pub(crate) fn close_at_exit(&self) -> Option<Closed> {
        self.close_with(self.settings.exit_timeout, true)
    }

    fn close_with(&self, timeout: Duration, is_last: bool) -> Option<Closed> {
        let mut patience = Patience::new(Overflow::BlockFor(timeout));
        // A process that never logged is none to this pipe. One whose records were all dropped, hello included, is, and
        // so is one of which a thread is saying hello.
        let is_begun =
            self.greeting.is_busy() || (self.greeting.is_due() && self.counts().dropped > 0);
        let is_heard = self.greeting.is_open() || (is_begun && self.open(&mut patience));
        if is_heard && !self.transport.flush(&mut patience) {
            return None;
        }
        // Also where nothing was logged so far: another thread may begin now.
        let is_stopped = !is_last || self.transport.stop(&mut patience);
        if !is_heard || !is_stopped {
            return None;
        }
        let closed = self.say_close(&mut patience)?;
        self.transport.flush(&mut patience).then_some(closed)
    }

    /// The last handler is gone.
    pub(crate) fn shut(&self) {
        if self.pipe().is_some() {
            self.close(self.settings.exit_timeout);
        } else if self.greeting.is_open() {
            // The drain may be a task of this very thread: it is not waited for.
            self.say_close(&mut Patience::new(Overflow::DropNewest));
        }
        self.transport.close();
    }

    fn say_close(&self, patience: &mut Patience) -> Option<Closed> {
        let instance = self.greeting.instance();
        let dropped = self.ledger.dropped();
        let counts = Closed {
            sent: self.ledger.sent(),
            dropped: dropped.total(),
        };
        // Poisoned, or held by a thread that a fork left behind: say it once more rather than never.
        let mut closed = self.closed.try_lock().ok();
        if closed.as_deref() == Some(&Some((instance, counts))) {
            return Some(counts);
        }
        let due = self.ledger.take_due();
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
        if self.write(&frames, patience) != Written::Whole {
            due.inspect(|&counts| self.ledger.give_back(counts));
            return None;
        }
        if let Some(closed) = closed.as_deref_mut() {
            *closed = Some((instance, counts));
        }
        Some(counts)
    }
}
