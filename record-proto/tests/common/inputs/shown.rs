//! The foreign code of a log call: texts that fail and panic, errors, and values of every type.

use std::{error::Error, fmt, panic};

use log::kv;
use record_proto::{FORMATTING_FAILED, FORMATTING_PANICKED};

use super::input::Input;

/// The panic of foreign code, of a kind that calls no hook: a hook may end the process at any panic.
fn panic_quietly(with_drop: bool) -> ! {
    struct Again;
    impl Drop for Again {
        fn drop(&mut self) {
            panic::resume_unwind(Box::new(()));
        }
    }
    match with_drop {
        true => panic::resume_unwind(Box::new(Again)),
        false => panic::resume_unwind(Box::new(())),
    }
}

/// How foreign code ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum End {
    Well,
    Fails,
    Panics,
    /// The value of the panic panics when it is dropped.
    PanicsTwice,
}

impl End {
    pub fn read(input: &mut Input<'_>) -> Self {
        match input.u8() {
            1 => Self::Fails,
            2 => Self::Panics,
            3 => Self::PanicsTwice,
            _ => Self::Well,
        }
    }

    /// Ends like this. Returns false if it fails.
    pub fn run(self) -> bool {
        match self {
            Self::Well => true,
            Self::Fails => false,
            Self::Panics => panic_quietly(false),
            Self::PanicsTwice => panic_quietly(true),
        }
    }

    /// What stands after the text so far.
    pub fn mark(self) -> &'static str {
        match self {
            Self::Well => "",
            Self::Fails => FORMATTING_FAILED,
            Self::Panics | Self::PanicsTwice => FORMATTING_PANICKED,
        }
    }
}

/// A `Display` and `Debug` that writes its text in pieces.
#[derive(Clone)]
pub struct Script {
    pieces: Vec<String>,
    pub end: End,
}

impl Script {
    /// A text of around so many bytes, or of any other length.
    pub fn read(input: &mut Input<'_>, around: usize) -> Self {
        let mut pieces = vec![input.text_around(around)];
        for _ in 0..input.u8() % 4 {
            pieces.push(input.short_text());
        }
        let end = End::read(input);
        Self { pieces, end }
    }

    /// All that is written, whatever the limit.
    pub fn text(&self) -> String {
        self.pieces.concat() + self.end.mark()
    }
}

impl fmt::Display for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in &self.pieces {
            f.write_str(piece)?;
        }
        self.end.run().then_some(()).ok_or(fmt::Error)
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An error with sources, some of them without end.
#[derive(Debug)]
pub struct Failure {
    text: Script,
    source: Link,
}

#[derive(Debug)]
enum Link {
    None,
    Next(Box<Failure>),
    Itself,
    Panics,
}

/// As many sources as are kept.
const MOST_SOURCES: usize = 64;

impl Failure {
    fn read(input: &mut Input<'_>, around: usize) -> Self {
        let last = match input.u8() {
            1 => Link::Itself,
            2 => Link::Panics,
            _ => Link::None,
        };
        let text = Script::read(input, around);
        let mut failure = Self { text, source: last };
        for _ in 0..input.few(70) {
            failure = Self {
                text: Script::read(input, around.min(64)),
                source: Link::Next(Box::new(failure)),
            };
        }
        failure
    }

    pub fn message(&self) -> String {
        self.text.text()
    }

    /// The texts of the sources that can be had.
    pub fn sources(&self) -> Vec<String> {
        let mut texts = Vec::new();
        let mut failure = self;
        while texts.len() < MOST_SOURCES {
            failure = match &failure.source {
                Link::None | Link::Panics => break,
                Link::Next(next) => next,
                Link::Itself => failure,
            };
            texts.push(failure.message());
        }
        texts
    }

    /// The error and its sources as one text, up to the first that fails.
    pub fn chain(&self) -> String {
        let mut text = self.message();
        let mut failure = self;
        for left in (0..=MOST_SOURCES).rev() {
            if failure.text.end != End::Well {
                return text;
            }
            failure = match &failure.source {
                Link::None => return text,
                Link::Panics => return text + FORMATTING_PANICKED,
                Link::Next(next) => next,
                Link::Itself => failure,
            };
            if left > 0 {
                text = text + ": " + &failure.message();
            }
        }
        text
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.source {
            Link::None => None,
            Link::Next(next) => Some(&**next),
            Link::Itself => Some(self),
            Link::Panics => panic_quietly(false),
        }
    }
}

/// A value in a log call.
#[derive(Debug)]
pub enum Shown {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Signed128(i128),
    Unsigned128(u128),
    Single(f32),
    Double(f64),
    Char(char),
    Text(String),
    Display(Script),
    Debug(Script),
    Error(Failure),
}

impl Shown {
    /// A value whose text is mostly of around so many bytes.
    pub fn read(input: &mut Input<'_>, around: usize) -> Self {
        let wide = |input: &mut Input<'_>| {
            u128::from(input.u64().rotate_right(8)) << 64 | u128::from(input.u64())
        };
        match input.u8() % 16 {
            0 => Self::Null,
            1 => Self::Bool(input.u8() & 1 == 1),
            2 => Self::Signed(input.u64() as i64),
            3 => Self::Signed(-(input.u64() as i64 >> 1)),
            4 => Self::Unsigned(input.u64()),
            5 => Self::Signed128(wide(input) as i128),
            6 => Self::Signed128(-i128::from(input.u64())),
            7 => Self::Unsigned128(wide(input)),
            8 => Self::Single(f32::from_bits(input.u64() as u32)),
            9 => Self::Double(f64::from_bits(input.u64().rotate_right(12))),
            10 => Self::Char(char::from_u32(input.u64() as u32).unwrap_or('ß')),
            11 | 12 => Self::Text(input.text_around(around)),
            13 => Self::Display(Script::read(input, around)),
            14 => Self::Debug(Script::read(input, around)),
            _ => Self::Error(Failure::read(input, around)),
        }
    }

    pub fn to_value(&self) -> kv::Value<'_> {
        match self {
            Self::Null => kv::Value::null(),
            Self::Bool(value) => kv::Value::from(*value),
            Self::Signed(value) => kv::Value::from(*value),
            Self::Unsigned(value) => kv::Value::from(*value),
            Self::Signed128(value) => kv::Value::from(*value),
            Self::Unsigned128(value) => kv::Value::from(*value),
            Self::Single(value) => kv::Value::from(*value),
            Self::Double(value) => kv::Value::from(*value),
            Self::Char(value) => kv::Value::from(*value),
            Self::Text(value) => kv::Value::from(value.as_str()),
            Self::Display(value) => kv::Value::from_display(value),
            Self::Debug(value) => kv::Value::from_debug(value),
            Self::Error(value) => kv::Value::from_dyn_error(value),
        }
    }
}
