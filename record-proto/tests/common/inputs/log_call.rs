//! A log call with anything in it, and the record that it must become.

use std::{fmt::Write, sync::LazyLock};

use log::{
    Level, Record,
    kv::{self, VisitValue},
};
use record_proto::{
    DEFAULT_TEXT_LIMIT, EncodedSpan, Event, MessageWriter, PairWriter, RecordEncoder, SpanWriter,
    ValueWriter,
};

use super::expected::{MARK, begin};
use super::input::Input;
use super::shown::{End, Script, Shown};
use super::span_call::SpanCall;

/// Static texts are pieces of this one, so that equal texts have several addresses.
static STATIC: LazyLock<&str> = LazyLock::new(|| "app::worker::jöb.rs/".repeat(80).leak());

/// What a `RecordEncoder` is limited to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    pub message: usize,
    pub text: usize,
    pub pairs: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            message: DEFAULT_TEXT_LIMIT,
            text: DEFAULT_TEXT_LIMIT,
            pairs: usize::MAX,
        }
    }
}

impl Limits {
    pub fn read(input: &mut Input<'_>) -> Self {
        let mut limit = |default| match input.u8() {
            0 => default,
            1 => 0,
            2 => MARK,
            3 => 1000,
            4 => 5000,
            other => usize::from(other),
        };
        Self {
            message: limit(DEFAULT_TEXT_LIMIT),
            text: limit(DEFAULT_TEXT_LIMIT),
            pairs: limit(usize::MAX),
        }
    }
}

/// The name of a module or a file.
pub(super) enum Name {
    None,
    Static(&'static str),
    Borrowed(String),
}

impl Name {
    fn read(input: &mut Input<'_>) -> Self {
        match input.u8() & 3 {
            0 => Self::None,
            1 => Self::Borrowed(input.text_around(1024)),
            _ => {
                let start = usize::from(input.u8() % 60);
                let start = begin(&STATIC, start).len();
                // Most call sites are short enough to be known.
                let length = match input.u8() {
                    255 => 1023 + usize::from(input.u8() % 4),
                    length @ 200.. => length.into(),
                    length => usize::from(length % 64),
                };
                Self::Static(begin(&STATIC[start..], length))
            }
        }
    }

    pub(super) fn get(&self) -> Option<&str> {
        match self {
            Self::None => None,
            Self::Static(name) => Some(name),
            Self::Borrowed(name) => Some(name),
        }
    }

    fn get_static(&self) -> Option<&'static str> {
        match self {
            Self::Static(name) => Some(name),
            _ => None,
        }
    }
}

/// One log call.
pub struct LogCall {
    /// Of `log`, or of another library.
    pub(super) is_of_log: bool,
    pub(super) level: Level,
    pub(super) target: String,
    pub(super) message: Script,
    /// Other arguments around the message.
    pub(super) is_framed: bool,
    pub(super) module_path: Name,
    pub(super) file: Name,
    pub(super) line: Option<u32>,
    pub(super) pairs: Vec<Pair>,
    /// How the source of the pairs ends.
    pub(super) end: End,
    /// The source goes on though it is told to stop.
    pub(super) is_deaf: bool,
    /// Another library has spans.
    pub(super) spans: Vec<SpanCall>,
}

pub(super) struct Pair {
    pub(super) key: String,
    pub(super) value: Shown,
    pub(super) manner: Manner,
}

/// How another library shows a value.
#[derive(Clone, Copy)]
pub(super) enum Manner {
    Once,
    /// Something else first.
    Anew,
    Never,
    AndEnds(End),
}

impl LogCall {
    pub fn read(input: &mut Input<'_>, limits: Limits) -> Self {
        let choice = input.u8();
        let around = |limit| match limit {
            0..=5000 => limit,
            // A long text is slow: few are as long as this limit.
            _ if choice == 0xff => limit,
            _ => 64,
        };
        let (message, text) = (around(limits.message), around(limits.text));
        let line = match input.u8() {
            line @ 0..32 => Some(u32::from(line) * 64),
            32 => None,
            _ => Some(input.u64() as u32),
        };
        let pairs = match choice & 0x30 {
            0x30 => 14 + input.u8() % 6,
            _ => input.u8() % 5,
        };
        Self {
            is_of_log: choice & 1 == 0,
            is_framed: choice & 2 == 2,
            is_deaf: choice & 4 == 4,
            level: read_level(input),
            target: input.text_around(if choice & 8 == 0 { 44 } else { 1024 }),
            message: Script::read(input, message),
            module_path: Name::read(input),
            file: Name::read(input),
            line,
            pairs: (0..pairs).map(|_| Pair::read(input, text)).collect(),
            end: End::read(input),
            spans: match choice >> 6 {
                2 => (0..input.few(40))
                    .map(|_| SpanCall::read(input, text))
                    .collect(),
                _ => Vec::new(),
            },
        }
    }

    /// Makes it another call site that is almost the same.
    pub fn vary(&mut self, input: &mut Input<'_>) {
        match input.u8() % 6 {
            0 => self.level = read_level(input),
            1 => self.target = varied(&self.target),
            2 => self.module_path = Name::read(input),
            3 => self.file = Name::read(input),
            4 => self.line = self.line.map(|line| line ^ 64),
            _ => self.is_of_log = !self.is_of_log,
        }
    }

    pub fn format_into(&self, encoder: &mut RecordEncoder, time: u64) {
        if !self.is_of_log {
            let spans = self.spans.iter().map(|span| span.encode(encoder));
            let spans = spans.collect();
            return encoder.format_at(time, &Foreign(self, spans));
        }
        let (message, pairs) = (&self.message, Pairs(self));
        let mut record = Record::builder();
        record
            .level(self.level)
            .target(&self.target)
            .line(self.line);
        match &self.module_path {
            Name::Static(name) => record.module_path_static(Some(name)),
            name => record.module_path(name.get()),
        };
        match &self.file {
            Name::Static(name) => record.file_static(Some(name)),
            name => record.file(name.get()),
        };
        record.key_values(&pairs);
        match self.is_framed {
            true => encoder.format_at(
                time,
                &record.args(format_args!("<{message}> of {}", 7)).build(),
            ),
            false => encoder.format_at(time, &record.args(format_args!("{message}")).build()),
        }
    }
}

fn read_level(input: &mut Input<'_>) -> Level {
    let place = usize::from(input.u8() % 5);
    Level::iter().nth(place).expect("five levels")
}

/// A text of the same length with other letters in its middle.
fn varied(text: &str) -> String {
    let middle = text.len() / 2;
    let change = |(place, letter)| match letter {
        'x' if place >= middle => 'y',
        ' '..='~' if place >= middle => 'x',
        letter => letter,
    };
    text.char_indices().map(change).collect()
}

impl Pair {
    pub(super) fn read(input: &mut Input<'_>, around: usize) -> Self {
        Self {
            key: input.short_text(),
            value: Shown::read(input, around),
            manner: match input.u8() {
                1 => Manner::Anew,
                2 => Manner::Never,
                3 => Manner::AndEnds(End::read(input)),
                _ => Manner::Once,
            },
        }
    }

    pub(super) fn manner(&self, is_of_log: bool) -> Manner {
        match (&self.value, self.manner) {
            _ if is_of_log => Manner::Once,
            // Whether an error is kept that fails after it was shown is nobody's promise.
            (Shown::Error(_), Manner::AndEnds(_)) => Manner::Once,
            (_, Manner::AndEnds(End::Well)) => Manner::Once,
            (_, manner) => manner,
        }
    }

    pub(super) fn show(&self, mut writer: ValueWriter<'_, '_>) -> Result<(), kv::Error> {
        let manner = self.manner(false);
        match manner {
            Manner::Never => return Ok(()),
            Manner::Anew => {
                writer.visit_str("a structure of many parts")?;
                writer.display(format_args!("{}", 17));
            }
            Manner::Once | Manner::AndEnds(_) => {}
        }
        self.value.to_value().visit(writer)?;
        match manner {
            Manner::AndEnds(end) if !end.run() => Err(kv::Error::msg("it ends badly")),
            _ => Ok(()),
        }
    }
}

/// The pairs as a source of `log`.
struct Pairs<'a>(&'a LogCall);

impl kv::Source for Pairs<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        for Pair { key, value, .. } in &self.0.pairs {
            let visited = visitor.visit_pair(kv::Key::from_str(key), value.to_value());
            if !self.0.is_deaf {
                visited?;
            }
        }
        match self.0.end.run() {
            true => Ok(()),
            false => Err(kv::Error::msg("it ends badly")),
        }
    }
}

/// A log call of another library.
struct Foreign<'a>(&'a LogCall, Vec<EncodedSpan>);

impl Event for Foreign<'_> {
    fn level(&self) -> Level {
        self.0.level
    }

    fn target(&self) -> &str {
        &self.0.target
    }

    fn module_path(&self) -> Option<&str> {
        self.0.module_path.get()
    }

    fn file(&self) -> Option<&str> {
        self.0.file.get()
    }

    fn line(&self) -> Option<u32> {
        self.0.line
    }

    fn source_static(&self) -> Option<(&'static str, &'static str)> {
        Some((self.0.module_path.get_static()?, self.0.file.get_static()?))
    }

    fn write_message(&self, out: &mut MessageWriter<'_>) -> std::fmt::Result {
        let message = &self.0.message;
        match self.0.is_framed {
            true => write!(out, "<{message}> of {}", 7),
            false => write!(out, "{message}"),
        }
    }

    fn write_pairs(&self, out: &mut PairWriter<'_, '_>) {
        for pair in &self.0.pairs {
            if !out.pair(&pair.key, |writer| pair.show(writer)) && !self.0.is_deaf {
                return;
            }
        }
        self.0.end.run();
    }

    fn write_spans(&self, out: &mut SpanWriter<'_>) {
        self.1.iter().for_each(|span| out.span(span));
    }
}
