//! `Overwritten`: the states of a progress bar, of which one a second becomes a record.

use std::time::{Duration, Instant};

use super::entry::Entry;

/// The least time between two records of states.
const PERIOD: Duration = Duration::from_secs(1);

/// The last state of a line that is overwritten again and again.
#[derive(Debug, Default)]
pub(super) struct Overwritten {
    shown_at: Option<Instant>,
    held: Option<Entry>,
}

impl Overwritten {
    /// Adds a state. Returns it if it is to be shown now; if not, it is held. The state that it replaces is dropped.
    pub(super) fn push(&mut self, state: Entry, now: Instant) -> Option<Entry> {
        self.held = None;
        if self.due().is_none_or(|due| due <= now) {
            self.shown_at = Some(now);
            return Some(state);
        }
        self.held = Some(state);
        None
    }

    /// Takes the held state.
    pub(super) fn take(&mut self) -> Option<Entry> {
        self.held.take()
    }

    /// Takes the held state if it is to be shown now.
    pub(super) fn take_due(&mut self, now: Instant) -> Option<Entry> {
        self.held_until().filter(|&due| due <= now)?;
        self.shown_at = Some(now);
        self.held.take()
    }

    pub(super) fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// Returns when the held state is to be shown, if there is one.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.due().filter(|_| self.holds())
    }

    fn due(&self) -> Option<Instant> {
        Some(self.shown_at? + PERIOD)
    }
}
