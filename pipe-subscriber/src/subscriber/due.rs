//! `Due`: when a report of this crate is to be handed on.

use std::{
    task::{Context, Poll},
    time::Instant,
};

use crate::sys::Alarm;

/// The time at which a report is due, if there is one.
#[derive(Debug, Default)]
pub(super) struct Due {
    at: Option<Instant>,
    alarm: Alarm,
}

impl Due {
    /// Sets the time, unless one is set.
    pub(super) fn set(&mut self, at: Instant) {
        self.at.get_or_insert(at);
    }

    /// Returns whether a time is set, due or not.
    #[inline]
    pub(super) fn is_set(&self) -> bool {
        self.at.is_some()
    }

    /// Returns whether the report is due. If so, no time is set any more.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        self.at.take_if(|at| *at <= now).is_some()
    }

    /// Makes the report due now, if there is one. To be called at the end of the stream. Returns whether there is one.
    pub(super) fn hurry(&mut self, now: Instant) -> bool {
        self.at = self.at.map(|at| at.min(now));
        self.is_set()
    }

    /// Ready if the report is due. Otherwise wakes the task when it is.
    ///
    /// If the system refuses timers, the report comes with the next record or at the end.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match self.at.map(|at| self.alarm.poll(cx, at)) {
            Some(Poll::Ready(Ok(()))) => Poll::Ready(()),
            _ => Poll::Pending,
        }
    }
}
