//! `Bell`: whether writers wake the reader that sleeps.

use std::time::{Duration, Instant};

use super::{
    place::Place,
    rings::Rings,
    rule::{self, Finding},
};

/// How long a bell may take after an entry.
const LIMIT: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub(crate) struct Bell {
    /// Since when there has been an entry without a bell.
    missing: Option<Instant>,
    /// The entry after which no bell had come at the end of the pipe.
    last: Option<Place>,
}

impl Bell {
    /// The reader begins to sleep.
    pub(crate) fn begin(&mut self) {
        self.missing = None;
    }

    /// Returns a finding if an entry has been there for long and nobody has woken the reader.
    pub(crate) fn missing(&mut self, rings: &Rings) -> Option<Finding> {
        let Some(place) = rings.entry_in_sleep() else {
            self.missing = None;
            return None;
        };
        let since = *self.missing.get_or_insert_with(Instant::now);
        let text = format!("the reader slept, and no bell came for {LIMIT:?} after an entry");
        (since.elapsed() >= LIMIT).then(|| Finding::new(place, &rule::BELL, text))
    }

    /// The pipe has ended: no bell comes any more.
    pub(crate) fn end(&mut self, rings: &Rings) {
        self.last = rings.entry_in_sleep();
    }

    /// Returns a finding if no bell came after the last entry.
    pub(crate) fn finish(&self) -> Option<Finding> {
        let text = "the reader slept, and no bell came between an entry and the pipe's end";
        self.last
            .map(|place| Finding::new(place, &rule::BELL, text))
    }
}
