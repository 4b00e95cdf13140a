use std::borrow::Cow;

use super::encode::Encode;
use crate::kv::{KeyValues, Sources, Value};
use crate::record::{LogRecord, Spans};
use crate::text::{MARK, floor_boundary, truncate_text};

/// The longest target, module path, file, process name and thread name in bytes; what is behind is cut off.
const NAME_LIMIT: usize = 1024;

impl LogRecord<'_> {
    /// Cuts target, module path, file and the names of process and thread to 1 KiB each.
    #[inline]
    pub fn truncate_names(&mut self) {
        let optional = [&self.process, &self.thread, &self.module_path, &self.file];
        let lengths = optional.map(|name| name.as_deref().map_or(0, str::len));
        // Almost never is there anything to cut. The limit is a power of two: all lengths together reach it where one does.
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
    /// The backtrace goes first and an error's sources next; then the key-values and the context, the largest value
    /// first, each with a mark at its end; then the spans; then the message, at a character's boundary, with its
    /// [`original_length`](Self::original_length) noted. A `limit` below what the names alone need (5 KiB where all
    /// have their [longest form](Self::truncate_names)) is not reached.
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
        for truncate in [
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
            truncate(self, excess);
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
            let cut = format!("… (cut, {} sources)", error.sources.iter().count());
            error.sources = Sources::from_iter([cut]);
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
            if excess == 0 || size <= MARK {
                break;
            }
            let cut = (excess + MARK).min(size);
            keep[position] = size - cut;
            excess = excess.saturating_sub(cut - MARK);
        }
        self.key_values = truncate_each(&self.key_values, &keep[..own]);
        self.context = truncate_each(&self.context, &keep[own..]);
    }

    /// Very many small pairs, or very long keys: nothing of them can be kept.
    fn truncate_pairs(&mut self, _excess: usize) {
        for pairs in [&mut self.key_values, &mut self.context] {
            if pairs.as_bytes().len() > MARK {
                let cut = format!("{} pairs, {} bytes", pairs.len(), pairs.as_bytes().len());
                *pairs = KeyValues::from_iter([("cut", cut)]);
            }
        }
        if let Some(key) = self.error.as_mut().and_then(|error| error.key.as_mut()) {
            truncate_name(key);
        }
    }

    fn truncate_spans(&mut self, _excess: usize) {
        if self.spans.as_bytes().len() > MARK {
            let cut = format!("… (cut, {} spans)", self.spans.iter().count());
            self.spans = Spans::new();
            self.spans.push(&cut, &KeyValues::new());
        }
    }

    fn truncate_message(&mut self, excess: usize) {
        let length = self.message.len();
        // The noted length takes up to 12 bytes with the nils in front of it.
        let keep = floor_boundary(&self.message, length.saturating_sub(excess + 24));
        self.original_length.get_or_insert(length as u64);
        self.message.to_mut().truncate(keep);
    }

    fn truncate_error_message(&mut self, excess: usize) {
        if let Some(error) = &mut self.error {
            truncate_by(error.message.to_mut(), excess);
        }
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
                truncate_text(&mut text, keep + MARK, length);
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
