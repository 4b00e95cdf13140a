//! `Prefix`: the beginning of the subjects that are read.

use nats_relay::{Address, Subject};

/// One or more tokens, of which some may be `*`. So `logs.*` reads the parts of a stream that is divided into `logs.0`,
/// `logs.1` and so on, and `logs.1` reads one of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefix(String);

impl Prefix {
    pub(crate) fn new(text: &str) -> Result<Self, String> {
        let is_valid = |token: &str| {
            let is_wildcard = token.contains('*') && token != "*" || token.contains('>');
            !token.is_empty() && !is_wildcard && !token.contains(char::is_whitespace)
        };
        match text.split('.').all(is_valid) {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "{text:?} is no prefix of subjects: it needs tokens with dots between them, such as logs or logs.*"
            )),
        }
    }

    /// Returns the filter of all subjects with this prefix.
    pub(crate) fn filter(&self) -> String {
        format!("{}.>", self.0)
    }

    /// Reads a subject. Returns `None` if it has another prefix or is not that of a relay.
    pub(crate) fn parse(&self, subject: &str) -> Option<(Address, Subject)> {
        let mut length = 0;
        let mut tokens = subject.split('.');
        for wanted in self.0.split('.') {
            let token = tokens.next()?;
            if wanted != "*" && wanted != token {
                return None;
            }
            length += token.len() + 1;
        }
        Address::parse(&subject[..length - 1], subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_of_all_parts_are_read() {
        for (prefix, subject, prefix_of_it) in [
            ("logs", "logs.h.l", Some("logs")),
            ("logs.*", "logs.7.h.l", Some("logs.7")),
            ("logs.7", "logs.7.h.control.l", Some("logs.7")),
            ("logs.7", "logs.8.h.l", None),
            ("*.logs", "3.logs.h.l.info", Some("3.logs")),
            ("logs", "logs", None),
            ("logs.*", "logs.7", None),
        ] {
            let parsed = Prefix::new(prefix).unwrap().parse(subject);
            assert_eq!(
                parsed.map(|(address, _)| address.prefix).as_deref(),
                prefix_of_it,
                "{subject}"
            );
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["", ".", "logs.", "logs.>", "lo gs", "lo*"] {
            assert!(Prefix::new(text).is_err(), "{text:?}");
        }
    }
}
