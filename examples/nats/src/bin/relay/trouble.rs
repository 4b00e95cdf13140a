//! `Trouble`: what goes wrong between relay and server, printed once when it begins and once when it is over.

use std::{
    collections::BTreeMap,
    fmt::Display,
    sync::{Arc, Mutex, PoisonError},
};

use crate::support::stdio::eprint_line;

/// The troubles that last. Clones are the same.
#[derive(Debug, Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<BTreeMap<String, String>>>);

impl Trouble {
    /// Prints a trouble with `what`, unless it was printed already and is not over.
    pub(crate) fn begins(&self, what: &str, text: String) {
        let mut lasting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lasting.get(what) != Some(&text) {
            say(format_args!("{text}"));
            lasting.insert(what.to_owned(), text);
        }
    }

    /// Prints that a trouble with `what` is over, if there was one.
    pub(crate) fn ends(&self, what: &str) {
        let mut lasting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lasting.remove(what).is_some() {
            say(format_args!("{what} works again"));
        }
    }

    /// Returns the troubles that last, one after the other, or `None`.
    pub(crate) fn lasting(&self) -> Option<String> {
        let lasting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut texts: Vec<_> = lasting.values().map(String::as_str).collect();
        texts.dedup();
        (!texts.is_empty()).then(|| texts.join("; "))
    }
}

/// Prints a line of this program on standard error.
pub(crate) fn say(line: impl Display) {
    eprint_line(format_args!("relay: {line}"));
}
