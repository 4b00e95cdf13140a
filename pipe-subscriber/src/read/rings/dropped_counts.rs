//! `DroppedCounts`: the reports of dropped records that are made of the counts in a shared buffer.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use record_proto::{Dropped, Encode, Levels, Payload};

/// The sessions of the buffer whose hello was read: instance and pid.
///
/// A ring names its owner by the instance only, and an account is found by pid and instance. So the pid comes from the
/// hello.
#[derive(Debug, Default)]
pub(super) struct DroppedCounts {
    sessions: Vec<(u32, Option<u64>)>,
    /// The payloads of reports that were not handed out.
    reports: VecDeque<Vec<u8>>,
    /// When the counts of rings in use were last looked at.
    looked: Option<Instant>,
}

impl DroppedCounts {
    /// A buffer has at most so many rings, and so at most so many sessions that have one.
    const MAX_SESSIONS: usize = 64;

    /// The time between two looks at the counts of rings in use, while the reader does not sleep.
    const PERIOD: Duration = Duration::from_secs(1);

    /// Returns whether the counts of rings in use are to be looked at.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        let is_due = self
            .looked
            .is_none_or(|looked| now.saturating_duration_since(looked) >= Self::PERIOD);
        if is_due {
            self.looked = Some(now);
        }
        is_due
    }

    /// Returns whether the hello of this owner was read. Before that, its drops would belong to no account.
    pub(super) fn knows(&self, owner: u64) -> bool {
        let instance = instance_of(owner);
        self.sessions.iter().any(|session| session.0 == instance)
    }

    /// Keeps the session of a hello. If there are too many, those go whose instance is not that of any of `owners`.
    #[cold]
    pub(super) fn note_hello(&mut self, payload: &[u8], owners: impl Iterator<Item = u64>) {
        let Ok(Payload::Hello(hello)) = Payload::decode(payload) else {
            return;
        };
        let Some(instance) = hello.instance else {
            return;
        };
        self.sessions.retain(|session| session.0 != instance);
        if self.sessions.len() >= Self::MAX_SESSIONS {
            let owners: Vec<u32> = owners.map(instance_of).collect();
            self.sessions.retain(|session| owners.contains(&session.0));
        }
        if self.sessions.len() < Self::MAX_SESSIONS {
            self.sessions.push((instance, hello.pid));
        }
    }

    /// Makes a report of the counts of a ring with this owner, if there are any.
    pub(super) fn report(&mut self, owner: u64, counts: [u64; 5]) {
        if counts == [0; 5] {
            return;
        }
        let instance = instance_of(owner);
        let session = self.sessions.iter().find(|session| session.0 == instance);
        let mut dropped = Dropped::new();
        dropped.instance = Some(instance);
        dropped.pid = session.and_then(|session| session.1);
        dropped.counts = Levels(counts);
        let mut payload = Vec::new();
        dropped.encode(&mut payload);
        self.reports.push_back(payload);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.reports.is_empty()
    }

    /// Takes the payload of the next report.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.reports.pop_front()
    }
}

/// Returns the instance of the session that owns a ring.
fn instance_of(owner: u64) -> u32 {
    // The upper half only says that there is an owner.
    owner as u32
}
