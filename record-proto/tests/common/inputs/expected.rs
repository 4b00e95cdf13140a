//! The record that a log call must become, without the encoder.

use record_proto::{ErrorInfo, FORMATTING_FAILED, KeyValues, LogRecord, Value};

use super::log_call::{Limits, LogCall, Manner, Pair};
use super::shown::{End, Failure, Shown};

/// The bytes that the mark at the end of a cut text takes at most.
pub(super) const MARK: usize = 40;

impl LogCall {
    /// The record with everything but number, time and identity.
    pub fn expected(&self, limits: Limits) -> LogRecord<'static> {
        let whole = self.whole_message();
        let message = begin(&whole, limits.message).to_owned();
        let is_cut = message.len() < whole.len();
        let target = begin(&self.target, 1024).to_owned();
        let name = |name: Option<&str>| name.map(|name| begin(name, 1024).to_owned().into());
        let mut record = LogRecord::new(self.level, target, message);
        record.original_length = is_cut.then_some(whole.len() as u64);
        record.module_path = name(self.module_path.get());
        record.file = name(self.file.get());
        record.line = self.line;
        let mut pairs = Pairs::new(limits);
        self.pairs
            .iter()
            .for_each(|pair| pairs.push(pair, self.is_of_log));
        (record.key_values, record.error) = (pairs.all, pairs.error);
        if !self.is_of_log {
            record.spans = super::span_call::expected(&self.spans, limits);
        }
        record
    }

    fn whole_message(&self) -> String {
        let text = self.message.text();
        match self.message.end {
            _ if !self.is_framed => text,
            End::Well => format!("<{text}> of 7"),
            _ => format!("<{text}"),
        }
    }
}

/// The key-values of a record or a span.
pub(super) struct Pairs {
    limits: Limits,
    pub(super) all: KeyValues<'static>,
    pub(super) error: Option<ErrorInfo<'static>>,
    /// The length of the encoded pairs.
    pub(super) length: usize,
    is_full: bool,
}

impl Pairs {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            all: KeyValues::new(),
            error: None,
            length: 0,
            is_full: false,
        }
    }

    pub(super) fn push(&mut self, pair: &Pair, is_of_log: bool) {
        if self.is_full {
            return;
        }
        self.is_full = self.length > self.limits.pairs;
        if self.is_full {
            let rest = format!("… (cut after {} pairs)", self.all.len());
            return self.add("cut", cut(rest, self.limits.text).into());
        }
        let is_first_error = self.error.is_none();
        let value = pair.expected(is_of_log, is_first_error, self.limits.text);
        if let (Shown::Error(failure), true, Manner::Once | Manner::Anew) =
            (&pair.value, is_first_error, pair.manner(is_of_log))
        {
            self.error = Some(error_info(failure, &pair.key, self.limits.text));
        }
        self.add(&pair.key, value);
    }

    fn add(&mut self, key: &str, value: Value<'static>) {
        self.length += text_length(key.len()) + value_length(&value);
        self.all.push(key, value);
    }
}

impl Pair {
    fn expected(&self, is_of_log: bool, is_first_error: bool, limit: usize) -> Value<'static> {
        match self.manner(is_of_log) {
            Manner::Once | Manner::Anew => {}
            Manner::Never => return FORMATTING_FAILED.into(),
            Manner::AndEnds(end) => return end.mark().into(),
        }
        let integer = |number: i128| match (i64::try_from(number), u64::try_from(number)) {
            (Ok(number), _) => Value::from(number),
            (_, Ok(number)) => Value::from(number),
            _ => Value::from(cut(number.to_string(), limit)),
        };
        match &self.value {
            Shown::Null => Value::Nil,
            Shown::Bool(value) => (*value).into(),
            Shown::Signed(value) => integer((*value).into()),
            Shown::Unsigned(value) => integer((*value).into()),
            Shown::Signed128(value) => integer(*value),
            Shown::Unsigned128(value) => match i128::try_from(*value) {
                Ok(value) => integer(value),
                Err(_) => Value::from(cut(value.to_string(), limit)),
            },
            Shown::Single(value) => f64::from(*value).into(),
            Shown::Double(value) => (*value).into(),
            Shown::Char(value) => cut(value.to_string(), limit).into(),
            Shown::Text(value) => cut(value.clone(), limit).into(),
            Shown::Display(value) | Shown::Debug(value) => cut(value.text(), limit).into(),
            Shown::Error(value) if is_first_error => cut(value.message(), limit).into(),
            Shown::Error(value) => cut(value.chain(), limit).into(),
        }
    }
}

fn error_info(failure: &Failure, key: &str, limit: usize) -> ErrorInfo<'static> {
    let mut info = ErrorInfo::new(cut(failure.message(), limit));
    let sources = failure.sources().into_iter();
    info.sources = sources.map(|text| cut(text, limit)).collect();
    info.key = Some(key.to_owned().into());
    info
}

/// The beginning of a text, of at most so many bytes.
pub fn begin(text: &str, longest: usize) -> &str {
    let mut length = longest.min(text.len());
    while !text.is_char_boundary(length) {
        length -= 1;
    }
    &text[..length]
}

/// A text of at most about so many bytes, with a mark if it is longer.
fn cut(text: String, limit: usize) -> String {
    match text.len() > limit {
        true => {
            let kept = begin(&text, limit.saturating_sub(MARK));
            format!("{kept}… (cut, {} bytes)", text.len())
        }
        false => text,
    }
}

/// The length of an encoded text.
pub(super) fn text_length(length: usize) -> usize {
    length
        + match length {
            0..32 => 1,
            32..256 => 2,
            256..65_536 => 3,
            _ => 5,
        }
}

pub(super) fn value_length(value: &Value<'_>) -> usize {
    match *value {
        Value::Str(ref text) => text_length(text.len()),
        Value::Nil | Value::Bool(_) | Value::I64(-32..128) => 1,
        Value::I64(-128..256) => 2,
        Value::I64(-32_768..65_536) => 3,
        Value::I64(-2_147_483_648..4_294_967_296) => 5,
        _ => 9,
    }
}
