//! A layout with the same words and the shortest rings.

use super::atomic::{AtomicU64, Ordering::Relaxed};
use super::header::Header;
use super::ring_words::RingWords;

const RING_WORDS: usize = 8;
const HEAD_WORDS: usize = 12;

/// One entry.
pub(super) const RESTART: usize = 24;

#[derive(Debug, Clone, Copy)]
pub(super) struct Layout {
    pub(super) rings: usize,
}

impl Layout {
    pub(super) fn make(self) -> Vec<AtomicU64> {
        let mut words: Vec<_> = (0..4).map(|_| AtomicU64::new(0)).collect();
        for _ in 0..self.rings {
            words.extend((0..HEAD_WORDS).map(|_| AtomicU64::new(0)));
            words.extend((0..RING_WORDS).map(|_| AtomicU64::new_data()));
        }
        words[0].store(1, Relaxed);
        words[1].store(1, Relaxed);
        words
    }

    pub(super) fn rings(self) -> usize {
        self.rings
    }

    pub(super) fn header(self, words: &[AtomicU64]) -> Header<'_> {
        Header {
            bell: &words[0],
            ticks: &words[3],
            ticket: &words[1],
            claimed: &words[2],
        }
    }

    pub(super) fn ring(self, words: &[AtomicU64], index: usize) -> RingWords<'_> {
        let words = &words[4 + index * (HEAD_WORDS + RING_WORDS)..];
        RingWords {
            head: &words[0],
            waiting: &words[1],
            owner: &words[2],
            released: &words[3],
            dropped: &words[4..9],
            tail: &words[9],
            dispatched: &words[10],
            awaited: &words[11],
            data: &words[HEAD_WORDS..][..RING_WORDS],
        }
    }

    pub(super) fn data(self, words: &[AtomicU64], index: usize) -> &[AtomicU64] {
        self.ring(words, index).data
    }
}
