//! Texts whose control characters are escaped as in Rust, so that a terminal does not act on them.

use std::fmt::{self, Display, Write};

use record_proto::{Value, is_control};

/// A text on one line.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((position, control)) = rest.char_indices().find(|(_, c)| is_control(*c)) {
            let (before, from) = rest.split_at(position);
            write!(f, "{before}{}", control.escape_default())?;
            rest = &from[control.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// The value of a key-value: in quotes if it could not be told from the text around it otherwise.
pub(super) struct EscapedValue<'a>(pub(super) &'a Value<'a>);

impl Display for EscapedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Str(text) if is_plain(text) => f.write_str(text),
            Value::Str(text) => write_quoted(text, f),
            // Numbers and base64 have no control characters, and JSON escapes them itself.
            other => write!(f, "{other}"),
        }
    }
}

fn is_plain(text: &str) -> bool {
    let special = |c: char| c.is_whitespace() || is_control(c) || matches!(c, '"' | '=' | ',');
    !text.is_empty() && !text.contains(special)
}

fn write_quoted(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_char('"')?;
    for character in text.chars() {
        match character {
            '"' | '\\' => write!(f, "\\{character}")?,
            control if is_control(control) => write!(f, "{}", control.escape_default())?,
            other => f.write_char(other)?,
        }
    }
    f.write_char('"')
}
