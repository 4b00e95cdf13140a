//! `PairWriter`: writes the key-values of a log call into a frame.

use std::panic::{AssertUnwindSafe, catch_unwind};

use log::kv::{self, VisitSource};

use super::encoded_pairs::EncodedPairs;
use super::key_values::{CUT_KEY, CutMark};
use super::pair_buffers::PairBuffers;
use super::value_writer::ValueWriter;
use crate::msgpack::{Cursor, MsgpackWrite, SliceWriter, write};
use crate::text::{FORMATTING_FAILED, FORMATTING_PANICKED, discard};

/// The bounds of one record's key-values.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PairLimits {
    /// The longest text of one value, in bytes.
    pub(crate) text: usize,
    /// The length of all encoded pairs after which no more are taken, in bytes.
    pub(crate) bytes: usize,
    /// The number of values after which no more pairs are taken. Pairs, items of lists and pairs of maps are values.
    pub(crate) values: usize,
}

/// Writes the key-values of a log call straight into a frame.
///
/// A value is foreign code: it may fail, panic, or write without end. If it fails or panics, a marker replaces it, and
/// the pairs before and after it are kept. If it writes without end, its text is cut at the limit, but the log call
/// does not return.
#[derive(Debug)]
pub struct PairWriter<'a, 'b> {
    out: &'a mut Cursor<'b>,
    buffers: &'a mut PairBuffers,
    /// The longest text of one value, in bytes.
    text_limit: usize,
    /// The position after which no pair may begin.
    end: usize,
    /// The number of values that may still be written.
    values_left: usize,
    /// The number of pairs that were written.
    count: usize,
    /// Whether a limit was reached.
    is_full: bool,
    /// The position of the present pair.
    pair_at: usize,
    /// The position of the present pair's value.
    value_at: usize,
}

/// Writes a map of the pairs that `visit` passes to the writer.
///
/// The byte before the position of `out` must be a nil. The head of the map replaces it; if there are no pairs, it
/// stays. Once a limit is reached, the writer takes no more pairs, and its methods return that to `visit`.
///
/// Returns the number of values that were written.
#[inline(always)]
pub(crate) fn write_pairs(
    out: &mut Cursor<'_>,
    buffers: &mut PairBuffers,
    limits: PairLimits,
    visit: impl FnOnce(&mut PairWriter<'_, '_>),
) -> usize {
    buffers.forget_error();
    let first = out.position();
    let map_at = first - 1;
    let mut writer = PairWriter {
        end: first.saturating_add(limits.bytes),
        values_left: limits.values,
        out,
        buffers,
        text_limit: limits.text,
        count: 0,
        is_full: false,
        pair_at: first,
        value_at: first,
    };
    // A source of key-values is foreign code. If it panics, the pairs that it passed before are kept.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| visit(&mut writer))) {
        discard(panic);
        writer.out.go_back(writer.pair_at);
    }
    let count = writer.count;
    // The pair that stands for further ones is a value beyond the limit, for which readers have room.
    let values = limits.values - writer.values_left + usize::from(writer.is_full);
    match count {
        0 => {}
        1..16 => out.overwrite(map_at, 0x80 | count as u8),
        _ => long_head(out, map_at, count),
    }
    values
}

/// Replaces the head of one byte by that of a map of 16 pairs or more, which is longer.
#[cold]
fn long_head(out: &mut Cursor<'_>, map_at: usize, count: usize) {
    let mut head = [0; 5];
    let mut writer = SliceWriter::new(&mut head);
    write::map_len(&mut writer, count);
    let length = writer.length();
    out.shift(map_at + 1, length - 1);
    if !out.has_failed() {
        out.bytes_mut(map_at, length)
            .copy_from_slice(&head[..length]);
    }
}

impl PairWriter<'_, '_> {
    /// Writes a pair. `value` writes the value with a method of [`ValueWriter`]. If it calls several, the value of the
    /// last call is kept.
    ///
    /// Returns `false` if a limit is reached. The pair is then not written, and neither are later ones.
    #[inline(always)]
    pub fn pair<E>(
        &mut self,
        key: &str,
        value: impl FnOnce(ValueWriter<'_, '_>) -> Result<(), E>,
    ) -> bool {
        if self.out.position() > self.end || self.values_left == 0 {
            return self.leave_out_rest();
        }
        self.values_left -= 1;
        self.pair_at = self.out.position();
        write::str(self.out, key);
        self.value_at = self.out.position();
        let visited = catch_unwind(AssertUnwindSafe(|| {
            value(ValueWriter {
                key,
                out: self.out,
                buffers: self.buffers,
                text_limit: self.text_limit,
                #[cfg(feature = "kv_serde")]
                values_left: &mut self.values_left,
                start: self.value_at,
            })
            .is_ok()
        }));
        if !matches!(visited, Ok(true)) || self.out.position() == self.value_at {
            self.replace_value(visited.err());
        }
        if self.out.has_failed() {
            // There is no memory for this pair. A later, shorter one may still fit.
            self.out.go_back(self.pair_at);
            return true;
        }
        self.count += 1;
        self.pair_at = self.out.position();
        true
    }

    /// Copies pairs that are encoded already. Either all of them are written or, if a limit is reached, none.
    ///
    /// A pair that was begun and not finished, because the source panicked, is discarded.
    #[inline]
    pub fn copy(&mut self, pairs: &EncodedPairs) -> bool {
        if pairs.is_empty() {
            return true;
        }
        self.out.go_back(self.pair_at);
        let is_full = self.out.position() > self.end || self.values_left < pairs.values;
        if is_full || self.is_full {
            return self.leave_out_rest();
        }
        self.out.append(&pairs.bytes);
        if self.out.has_failed() {
            self.out.go_back(self.pair_at);
            return true;
        }
        self.values_left -= pairs.values;
        self.count += pairs.count;
        self.pair_at = self.out.position();
        true
    }

    /// Puts a marker in place of a value that failed, panicked or wrote nothing.
    #[cold]
    fn replace_value(&mut self, panic: Option<Box<dyn std::any::Any + Send>>) {
        let mark = match panic {
            None => FORMATTING_FAILED,
            Some(panic) => {
                discard(panic);
                FORMATTING_PANICKED
            }
        };
        if !self.out.has_failed() {
            self.out.go_back(self.value_at);
            write::str(self.out, mark);
        }
    }

    /// Writes the pair that stands for all further ones, unless it is already there.
    #[cold]
    fn leave_out_rest(&mut self) -> bool {
        if !std::mem::replace(&mut self.is_full, true) {
            let mark = CutMark(self.count);
            let values_left = self.values_left;
            (self.end, self.values_left) = (usize::MAX, 1);
            self.pair(CUT_KEY, |mut value| {
                value.display(mark);
                Ok::<_, kv::Error>(())
            });
            // No pair begins at the start of the buffer, so none is taken any more.
            (self.end, self.values_left) = (0, values_left);
        }
        false
    }
}

impl<'kvs> VisitSource<'kvs> for PairWriter<'_, '_> {
    #[inline]
    fn visit_pair(&mut self, key: kv::Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        match self.pair(key.as_str(), |writer| value.visit(writer)) {
            true => Ok(()),
            false => Err(kv::Error::msg("the record has no room for more key-values")),
        }
    }
}
