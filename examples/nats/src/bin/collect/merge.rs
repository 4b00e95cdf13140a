//! `Merge`: sorts the frames of many children by time, within a window.

use std::{
    cmp::Ordering,
    collections::{BinaryHeap, VecDeque},
};

/// How many bytes are held at most, whatever the window.
const MAX_BYTES: usize = 64 << 20;

/// Holds items for the window after their arrival and returns them by their keys.
///
/// An item leaves at the end of its window at the latest, and those with lower keys before it. So an item that comes after
/// one with a higher key has left is *late*. It leaves at once.
#[derive(Debug)]
pub(crate) struct Merge<T> {
    /// In nanoseconds of the stream.
    window: u64,
    heap: BinaryHeap<Held<T>>,
    /// For each arrival in order, when its window ends, and the highest key until then.
    windows: VecDeque<(u64, u64)>,
    /// The highest key since the last arrival was noted.
    highest: Option<u64>,
    /// Items up to this key may leave.
    leave_to: Option<u64>,
    /// The highest key that has left.
    left: Option<u64>,
    /// Counts the items, so that those with the same key stay in their order.
    count: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Held<T> {
    key: u64,
    number: u64,
    bytes: usize,
    item: T,
}

impl<T> Merge<T> {
    pub(crate) fn new(window: u64) -> Self {
        Self {
            window,
            heap: BinaryHeap::new(),
            windows: VecDeque::new(),
            highest: None,
            leave_to: None,
            left: None,
            count: 0,
            bytes: 0,
        }
    }

    /// Adds an item that takes this many bytes.
    pub(crate) fn push(&mut self, key: u64, bytes: usize, item: T) {
        self.count += 1;
        self.bytes += bytes;
        self.highest = self.highest.max(Some(key));
        self.heap.push(Held {
            key,
            number: self.count,
            bytes,
            item,
        });
    }

    /// Notes that all items since the last call have arrived now.
    pub(crate) fn arrived(&mut self, now: u64) {
        if let Some(highest) = self.highest.take() {
            self.windows
                .push_back((now.saturating_add(self.window), highest));
        }
    }

    /// Returns the next item that may leave now, and whether it is late.
    pub(crate) fn pop(&mut self, now: u64) -> Option<(T, bool)> {
        while let Some(&(_, highest)) = self.windows.front().filter(|(end, _)| *end <= now) {
            self.leave_to = self.leave_to.max(Some(highest));
            self.windows.pop_front();
        }
        let next = self.heap.peek()?;
        if Some(next.key) <= self.leave_to || self.bytes > MAX_BYTES {
            return self.pop_any();
        }
        None
    }

    /// Returns the next item, even if its window has not ended.
    pub(crate) fn pop_any(&mut self) -> Option<(T, bool)> {
        let Held {
            key, bytes, item, ..
        } = self.heap.pop()?;
        self.bytes -= bytes;
        let is_late = Some(key) < self.left;
        self.left = self.left.max(Some(key));
        Some((item, is_late))
    }
}

impl<T> Ord for Held<T> {
    /// The lowest key is the greatest item, because that is the one that a heap returns.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.key, other.number).cmp(&(self.key, self.number))
    }
}

impl<T> PartialOrd for Held<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Held<T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<T> Eq for Held<T> {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Items arrive up to `delay` after their time. With a window that is at least as long, none is late.
        #[test]
        fn items_that_are_within_the_window_come_sorted(delays in prop::collection::vec(0..50_u64, 1..200)) {
            let mut merge = Merge::new(50);
            let mut seen = Vec::new();
            for (number, delay) in (0..).zip(&delays) {
                let now = 100 + number * 3;
                merge.push(now - delay, 1, now - delay);
                merge.arrived(now);
                while let Some((item, is_late)) = merge.pop(now) {
                    prop_assert!(!is_late && item + 100 >= now);
                    seen.push(item);
                }
            }
            while let Some((item, is_late)) = merge.pop_any() {
                prop_assert!(!is_late);
                seen.push(item);
            }
            prop_assert_eq!(seen.len(), delays.len());
            prop_assert!(seen.is_sorted());
            prop_assert_eq!(merge.bytes, 0);
        }
    }

    #[test]
    fn items_wait_for_their_window_and_a_late_one_is_marked() {
        let mut merge = Merge::new(10);
        merge.push(5, 1, 'b');
        merge.push(3, 1, 'a');
        merge.arrived(0);
        assert_eq!(merge.pop(9), None);
        assert_eq!(
            (merge.pop(10), merge.pop(10), merge.pop(10)),
            (Some(('a', false)), Some(('b', false)), None)
        );
        merge.push(4, 1, 'c');
        merge.arrived(10);
        assert_eq!(merge.pop(10), Some(('c', true)));
    }

    #[test]
    fn one_with_a_low_key_does_not_hold_up_the_others() {
        let mut merge = Merge::new(10);
        merge.push(1000, 1, 0);
        merge.arrived(0);
        for number in 1..=10 {
            merge.push(number, 1, number);
            merge.arrived(number);
        }
        let mut all =
            std::iter::from_fn(|| merge.pop(10).map(|(item, _)| item)).collect::<Vec<_>>();
        assert_eq!(all.pop(), Some(0));
    }

    #[test]
    fn items_with_the_same_key_stay_in_order_and_memory_is_bounded() {
        let mut merge = Merge::new(u64::MAX);
        for number in 0..100 {
            merge.push(7, MAX_BYTES / 50, number);
            merge.arrived(0);
        }
        let left = std::iter::from_fn(|| merge.pop(0).map(|(item, _)| item)).collect::<Vec<_>>();
        assert!(left.len() >= 50 && left.iter().copied().eq(0..left.len()));
        assert!(merge.bytes <= MAX_BYTES);
    }
}
