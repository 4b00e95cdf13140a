//! Encoding a record, and the longest frame that it can have.

use bytes::BufMut;

use super::encode::{Encode, HEAD_LENGTH, key_values, put_head};
use super::payload;
use crate::kv::ErrorInfo;
use crate::msgpack::{MsgpackWrite, SliceWriter, write};
use crate::record::{BatchInfo, LogRecord, Spans};

/// The longest payload for which room is cleared in advance. Clearing more costs more than it saves.
const MAX_CLEARED: usize = 4096;

impl Encode for LogRecord<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        self.encode_into(out);
    }

    /// Makes all the room at once, so that the single appends need not check for it.
    fn encode_frame(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let payload = start + HEAD_LENGTH;
        let longest = self.longest_payload();
        if longest > MAX_CLEARED {
            out.reserve(HEAD_LENGTH + longest);
            out.extend_from_slice(&[0; HEAD_LENGTH]);
            self.encode(out);
            return put_head(out, start);
        }
        out.resize(payload + longest, 0);
        let length = self.write_frame(&mut out[start..]);
        out.truncate(start + length);
    }
}

impl LogRecord<'_> {
    pub(crate) const REQUIRED_FIELDS: usize = 5;

    /// Returns an upper bound of the frame's length in bytes. It is mostly some 150 bytes too high.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    #[inline]
    pub fn longest_frame(&self) -> usize {
        HEAD_LENGTH + self.longest_payload()
    }

    /// Writes the frame to the start of `frame`, which must have room for the longest one, and returns its length.
    #[inline]
    fn write_frame(&self, frame: &mut [u8]) -> usize {
        let mut room = SliceWriter::new(&mut frame[HEAD_LENGTH..]);
        self.encode_into(&mut room);
        let end = HEAD_LENGTH + room.length();
        put_head(&mut frame[..end], 0);
        end
    }

    #[inline(always)]
    fn encode_into(&self, out: &mut impl MsgpackWrite) {
        let fields = self.field_count();
        out.append_array([payload::RECORD]);
        write::array_len(out, fields);
        write::uint(out, self.seq);
        write::uint(out, self.time);
        write::uint(out, self.level as u64);
        write::str(out, &self.target);
        write::str(out, &self.message);
        if fields > 5 {
            write::optional_uint(out, self.pid);
        }
        if fields > 6 {
            write::optional_str(out, self.process.as_deref());
        }
        if fields > 7 {
            write::optional_uint(out, self.thread_id);
        }
        if fields > 8 {
            write::optional_str(out, self.thread.as_deref());
        }
        if fields > 9 {
            write::optional_str(out, self.module_path.as_deref());
        }
        if fields > 10 {
            write::optional_str(out, self.file.as_deref());
        }
        if fields > 11 {
            write::optional_uint(out, self.line.map(u64::from));
        }
        if fields > 12 {
            key_values(out, &self.key_values);
        }
        if fields > 13 {
            key_values(out, &self.context);
        }
        if let Some(end) = self.instance_only_end() {
            return out.append_array(end);
        }
        if fields > 14 {
            error_info(out, self.error.as_ref());
        }
        if fields > 15 {
            write::optional_uint(out, self.original_length);
        }
        if fields > 16 {
            spans(out, &self.spans);
        }
        if fields > 17 {
            write::optional_uint(out, self.instance.map(u64::from));
        }
        if let Some(info) = &self.batch {
            batch(out, info);
        }
    }

    /// Most records end in nil, nil, nil, instance. For those, returns these eight bytes; otherwise `None`.
    ///
    /// The bytes are the last four fields in encoded form: error, original length, spans and an instance that needs 32
    /// bits. One append then replaces four. `Fields::instance_only_end` reads them.
    #[inline]
    fn instance_only_end(&self) -> Option<[u8; 8]> {
        let instance = self
            .instance
            .filter(|&instance| instance > u16::MAX.into())?;
        let others_absent = self.error.is_none()
            && self.original_length.is_none()
            && self.spans.is_empty()
            && self.batch.is_none();
        let [a, b, c, d] = instance.to_be_bytes();
        others_absent.then_some([0xc0, 0xc0, 0xc0, 0xce, a, b, c, d])
    }

    /// Returns an upper bound of the payload's length: kind, array, and each object with its longest head.
    fn longest_payload(&self) -> usize {
        const HEAD: usize = 9;
        let optional = [&self.process, &self.thread, &self.module_path, &self.file];
        let texts: usize = optional
            .iter()
            .map(|text| text.as_ref().map_or(0, |text| text.len()))
            .sum();
        let pairs = self.key_values.as_bytes().len() + self.context.as_bytes().len();
        let error = self.error.as_ref().map_or(0, |error| {
            let optional = [&error.backtrace, &error.key];
            let texts: usize = optional
                .iter()
                .map(|text| text.as_ref().map_or(0, |text| text.len()))
                .sum();
            error.message.len() + error.sources.as_bytes().len() + texts + 4 * HEAD
        });
        let batch = self.batch.map_or(0, |_| 3 * HEAD);
        let pairs = pairs + self.spans.as_bytes().len() + batch;
        // Kind, the head of an array of more than 15 fields, the fields.
        4 + 19 * HEAD + self.target.len() + self.message.len() + texts + pairs + error
    }

    /// Returns how many fields are written. Nils at the end are not.
    fn field_count(&self) -> usize {
        let optional = [
            self.pid.is_some(),
            self.process.is_some(),
            self.thread_id.is_some(),
            self.thread.is_some(),
            self.module_path.is_some(),
            self.file.is_some(),
            self.line.is_some(),
            !self.key_values.is_empty(),
            !self.context.is_empty(),
            self.error.is_some(),
            self.original_length.is_some(),
            !self.spans.is_empty(),
            self.instance.is_some(),
            self.batch.is_some(),
        ];
        let last = optional.iter().rposition(|&is_present| is_present);
        Self::REQUIRED_FIELDS + last.map_or(0, |last| last + 1)
    }
}

pub(crate) fn error_info(out: &mut impl MsgpackWrite, error: Option<&ErrorInfo<'_>>) {
    let Some(error) = error else {
        return write::nil(out);
    };
    write::array_len(out, 4);
    write::str(out, &error.message);
    out.append(error.sources.as_bytes());
    write::optional_str(out, error.backtrace.as_deref());
    write::optional_str(out, error.key.as_deref());
}

fn spans(out: &mut impl MsgpackWrite, spans: &Spans<'_>) {
    match spans.as_bytes() {
        [] => write::nil(out),
        bytes => out.append(bytes),
    }
}

pub(super) fn batch(out: &mut impl MsgpackWrite, batch: &BatchInfo) {
    write::array_len(out, 3);
    write::uint(out, batch.reason.number());
    write::uint(out, batch.id);
    write::uint(out, batch.left);
}
