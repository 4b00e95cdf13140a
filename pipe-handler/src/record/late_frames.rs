//! Records as frames that get their number once there is room for them.

use record_proto::{Encode, FRAGMENT_OVERHEAD, Fragment, HEAD_LENGTH, RecordEncoder, set_seq};

use super::number::Number;
use super::writer::pid;
use crate::transport::LateFrame;

/// What the pieces of a record have in common.
pub(super) struct Late<'r, 'n> {
    pub(super) number: &'r mut Number<'n>,
    pub(super) time: u64,
    /// The fragment stream of the thread.
    pub(super) stream: u64,
}

/// The record that an encoder has formatted.
pub(super) struct Formatted<'r, 'n> {
    pub(super) longest: usize,
    pub(super) encoder: &'r mut RecordEncoder,
    pub(super) number: &'r mut Number<'n>,
}

impl LateFrame for Formatted<'_, '_> {
    #[inline]
    fn longest(&self) -> usize {
        self.longest
    }

    #[inline]
    fn time(&self) -> u64 {
        self.encoder.time()
    }

    #[inline(always)]
    fn finish(&mut self) -> &[u8] {
        // It does not fail after `longest_frame`.
        self.encoder.finish(self.number.get()).unwrap_or_default()
    }
}

/// A record that was encoded with the number `u64::MAX`.
pub(super) struct Wide<'f, 'l, 'r, 'n> {
    pub(super) frame: &'f mut [u8],
    pub(super) late: &'l mut Late<'r, 'n>,
}

impl LateFrame for Wide<'_, '_, '_, '_> {
    fn longest(&self) -> usize {
        self.frame.len()
    }

    fn time(&self) -> u64 {
        self.late.time
    }

    fn finish(&mut self) -> &[u8] {
        set_seq(self.frame, self.late.number.get());
        self.frame
    }
}

/// A fragment of such a record.
pub(super) struct Piece<'f, 'l, 'r, 'n> {
    pub(super) bytes: &'f [u8],
    pub(super) index: u64,
    pub(super) is_last: bool,
    /// Has room for the fragment.
    pub(super) scratch: &'f mut Vec<u8>,
    pub(super) late: &'l mut Late<'r, 'n>,
}

impl LateFrame for Piece<'_, '_, '_, '_> {
    fn longest(&self) -> usize {
        self.bytes.len() + FRAGMENT_OVERHEAD
    }

    fn time(&self) -> u64 {
        self.late.time
    }

    fn finish(&mut self) -> &[u8] {
        let Self { bytes, scratch, .. } = self;
        scratch.clear();
        let mut fragment = Fragment::new(self.late.stream, bytes);
        (fragment.pid, fragment.index, fragment.last) = (Some(pid()), self.index, self.is_last);
        fragment.encode_frame(scratch);
        if self.index == 0 {
            // The number is at the beginning of the payload, which has no head here.
            let start = scratch.len() - bytes.len() - HEAD_LENGTH;
            set_seq(&mut scratch[start..], self.late.number.get());
        }
        scratch
    }
}
