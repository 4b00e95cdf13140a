//! `Number`: the sequence number of one record, which is taken as late as possible.

use super::counters::Counters;

/// The sequence number of a record, taken when it is asked for first.
pub(super) struct Number<'a> {
    counters: &'a Counters,
    seq: Option<u64>,
    /// So many numbers more are taken together with it.
    more: u64,
}

impl<'a> Number<'a> {
    /// `seq`: the number, if it was taken already.
    #[inline]
    pub(super) fn new(counters: &'a Counters, seq: Option<u64>) -> Self {
        Self {
            counters,
            seq,
            more: 0,
        }
    }

    /// Takes so many numbers more together with this one: no other thread gets one between.
    #[cfg(feature = "scope")]
    pub(super) fn with_more(counters: &'a Counters, more: u64) -> Self {
        Self {
            more,
            ..Self::new(counters, None)
        }
    }

    #[inline]
    pub(super) fn get(&mut self) -> u64 {
        let Self { counters, more, .. } = *self;
        *self.seq.get_or_insert_with(|| counters.take_seqs(1 + more))
    }

    /// Lets the record get a number of the session that has begun since.
    pub(super) fn renew(&mut self) {
        self.seq = None;
    }
}
