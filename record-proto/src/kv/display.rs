//! Printing values as text: plain at the top level, JSON inside lists and maps. This file writes the JSON.

use std::fmt::{self, Write};

use base64::{display::Base64Display, prelude::BASE64_STANDARD};

use super::value::{KeyValues, Value};
use crate::text::is_control;

/// Prints text as it is, bytes as base64, numbers and booleans as in Rust, lists and maps as JSON.
impl fmt::Display for Value<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Str(text) => f.pad(text),
            Value::Bytes(bytes) => write!(f, "{}", base64(bytes)),
            Value::F64(number) if !number.is_finite() => write!(f, "{number}"),
            other => json(other, f),
        }
    }
}

/// Prints one JSON object.
impl fmt::Display for KeyValues<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        json(&Value::Map(self.borrowed()), f)
    }
}

impl Value<'_> {
    /// Returns the value for printing as JSON at the top level too: texts in quotes, controls escaped.
    pub(crate) fn quoted(&self) -> impl fmt::Display + '_ {
        struct Quoted<'a>(&'a Value<'a>);
        impl fmt::Display for Quoted<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                json(self.0, f)
            }
        }
        Quoted(self)
    }
}

pub(crate) fn base64(bytes: &[u8]) -> impl fmt::Display + '_ {
    Base64Display::new(bytes, &BASE64_STANDARD)
}

/// Writes one value as JSON. Infinities and NaN, which JSON does not have, become texts.
fn json(value: &Value<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Nil => f.write_str("null"),
        Value::Bool(flag) => write!(f, "{flag}"),
        Value::I64(number) => write!(f, "{number}"),
        Value::U64(number) => write!(f, "{number}"),
        Value::F64(number) if number.is_finite() => write!(f, "{number:?}"),
        Value::F64(number) => write!(f, "\"{number}\""),
        Value::Str(text) => json_str(text, f),
        Value::Bytes(bytes) => write!(f, "\"{}\"", base64(bytes)),
        Value::List(list) => {
            f.write_char('[')?;
            for (position, item) in list.iter().enumerate() {
                comma(position, f)?;
                json(&item, f)?;
            }
            f.write_char(']')
        }
        Value::Map(map) => {
            f.write_char('{')?;
            for (position, (key, item)) in map.iter().enumerate() {
                comma(position, f)?;
                json_str(key, f)?;
                f.write_char(':')?;
                json(&item, f)?;
            }
            f.write_char('}')
        }
    }
}

/// Writes a JSON string. In addition to the characters that JSON must escape, it escapes those that a terminal would
/// act upon.
fn json_str(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    escape(text, f)?;
    f.write_char('"')
}

/// Writes a text in the form that it has between the quotes of a JSON string.
pub(crate) fn escape(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for character in text.chars() {
        match character {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            control if is_control(control) => json_escape(control, f)?,
            other => f.write_char(other)?,
        }
    }
    Ok(())
}

/// Writes a character as `\u` escapes. JSON needs two surrogates for a character of more than 16 bits.
fn json_escape(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let mut units = [0; 2];
    for unit in character.encode_utf16(&mut units) {
        write!(f, "\\u{unit:04x}")?;
    }
    Ok(())
}

fn comma(position: usize, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if position > 0 {
        f.write_char(',')?;
    }
    Ok(())
}
