//! Shortening a record to a limit: its names to 1 KiB each, and its payload to any length.

use std::borrow::Cow;

use super::encode::Encode;
use crate::kv::{KeyValues, Sources, Value};
use crate::record::{LogRecord, Spans};
use crate::text::{MARK_LENGTH, floor_boundary, truncate_text};

/// The longest target, module path, file, process name and thread name in bytes. The rest is cut off.
const NAME_LIMIT: usize = 1024;

impl LogRecord<'_> {
    /// Cuts target, module path, file and the names of process and thread to 1 KiB each.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    #[inline]
    pub fn truncate_names(&mut self) {
        let optional = [&self.process, &self.thread, &self.module_path, &self.file];
        let lengths = optional.map(|name| name.as_deref().map_or(0, str::len));
        // There is almost never anything to cut. 1024 is a power of two: the OR of the lengths is 1024 or more exactly
        // if one length is. So one comparison replaces five.
        if lengths
            .iter()
            .fold(self.target.len(), |all, length| all | length)
            >= NAME_LIMIT
        {
            self.truncate_long_names();
        }
    }

    #[cold]
    fn truncate_long_names(&mut self) {
        truncate_name(&mut self.target);
        let optional = [
            &mut self.process,
            &mut self.thread,
            &mut self.module_path,
            &mut self.file,
        ];
        optional.into_iter().flatten().for_each(truncate_name);
    }

    /// Cuts the record until its payload has at most `limit` bytes.
    ///
    /// Parts are cut in this order, until the payload is short enough:
    ///
    /// 1. the backtrace of the error,
    /// 2. the sources of the error,
    /// 3. the values of the key-values and the context, the largest value first, each with a mark at its end,
    /// 4. all pairs of the key-values and the context, which become one pair that counts them,
    /// 5. the spans,
    /// 6. the message, at a character boundary; its length is kept in [`original_length`](Self::original_length),
    /// 7. the message of the error.
    ///
    /// Target, module path, file, process name and thread name are not cut. A `limit` below the room that they need
    /// (5 KiB if each has 1 KiB) is not reached.
    ///
    /// ```
    /// use record_proto::{Encode, LogRecord};
    ///
    /// let mut record = LogRecord::new(log::Level::Info, "app", "x".repeat(5000));
    /// record.key_values.push("query", "y".repeat(9000));
    /// record.truncate_to(6000);
    ///
    /// assert_eq!(record.message.len(), 5000);
    /// assert!(record.key_values.get("query").unwrap().to_string().ends_with("… (cut, 9000 bytes)"));
    /// let mut payload = Vec::new();
    /// record.encode(&mut payload);
    /// assert!(payload.len() <= 6000);
    /// ```
    pub fn truncate_to(&mut self, limit: usize) {
        for cut in [
            Self::truncate_backtrace,
            Self::truncate_sources,
            Self::truncate_values,
            Self::truncate_pairs,
            Self::truncate_spans,
            Self::truncate_message,
            Self::truncate_error_message,
        ] {
            let excess = self.encoded_len().saturating_sub(limit);
            if excess == 0 {
                return;
            }
            cut(self, excess);
        }
    }

    fn encoded_len(&self) -> usize {
        let mut payload = Vec::new();
        self.encode(&mut payload);
        payload.len()
    }

    fn truncate_backtrace(&mut self, excess: usize) {
        if let Some(backtrace) = self.error.as_mut().and_then(|e| e.backtrace.as_mut()) {
            truncate_by(backtrace.to_mut(), excess);
        }
    }

    fn truncate_sources(&mut self, _excess: usize) {
        if let Some(error) = self.error.as_mut().filter(|e| !e.sources.is_empty()) {
            error.sources = Sources::cut(error.sources.iter().count());
        }
    }

    fn truncate_values(&mut self, excess: usize) {
        let own = self.key_values.len();
        let sizes = self.key_values.iter().chain(self.context.iter());
        let mut sizes: Vec<_> = sizes.map(|(_, value)| size(&value)).enumerate().collect();
        sizes.sort_by_key(|&(_, size)| std::cmp::Reverse(size));
        let mut excess = excess;
        let mut keep = vec![usize::MAX; sizes.len()];
        for (position, size) in sizes {
            if excess == 0 || size <= MARK_LENGTH {
                break;
            }
            let cut = (excess + MARK_LENGTH).min(size);
            keep[position] = size - cut;
            excess = excess.saturating_sub(cut - MARK_LENGTH);
        }
        self.key_values = truncate_each(&self.key_values, &keep[..own]);
        self.context = truncate_each(&self.context, &keep[own..]);
    }

    /// Replaces the pairs by one that counts them: very many small pairs, or very long keys, cannot be cut singly.
    fn truncate_pairs(&mut self, _excess: usize) {
        for pairs in [&mut self.key_values, &mut self.context] {
            if pairs.as_bytes().len() > MARK_LENGTH {
                let cut = format!("{} pairs, {} bytes", pairs.len(), pairs.as_bytes().len());
                *pairs = KeyValues::from_iter([("cut", cut)]);
            }
        }
        if let Some(key) = self.error.as_mut().and_then(|error| error.key.as_mut()) {
            truncate_name(key);
        }
    }

    fn truncate_spans(&mut self, _excess: usize) {
        if self.spans.as_bytes().len() > MARK_LENGTH {
            self.spans = Spans::cut(self.spans.iter().count());
        }
    }

    fn truncate_message(&mut self, excess: usize) {
        let length = self.message.len();
        // `original_length` takes up to 12 bytes, with the nils in front of it.
        let keep = floor_boundary(&self.message, length.saturating_sub(excess + 24));
        if keep == length {
            return;
        }
        self.original_length.get_or_insert(length as u64);
        self.message.to_mut().truncate(keep);
    }

    fn truncate_error_message(&mut self, excess: usize) {
        if let Some(error) = &mut self.error {
            truncate_by(error.message.to_mut(), excess);
        }
    }
}

/// Returns a name cut to [`NAME_LIMIT`], at a character boundary.
#[inline(always)]
pub(crate) fn truncated_name(name: &str) -> &str {
    match name.len() {
        0..=NAME_LIMIT => name,
        _ => &name[..floor_boundary(name, NAME_LIMIT)],
    }
}

fn truncate_name(name: &mut Cow<'_, str>) {
    if name.len() > NAME_LIMIT {
        let keep = floor_boundary(name, NAME_LIMIT);
        match name {
            Cow::Borrowed(name) => *name = &name[..keep],
            Cow::Owned(name) => name.truncate(keep),
        }
    }
}

fn truncate_each(pairs: &KeyValues<'_>, keep: &[usize]) -> KeyValues<'static> {
    let mut all = KeyValues::new();
    for ((key, value), &keep) in pairs.iter().zip(keep) {
        match value {
            value if keep == usize::MAX => all.push(key, value),
            Value::Str(text) => {
                let length = text.len();
                let mut text = text.into_owned();
                truncate_text(&mut text, keep + MARK_LENGTH, length);
                all.push(key, text);
            }
            other => all.push(key, format!("… (cut, {} bytes)", size(&other))),
        }
    }
    all
}

fn size(value: &Value<'_>) -> usize {
    match value {
        Value::Str(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::List(list) => list.as_bytes().len(),
        Value::Map(map) => map.as_bytes().len(),
        _ => 9,
    }
}

fn truncate_by(text: &mut String, excess: usize) {
    let length = text.len();
    truncate_text(text, length.saturating_sub(excess + 8), length);
}
