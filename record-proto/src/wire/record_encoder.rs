//! `RecordEncoder`: encodes log calls straight into frames.

use super::call_site::{CallSites, FRONT};
use super::draft::{Draft, write_end, write_prefix};
use super::encode::HEAD_LENGTH;
use super::event::Event;
use super::message_writer::MessageWriter;
use super::span_writer::SpanWriter;
use super::truncate::truncated_name as name;
use crate::kv::{KeyValues, MAX_SOURCES, PairBuffers, PairLimits, PairWriter, write_pairs};
use crate::msgpack::{Backwards, Block, Cursor, DEFAULT_VALUE_LIMIT, write};
use crate::record::{EncodedSpan, Identity, now};

/// The default length of the longest message, and of the longest text of one value, in bytes: 256 KiB.
pub const DEFAULT_TEXT_LIMIT: usize = 262_144;

/// The bytes in front of level and target, in their longest forms: length, kind, the head of the array of fields, seq
/// and time.
const PREFIX: usize = HEAD_LENGTH + 1 + 3 + 9 + 9;

/// The bytes of the longest head of a text.
const TEXT_HEAD: usize = 5;

/// The number of values after which the key-values of a record without context are cut. It leaves room for the sources
/// of an error within the limit of readers.
const MAX_PAIR_VALUES: usize = DEFAULT_VALUE_LIMIT - MAX_SOURCES - 1;

/// Encodes log calls straight into frames, in one pass: nothing is captured first, and nothing is encoded twice.
///
/// The frame grows from the message in both directions. The message is formatted at a fixed place. The parts after it
/// (process, call site, key-values, context) are appended. The parts before it (length, kind, seq, time, level, target)
/// are written in front of it once the length of the message is known.
///
/// Each thread has its own encoder. It keeps its memory from one record to the next. It allocates nothing once it has
/// grown to the size of the records and has seen their call sites, except for an error or a structure among the
/// key-values.
///
/// Names (target, module path, file, process, thread) are cut to 1 KiB each.
#[derive(Debug)]
pub struct RecordEncoder {
    buffer: Vec<u8>,
    draft: Draft,
    sites: CallSites,
    pairs: PairBuffers,
    /// The encoded pid, process name, thread id and thread name.
    identity: Block<48>,
    /// The encoded fields after the key-values (context, error, original length, spans, instance) of a record that has
    /// no error and no spans and whose message was not cut.
    end: Block<16>,
    /// The encoded spans of the record, without the head of their array.
    spans: Vec<u8>,
    context: Vec<u8>,
    instance: Option<u32>,
    /// Counts the calls of `identify`, so that a draft with an older identity is noticed.
    generation: u64,
    message_limit: usize,
    pair_limits: PairLimits,
}

impl RecordEncoder {
    /// Creates an encoder without an identity and without context.
    pub const fn new() -> Self {
        Self {
            buffer: Vec::new(),
            draft: Draft::NONE,
            sites: CallSites::new(),
            pairs: PairBuffers::new(),
            identity: Block::nils(4),
            end: Block::nils(5),
            spans: Vec::new(),
            context: Vec::new(),
            instance: None,
            generation: 0,
            message_limit: DEFAULT_TEXT_LIMIT,
            pair_limits: PairLimits {
                text: DEFAULT_TEXT_LIMIT,
                bytes: usize::MAX,
                values: MAX_PAIR_VALUES,
            },
        }
    }

    /// Sets the identity of the thread, and the context of its records.
    ///
    /// A record that is already formatted gets both too, because formatting may fork.
    pub fn identify(&mut self, identity: &Identity<'_>, context: &KeyValues<'_>) {
        let mut bytes = Vec::with_capacity(64);
        write::optional_uint(&mut bytes, identity.pid);
        write::optional_str(&mut bytes, identity.process.map(name));
        write::optional_uint(&mut bytes, identity.thread_id);
        write::optional_str(&mut bytes, identity.thread.map(name));
        self.identity.set(&bytes);
        self.context.clear();
        self.context.extend_from_slice(context.as_bytes_or_nil());
        self.pair_limits.values = MAX_PAIR_VALUES.saturating_sub(context.count_values());
        self.instance = identity.instance;
        bytes.clear();
        bytes.extend_from_slice(&self.context);
        bytes.extend_from_slice(&[0xc0; 3]);
        write::optional_uint(&mut bytes, identity.instance.map(u64::from));
        self.end.set(&bytes);
        self.generation += 1;
    }

    /// Sets the length of the longest message, the length of the longest text of one value, and the length of all
    /// encoded key-values after which no more pairs are taken, in bytes.
    pub const fn set_limits(&mut self, message: usize, text: usize, pairs: usize) {
        self.message_limit = message;
        (self.pair_limits.text, self.pair_limits.bytes) = (text, pairs);
    }

    /// Formats a record with the present time.
    ///
    /// All foreign code of a record runs here. It may log, fork, fail and panic.
    #[inline]
    pub fn format(&mut self, event: &impl Event) {
        self.format_at(now(), event);
    }

    /// Formats a record with this time, in nanoseconds since 1970.
    #[inline]
    pub fn format_at(&mut self, time: u64, event: &impl Event) {
        let site = self.sites.find(event);
        let message_at = match site {
            Some(_) => PREFIX + FRONT + TEXT_HEAD,
            None => PREFIX + 1 + TEXT_HEAD + name(event.target()).len() + TEXT_HEAD,
        };
        let out = Cursor::new(&mut self.buffer, message_at);
        let (mut out, original_length) = MessageWriter::format(out, self.message_limit, |writer| {
            event.write_message(writer)
        });

        let mut has_failed = out.has_failed();
        let mut front_at = 0;
        if !has_failed {
            let mut front = Backwards::new(out.written_mut(), message_at);
            front.text_head(front.len_after());
            match site {
                Some(site) => front.block(site.front()),
                None => {
                    front.text(name(event.target()));
                    front.block((&[event.level() as u8], 1));
                }
            }
            front_at = front.position();
        }

        let identity_at = out.position();
        self.identity.write(&mut out);
        match site {
            Some(site) => {
                let (back, length) = site.back();
                out.block(back, length);
            }
            None => write_back(&mut out, event),
        }
        write::nil(&mut out);
        has_failed |= out.has_failed();
        let values = write_pairs(&mut out, &mut self.pairs, self.pair_limits, |pairs| {
            event.write_pairs(pairs)
        });
        let values_left = values_after(self.pair_limits.values, values, &self.pairs);
        let mut spans = SpanWriter::new(&mut self.spans, self.pair_limits.bytes, values_left);
        event.write_spans(&mut spans);
        let spans = spans.finish();
        self.draft = Draft {
            time,
            front_at,
            identity_at,
            identity_length: self.identity.length(),
            generation: self.generation,
            end: out.position(),
            whole_end: 0,
            original_length,
            spans,
            has_own_end: self.pairs.has_error() || original_length.is_some() || spans > 0,
            has_failed: has_failed || out.has_failed(),
        };
    }

    /// Returns the length of the frame of the record that was formatted last, with the longest sequence number.
    ///
    /// [`finish`](Self::finish) does not fail after that. Returns `None` as `finish` does.
    #[inline(always)]
    pub fn longest_frame(&mut self) -> Option<usize> {
        let end = self.complete()?;
        Some(PREFIX + end - self.draft.front_at)
    }

    /// Adds the sequence number to the record that was formatted last, and returns its frame.
    ///
    /// Returns `None` if there is no memory for the frame, or if no record was formatted.
    #[inline(always)]
    pub fn finish(&mut self, seq: u64) -> Option<&[u8]> {
        let end = self.complete()?;
        Some(write_prefix(&mut self.buffer[..end], &self.draft, seq))
    }

    /// Returns the fields of the record that was formatted last, after the sequence number.
    ///
    /// [`put_batched_record`](crate::put_batched_record) makes a frame of them later. Returns `None` as
    /// [`finish`](Self::finish) does.
    #[inline]
    pub fn finish_unnumbered(&mut self) -> Option<&[u8]> {
        let end = self.complete()?;
        let mut time = Backwards::new(&mut self.buffer[..end], self.draft.front_at);
        time.uint(self.draft.time);
        let start = time.position();
        Some(&self.buffer[start..end])
    }

    /// Writes the fields after the key-values, and returns where the record ends. Returns `None` if there is none, or
    /// no memory for it.
    #[inline(always)]
    fn complete(&mut self) -> Option<usize> {
        if self.draft.generation != self.generation {
            self.replace_identity();
        }
        if self.draft.whole_end > 0 {
            return Some(self.draft.whole_end);
        }
        let mut out = Cursor::new(&mut self.buffer, self.draft.end);
        match self.draft.has_own_end {
            false => self.end.write(&mut out),
            true => write_end(
                &mut out,
                &self.context,
                &self.pairs,
                &self.draft,
                &self.spans,
                self.instance,
            ),
        }
        if self.draft.has_failed || out.has_failed() {
            return None;
        }
        self.draft.whole_end = out.position();
        Some(self.draft.whole_end)
    }

    /// Encodes a span, whose fields `write` passes to the writer. Returns `None` if there is no memory for it.
    ///
    /// The limits of key-values apply to the fields. A record that was formatted and not finished is lost.
    pub fn encode_span(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut PairWriter<'_, '_>),
    ) -> Option<EncodedSpan> {
        self.draft = Draft::NONE;
        let mut out = Cursor::new(&mut self.buffer, 0);
        write::array_len(&mut out, 2);
        write::str(&mut out, self::name(name));
        write::nil(&mut out);
        if out.has_failed() {
            return None;
        }
        let values = write_pairs(&mut out, &mut self.pairs, self.pair_limits, write);
        if out.has_failed() {
            return None;
        }
        EncodedSpan::copy(out.written_mut(), values)
    }

    /// Returns the time of the record that was formatted last, in nanoseconds since 1970.
    pub fn time(&self) -> u64 {
        self.draft.time
    }

    /// Returns the capacity in bytes of the larger one of the buffers for the frame and for its spans. Both are kept for
    /// the next record.
    #[inline]
    pub fn capacity(&self) -> usize {
        self.buffer.capacity().max(self.spans.capacity())
    }

    /// Frees the memory beyond `bytes` of each buffer, which an unusually large record took.
    pub fn shrink_to(&mut self, bytes: usize) {
        self.buffer.truncate(bytes);
        self.buffer.shrink_to(bytes);
        self.pairs.shrink_to(bytes);
        self.spans.clear();
        self.spans.shrink_to(bytes);
    }

    /// Replaces the identity of the formatted record, because it was set again since: the process has forked, or its
    /// session is another one.
    #[cold]
    #[inline(never)]
    fn replace_identity(&mut self) {
        let draft = &mut self.draft;
        let (old, new) = (draft.identity_length, self.identity.length());
        let rest = draft.identity_at + old..draft.end;
        let mut out = Cursor::new(&mut self.buffer, draft.end);
        if new > old {
            out.shift(rest.start, new - old);
            draft.has_failed |= out.has_failed();
        } else {
            self.buffer
                .copy_within(rest.clone(), rest.start - (old - new));
        }
        draft.whole_end = 0;
        if draft.has_failed {
            return;
        }
        draft.end = draft.end + new - old;
        self.buffer[draft.identity_at..][..new].copy_from_slice(self.identity.bytes());
        (draft.identity_length, draft.generation) = (new, self.generation);
    }
}

impl Default for RecordEncoder {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes module path, file and line.
#[inline(never)]
fn write_back(out: &mut Cursor<'_>, event: &impl Event) {
    write::optional_str(out, event.module_path().map(name));
    write::optional_str(out, event.file().map(name));
    write::optional_uint(out, event.line().map(u64::from));
}

/// Returns how many values a reader still keeps of a record with so many values among its key-values. `limit` is the
/// limit of these.
#[inline(always)]
fn values_after(limit: usize, values: usize, pairs: &PairBuffers) -> usize {
    (limit + MAX_SOURCES + 1).saturating_sub(values + pairs.source_count())
}
