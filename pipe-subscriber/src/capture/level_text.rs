//! The level of a line of plain text: of a prefix, or of a word among its first ones.

use std::borrow::Cow;

use log::Level;

use super::level_word::{any_word, clear_word, number};

/// The number of words of a line among which a level is looked for.
const MAX_WORDS: usize = 5;

/// The names of a level in logfmt.
const KEYS: [&str; 6] = [
    "level",
    "lvl",
    "severity",
    "loglevel",
    "log_level",
    "log.level",
];

/// Removes the terminal sequences of the form CSI: `ESC [`, parameters, a final byte. Colours are of this form.
///
/// This is not a whole parser of terminal sequences on purpose. Such a parser takes the text after `ESC ]` for a title
/// up to its end, and so would hide the rest of a line if there is none.
pub(super) fn without_colours(text: &str) -> Cow<'_, str> {
    if !text.contains("\x1b[") {
        return Cow::Borrowed(text);
    }
    let mut parts = text.split("\x1b[");
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let is_parameter = |c: char| ('\x20'..='\x3f').contains(&c);
        let rest = part.trim_start_matches(is_parameter);
        // Without a final byte it is no sequence, and is kept to be escaped later.
        match rest.strip_prefix(|last: char| ('\x40'..='\x7e').contains(&last)) {
            Some(rest) => plain.push_str(rest),
            None => {
                plain.push_str("\x1b[");
                plain.push_str(part);
            }
        }
    }
    Cow::Owned(plain)
}

/// Returns whether a line has nothing to show: white space at most and, if they are removed, colours.
pub(super) fn is_blank(line: &[u8], removes_colours: bool) -> bool {
    let mut rest = line.trim_ascii_start();
    while removes_colours && let Some(sequence) = rest.strip_prefix(b"\x1b[") {
        let is_parameter = |byte: &u8| (0x20..=0x3f).contains(byte);
        let end = sequence.iter().position(|byte| !is_parameter(byte));
        match end.map(|end| sequence.split_at(end)) {
            Some((_, [0x40..=0x7e, after @ ..])) => rest = after.trim_ascii_start(),
            _ => return false,
        }
    }
    rest.is_empty()
}

/// Returns the level that a line shows, if it shows one.
pub(super) fn level_of(line: &str) -> Option<Level> {
    priority(line)
        .or_else(|| glog(line))
        .or_else(|| words(line).take(MAX_WORDS).find_map(|word| word.level()))
}

/// Reads `<3>`, the priority of systemd and syslog. Its last three bits are the severity.
fn priority(line: &str) -> Option<Level> {
    let (digits, _) = line.strip_prefix('<')?.split_once('>')?;
    let is_number = (1..=3).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let priority: u64 = is_number.then(|| digits.parse().ok())??;
    (priority < 192).then(|| number(priority % 8))?
}

/// Reads `E0102 03:04`, the beginning of a line of glog: level, month, day, time.
fn glog(line: &str) -> Option<Level> {
    let bytes = line.as_bytes().get(..9)?;
    let is_like = |(byte, like): (&u8, u8)| match like {
        b'0' => byte.is_ascii_digit(),
        like => *byte == like,
    };
    let is_date = bytes[1..].iter().zip(*b"0000 00:").all(is_like);
    let level = match bytes[0] {
        b'E' | b'F' => Level::Error,
        b'W' => Level::Warn,
        b'I' => Level::Info,
        b'D' => Level::Debug,
        _ => return None,
    };
    is_date.then_some(level)
}

/// A word of a line, and the characters around it.
#[derive(Debug, Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    before: Option<char>,
    after: Option<char>,
    is_first: bool,
}

/// Returns the words of a line: what is between spaces, brackets, bars and quotes. A value in quotes after an equals sign
/// is part of its word.
fn words(line: &str) -> impl Iterator<Item = Word<'_>> {
    let mut rest = line;
    let mut before = None;
    let mut is_first = true;
    std::iter::from_fn(move || {
        loop {
            let end = word_end(rest);
            let (text, tail) = rest.split_at(end);
            let after = tail.chars().next();
            let word = Word {
                text,
                before,
                // structlog pads its levels: [info     ]
                after: match before {
                    Some('[') => tail.trim_start_matches(' ').chars().next(),
                    _ => after,
                },
                is_first,
            };
            if text.is_empty() && after.is_none() {
                return None;
            }
            rest = &tail[after.map_or(0, char::len_utf8)..];
            before = after;
            if text.contains(char::is_alphanumeric) {
                is_first = false;
                return Some(word);
            }
        }
    })
}

fn word_end(text: &str) -> usize {
    let mut is_quoted = false;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '"' if is_quoted || last == '=' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '"' | '[' | ']' | '(' | ')' | '<' | '>' | '{' | '}' | '|' => return at,
            c if c.is_whitespace() => return at,
            _ => {}
        }
        last = c;
    }
    text.len()
}

impl Word<'_> {
    fn level(self) -> Option<Level> {
        if let Some((key, value)) = self.text.split_once('=') {
            let value = value.trim_matches(['"', ',', ';']);
            return KEYS.contains(&key).then(|| any_word(letters(value)))?;
        }
        self.level_of_name(self.text).or_else(|| {
            // Apache: [core:error]
            let (_, name) = self.text.rsplit_once(':')?;
            self.is_enclosed().then(|| any_word(name))?
        })
    }

    fn level_of_name(self, text: &str) -> Option<Level> {
        let name = letters(text);
        let rest = &text[name.len()..];
        if !rest.is_empty() && !rest.starts_with([':', ',', '!', ';']) {
            return None;
        }
        let is_compiler_error = self.is_first && self.after == Some('[');
        if self.is_enclosed() || self.is_first && rest.starts_with(':') {
            return any_word(name).or_else(|| level_of_exception(name));
        }
        if rest.starts_with(':') || is_compiler_error {
            return clear_word(name).or_else(|| level_of_exception(name));
        }
        let is_shouted = name.bytes().all(|byte| byte.is_ascii_uppercase());
        clear_word(name).filter(|_| is_shouted)
    }

    /// Returns whether the word stands in brackets, between bars or between tabs.
    fn is_enclosed(self) -> bool {
        matches!(
            (self.before, self.after),
            (Some('['), Some(']'))
                | (Some('('), Some(')'))
                | (Some('<'), Some('>'))
                | (Some('|'), Some('|'))
                | (Some('\t'), Some('\t'))
        )
    }
}

/// Returns the letters at the beginning of a text.
fn letters(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_alphabetic());
    &text[..end.unwrap_or(text.len())]
}

/// Returns the level of a name such as `DeprecationWarning` or `ValueError`.
fn level_of_exception(name: &str) -> Option<Level> {
    let is_camel_case = name.starts_with(|first: char| first.is_ascii_uppercase());
    if is_camel_case && name.ends_with("Warning") {
        return Some(Level::Warn);
    }
    let is_error = name.ends_with("Error") || name.ends_with("Exception");
    (is_camel_case && is_error).then_some(Level::Error)
}
