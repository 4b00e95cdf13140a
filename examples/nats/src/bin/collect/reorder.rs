//! `Reorder`: puts the batches of one child into the order of their ordinals.

use std::collections::BTreeMap;

use super::ordinals::Ordinals;

/// How many batches wait for a hole at most.
const MAX_WAITING: usize = 64;

/// The batches of one child, in the order of their ordinals.
///
/// A batch waits if ordinals before it have not arrived. After a time that is given, or if 64 batches wait, these ordinals
/// are given up: they become a hole of the set. A batch that comes later and fills a hole is ready at once.
#[derive(Debug)]
pub(crate) struct Reorder<B> {
    /// The ordinals that have been taken from here.
    taken: Ordinals,
    /// By their first ordinals, which are all above the high-water mark of `taken`.
    waiting: BTreeMap<u64, Waiting<B>>,
}

#[derive(Debug)]
struct Waiting<B> {
    since: u64,
    batch: B,
}

/// What became of a batch.
#[derive(Debug, PartialEq)]
pub(crate) enum Pushed<B> {
    /// It is the next one, or it fills a hole.
    Ready(B),
    /// It waits for ordinals before it.
    Waits,
    /// All of it has arrived before.
    Duplicate(B),
}

impl<B> Reorder<B> {
    pub(crate) fn new(taken: Ordinals) -> Self {
        Self {
            taken,
            waiting: BTreeMap::new(),
        }
    }

    /// Adds a batch. If it is ready, the caller has to [`take`](Self::take) its ordinals and then to call
    /// [`pop`](Self::pop) until there is no more.
    pub(crate) fn push(&mut self, first: u64, last: u64, now: u64, batch: B) -> Pushed<B> {
        if self.taken.contains_all(first, last) {
            return Pushed::Duplicate(batch);
        }
        if first <= self.taken.next() {
            return Pushed::Ready(batch);
        }
        if self.waiting.contains_key(&first) {
            return Pushed::Duplicate(batch);
        }
        self.waiting.insert(first, Waiting { since: now, batch });
        Pushed::Waits
    }

    /// Returns the next batch that waited, if nothing is missing before it.
    pub(crate) fn pop(&mut self) -> Option<B> {
        let entry = self.waiting.first_entry()?;
        (*entry.key() <= self.taken.next()).then(|| entry.remove().batch)
    }

    /// Gives up the first hole, if a batch waits for it since `before` or too many wait. Returns whether there may be
    /// batches to [`pop`](Self::pop) now.
    pub(crate) fn give_up(&mut self, before: Option<u64>) -> bool {
        let oldest = self.waiting.values().map(|waiting| waiting.since).min();
        let is_due =
            oldest.is_some_and(|since| Some(since) <= before) || self.waiting.len() > MAX_WAITING;
        if let Some(first) = self.waiting.keys().next().filter(|_| is_due) {
            self.taken.skip_to(*first);
        }
        is_due
    }

    /// Notes that the frame of an ordinal goes on from here. Returns whether it has not done so before.
    pub(crate) fn take(&mut self, ordinal: u64) -> bool {
        self.taken.insert(ordinal)
    }

    pub(crate) fn taken(&self) -> &Ordinals {
        &self.taken
    }

    pub(crate) fn is_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Range = (u64, u64);

    /// Pushes a batch and returns those that are ready, the times of all being their places.
    fn push(order: &mut Reorder<Range>, now: u64, range: Range) -> Vec<Range> {
        let mut ready = match order.push(range.0, range.1, now, range) {
            Pushed::Ready(batch) => vec![batch],
            _ => vec![],
        };
        let mut checked = 0;
        loop {
            while checked < ready.len() {
                let (first, last) = ready[checked];
                (first..=last).for_each(|ordinal| {
                    order.take(ordinal);
                });
                checked += 1;
            }
            match order.pop() {
                Some(batch) => ready.push(batch),
                None => return ready,
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_the_order_and_the_repetitions_each_batch_comes_once_and_in_order(
            order in Just((0..40_u64).chain(0..40).collect::<Vec<_>>()).prop_shuffle()
        ) {
            let mut reorder = Reorder::new(Ordinals::default());
            let mut seen = Vec::new();
            for (now, number) in (0..).zip(order) {
                seen.extend(push(&mut reorder, now, (number * 3, number * 3 + 2)));
            }
            prop_assert_eq!(seen, (0..40).map(|number| (number * 3, number * 3 + 2)).collect::<Vec<_>>());
            prop_assert!(!reorder.is_waiting());
        }
    }

    #[test]
    fn a_hole_is_given_up_after_its_time_and_filled_by_what_comes_later() {
        let mut order = Reorder::new(Ordinals::default());
        assert_eq!(push(&mut order, 0, (0, 9)), [(0, 9)]);
        assert_eq!(push(&mut order, 5, (20, 29)), []);
        assert!(!order.give_up(Some(4)) && order.give_up(Some(5)));
        assert_eq!(order.pop(), Some((20, 29)));
        (20..30).for_each(|ordinal| assert!(order.take(ordinal)));
        assert_eq!(push(&mut order, 6, (10, 19)), [(10, 19)]);
        assert_eq!(order.push(10, 19, 7, (10, 19)), Pushed::Duplicate((10, 19)));
    }

    #[test]
    fn a_bounded_number_of_batches_waits() {
        let mut order = Reorder::new(Ordinals::default());
        for number in 1..=MAX_WAITING as u64 {
            assert_eq!(push(&mut order, 9, (number, number)), []);
            assert!(!order.give_up(None));
        }
        push(&mut order, 9, (100, 100));
        assert!(order.give_up(None));
        assert_eq!(order.pop(), Some((1, 1)));
    }

    #[test]
    fn a_batch_of_which_a_part_has_been_taken_is_ready() {
        let mut order = Reorder::new(Ordinals::starting_at(5));
        assert_eq!(order.push(3, 7, 0, ()), Pushed::Ready(()));
        assert!((3..=7).all(|ordinal| order.take(ordinal)));
        assert_eq!(order.push(3, 7, 0, ()), Pushed::Duplicate(()));
    }
}
