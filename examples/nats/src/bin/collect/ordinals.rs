//! `Ordinals`: which frames of a child have been seen.

use serde::{Deserialize, Serialize};

/// How many holes are known at most.
const MAX_HOLES: usize = 64;

/// A set of ordinals: all below a high-water mark, except those in the holes.
///
/// At most 64 holes are known. If there are more, the oldest is forgotten: its ordinals then count as seen, so that a frame
/// that comes after all is taken for a second copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Ordinals {
    next: u64,
    /// First and last ordinal of each hole, in ascending order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    holes: Vec<(u64, u64)>,
}

impl Ordinals {
    /// The set whose high-water mark is `first`, with a hole before it.
    pub(crate) fn starting_at(first: u64) -> Self {
        let mut set = Self::default();
        set.skip_to(first);
        set
    }

    /// Returns the ordinal after the highest one of the set.
    pub(crate) fn next(&self) -> u64 {
        self.next
    }

    #[cfg(test)]
    pub(crate) fn contains(&self, ordinal: u64) -> bool {
        ordinal < self.next && self.hole_of(ordinal).is_none()
    }

    /// Returns whether all of a range are in the set.
    pub(crate) fn contains_all(&self, first: u64, last: u64) -> bool {
        last < self.next
            && !self
                .holes
                .iter()
                .any(|hole| hole.0 <= last && first <= hole.1)
    }

    /// Adds an ordinal. Returns whether it was not in the set.
    pub(crate) fn insert(&mut self, ordinal: u64) -> bool {
        if ordinal >= self.next {
            self.skip_to(ordinal);
            self.next = ordinal.saturating_add(1);
            return true;
        }
        let Some(index) = self.hole_of(ordinal) else {
            return false;
        };
        let (first, last) = self.holes.remove(index);
        if ordinal < last {
            self.holes.insert(index, (ordinal + 1, last));
        }
        if first < ordinal {
            self.holes.insert(index, (first, ordinal - 1));
        }
        self.forget_oldest();
        true
    }

    /// Raises the high-water mark. The ordinals that it passes become a hole. Returns their number.
    pub(crate) fn skip_to(&mut self, ordinal: u64) -> u64 {
        let skipped = ordinal.saturating_sub(self.next);
        if skipped > 0 {
            self.holes.push((self.next, ordinal - 1));
            self.next = ordinal;
            self.forget_oldest();
        }
        skipped
    }

    fn hole_of(&self, ordinal: u64) -> Option<usize> {
        // Nearly always there is none.
        self.holes
            .iter()
            .position(|hole| hole.0 <= ordinal && ordinal <= hole.1)
    }

    fn forget_oldest(&mut self) {
        let excess = self.holes.len().saturating_sub(MAX_HOLES);
        self.holes.drain(..excess);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(ordinals in prop::collection::vec(0..60_u64, 0..100)) {
            let (mut set, mut model) = (Ordinals::default(), BTreeSet::new());
            for ordinal in ordinals {
                prop_assert_eq!(set.insert(ordinal), model.insert(ordinal));
                prop_assert_eq!(set.next(), model.last().unwrap() + 1);
                for other in 0..61 {
                    prop_assert_eq!(set.contains(other), model.contains(&other));
                    let all = (other..other + 3).all(|ordinal| model.contains(&ordinal));
                    prop_assert_eq!(set.contains_all(other, other + 2), all);
                }
            }
            let text = serde_json::to_string(&set).unwrap();
            prop_assert_eq!(serde_json::from_str::<Ordinals>(&text).unwrap(), set);
        }
    }

    #[test]
    fn the_number_of_holes_is_bounded_and_the_oldest_count_as_seen() {
        let mut set = Ordinals::default();
        for ordinal in 0..1000 {
            set.insert(2 * ordinal + 1);
        }
        assert_eq!(set.holes.len(), MAX_HOLES);
        assert!(!set.insert(0) && set.insert(1998));
    }
}
