//! `Sums`: the figures of many processes together.

use std::fmt;

use indicatif::HumanCount;
use serde::{Deserialize, Serialize};

use super::process::is_zero;

/// Sums over processes and over the frames of their relays. They saturate at `u64::MAX`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Sums {
    /// Records that were dispatched.
    pub(crate) received: u64,
    /// Records that their processes dropped.
    pub(crate) dropped: u64,
    /// Records that a process counted and that neither arrived nor were reported as dropped.
    pub(crate) missing: u64,
    /// Log calls that had begun and not finished when their process ended.
    pub(crate) in_flight: u64,
    /// Records that their processes held back and never sent.
    pub(crate) held_back: u64,
    /// Frames of any kind that a relay numbered and that did not arrive.
    pub(crate) lost_frames: u64,
    /// Frames that could not be decoded, or that are of an unknown kind.
    pub(crate) malformed: u64,
    /// Batches that came twice. The second copy was thrown away.
    pub(crate) duplicates: u64,
    /// Records that came after later ones had been dispatched.
    pub(crate) late: u64,
    /// Records that may have been dispatched by a collector before this one.
    pub(crate) redelivered: u64,
    /// Processes that ended with a close frame.
    pub(crate) clean: u64,
    /// Processes that ended without a close frame, as their relay reported.
    pub(crate) unclosed: u64,
    /// Processes whose end is unknown, because their relay died or was silent for too long.
    pub(crate) cut_off: u64,
    /// Processes that have not ended.
    pub(crate) open: u64,
}

impl Sums {
    pub(crate) fn add(&mut self, other: &Self) {
        let other = other.clone().list();
        for (own, other) in self.list_mut().into_iter().zip(other) {
            *own = own.saturating_add(other.1);
        }
    }

    /// Returns the names and figures, first the counts of arrived records, then the losses.
    pub(crate) fn list(self) -> [(&'static str, u64); 14] {
        [
            ("received", self.received),
            ("dropped", self.dropped),
            ("missing", self.missing),
            ("in flight", self.in_flight),
            ("held back", self.held_back),
            ("frames lost", self.lost_frames),
            ("malformed", self.malformed),
            ("duplicate batches", self.duplicates),
            ("late", self.late),
            ("redelivered", self.redelivered),
            ("processes clean", self.clean),
            ("unclosed", self.unclosed),
            ("cut off", self.cut_off),
            ("open", self.open),
        ]
    }

    fn list_mut(&mut self) -> [&mut u64; 14] {
        [
            &mut self.received,
            &mut self.dropped,
            &mut self.missing,
            &mut self.in_flight,
            &mut self.held_back,
            &mut self.lost_frames,
            &mut self.malformed,
            &mut self.duplicates,
            &mut self.late,
            &mut self.redelivered,
            &mut self.clean,
            &mut self.unclosed,
            &mut self.cut_off,
            &mut self.open,
        ]
    }

    /// Returns whether all records have arrived, as far as is known.
    pub(crate) fn is_complete(&self) -> bool {
        let lost = [
            self.dropped,
            self.missing,
            self.lost_frames,
            self.malformed,
            self.unclosed,
            self.cut_off,
        ];
        lost.iter().all(is_zero)
    }
}

/// `7 received, 2 missing, 1 processes clean`: only figures that are not 0.
impl fmt::Display for Sums {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} received", HumanCount(self.received))?;
        for (name, figure) in self
            .clone()
            .list()
            .iter()
            .skip(1)
            .filter(|(_, figure)| *figure > 0)
        {
            write!(f, ", {} {name}", HumanCount(*figure))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_add_up_and_saturate() {
        let one = Sums {
            received: 1,
            dropped: u64::MAX,
            open: 3,
            ..Sums::default()
        };
        let mut sum = Sums::default();
        sum.add(&one);
        sum.add(&one);
        assert_eq!(
            sum,
            Sums {
                received: 2,
                dropped: u64::MAX,
                open: 6,
                ..Sums::default()
            }
        );
        assert_eq!(
            Sums {
                received: 1500,
                open: 2,
                ..Sums::default()
            }
            .to_string(),
            "1,500 received, 2 open"
        );
    }
}
