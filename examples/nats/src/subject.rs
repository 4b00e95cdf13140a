//! The subjects of messages, and how hosts and labels stand in them.

use std::fmt::Write;

use log::Level;

/// The token of control messages. The label `control` is escaped, so no label is mistaken for it.
const CONTROL: &str = "control";

/// Where the messages of one child go: the subjects of one label on one host.
///
/// ```
/// use nats_relay::{Address, Subject};
///
/// let address = Address { prefix: "logs".into(), host: "db1.example.org".into(), label: "worker 1".into() };
/// assert_eq!(address.batches(), "logs.db1=2Eexample=2Eorg.worker=201");
/// assert_eq!(address.control(), "logs.db1=2Eexample=2Eorg.control.worker=201");
/// assert_eq!(Address::parse("logs", &address.control()), Some((address, Subject::Control)));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Address {
    /// What all subjects begin with: one or more tokens, as they are.
    pub prefix: String,
    /// The host's name. It is escaped in subjects.
    pub host: String,
    /// The child's label. It is escaped in subjects.
    pub label: String,
}

/// What a subject is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Batches of frames of all levels.
    Batches,
    /// Single frames: records of one level, or with `None` frames that are no records.
    Frames(Option<Level>),
    /// [Control](crate::Control) messages.
    Control,
}

impl Address {
    /// Returns the subject of batches: `<prefix>.<host>.<label>`.
    pub fn batches(&self) -> String {
        format!(
            "{}.{}.{}",
            self.prefix,
            escape(&self.host),
            escape(&self.label)
        )
    }

    /// Returns the subject of single frames: `<prefix>.<host>.<label>.<level>`. The level is `None` for frames that are
    /// no records.
    pub fn frames(&self, level: Option<Level>) -> String {
        format!("{}.{}", self.batches(), level_token(level))
    }

    /// Returns the subject of control messages: `<prefix>.<host>.control.<label>`.
    pub fn control(&self) -> String {
        let (host, label) = (escape(&self.host), escape(&self.label));
        format!("{}.{host}.{CONTROL}.{label}", self.prefix)
    }

    /// Reads a subject back. Returns `None` if it is none of those that begin with `prefix`.
    pub fn parse(prefix: &str, subject: &str) -> Option<(Self, Subject)> {
        let rest = subject.strip_prefix(prefix)?.strip_prefix('.')?;
        let mut tokens = rest.split('.');
        let (host, second, third) = (tokens.next()?, tokens.next()?, tokens.next());
        if tokens.next().is_some() {
            return None;
        }
        let (label, kind) = match (second, third) {
            (CONTROL, label) => (label?, Subject::Control),
            (label, None) => (label, Subject::Batches),
            (label, Some(level)) => (label, Subject::Frames(parse_level_token(level)?)),
        };
        let address = Self {
            prefix: prefix.to_owned(),
            host: unescape(host)?,
            label: unescape(label)?,
        };
        Some((address, kind))
    }
}

/// Returns a text as one token of a subject, so that [`unescape`] returns the text again.
///
/// ASCII letters, digits, `-` and `_` stay. Every other byte becomes `=` and two hexadecimal digits. The empty text
/// becomes `=`, and the text `control`, which subjects need for themselves, becomes `=63ontrol`.
///
/// The result is also a valid key of a key-value bucket.
///
/// ```
/// assert_eq!(nats_relay::escape("über alles.*"), "=C3=BCber=20alles=2E=2A");
/// assert_eq!(nats_relay::escape(""), "=");
/// ```
pub fn escape(text: &str) -> String {
    match text {
        "" => return "=".to_owned(),
        CONTROL => return "=63ontrol".to_owned(),
        _ => {}
    }
    let mut token = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' => token.push(char::from(byte)),
            _ => write!(token, "={byte:02X}").expect("a String takes any text"),
        }
    }
    token
}

/// Returns the text that [`escape`] made a token of, or `None` if it makes this token of no text.
///
/// ```
/// assert_eq!(nats_relay::unescape("a=2Eb").as_deref(), Some("a.b"));
/// assert_eq!(nats_relay::unescape("a=2eb"), None);
/// ```
pub fn unescape(token: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'=' || token == "=" {
            bytes.push(*first);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        rest = tail;
        bytes.push(u8::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()?);
    }
    if token == "=" {
        bytes.clear();
    }
    let text = String::from_utf8(bytes).ok()?;
    // Each text has one token: two subjects never stand for one child.
    (escape(&text) == token).then_some(text)
}

/// Returns the name of a level in subjects and headers. `None` stands for frames that are no records.
pub fn level_token(level: Option<Level>) -> &'static str {
    match level {
        Some(Level::Error) => "error",
        Some(Level::Warn) => "warn",
        Some(Level::Info) => "info",
        Some(Level::Debug) => "debug",
        Some(Level::Trace) => "trace",
        None => "none",
    }
}

/// Reads what [`level_token`] writes. The outer `None` stands for any other text.
pub(crate) fn parse_level_token(token: &str) -> Option<Option<Level>> {
    let mut all = Level::iter().map(Some).chain([None]);
    all.find(|&level| level_token(level) == token)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_escaped_text_is_one_token_and_comes_back(text in ".*") {
            let token = escape(&text);
            prop_assert!(!token.is_empty() && token != CONTROL);
            prop_assert!(token.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_=".contains(&byte)));
            prop_assert_eq!(unescape(&token), Some(text));
        }

        #[test]
        fn a_token_that_is_read_is_the_only_one_of_its_text(token in "[=0-9A-Fa-z_-]{0,12}") {
            if let Some(text) = unescape(&token) {
                prop_assert_eq!(escape(&text), token);
            }
        }

        #[test]
        fn subjects_come_back(host in ".*", label in ".*", level in 0..6_usize) {
            let level = Level::iter().nth(level);
            let address = Address { prefix: "a.b".to_owned(), host, label };
            for (subject, kind) in [
                (address.batches(), Subject::Batches),
                (address.frames(level), Subject::Frames(level)),
                (address.control(), Subject::Control),
            ] {
                prop_assert_eq!(Address::parse("a.b", &subject), Some((address.clone(), kind)));
            }
        }
    }

    #[test]
    fn the_empty_text_and_the_label_control_have_tokens_of_their_own() {
        assert_eq!(unescape(&escape("")).as_deref(), Some(""));
        assert_eq!(unescape(&escape("control")).as_deref(), Some("control"));
        assert_eq!(escape("Control"), "Control");
    }

    #[test]
    fn other_tokens_are_refused() {
        for token in [
            "", "=2", "=2e", "=61", "a b", "=FF", "=+1", "control", "==", "=é",
        ] {
            assert_eq!(unescape(token), None, "{token}");
        }
    }

    #[test]
    fn other_subjects_are_refused() {
        let refused = [
            "logs",
            "logs.",
            "logs.h",
            "logs.h.",
            "logs.h.l.",
            "logs.h.l.fatal",
            "logs.h.l.info.x",
            "logs.h.control",
            "logsx.h.l",
            "other.h.l",
            "logs.h.control.control",
        ];
        for subject in refused {
            assert_eq!(Address::parse("logs", subject), None, "{subject}");
        }
    }
}
