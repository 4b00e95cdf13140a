//! The texts of `Summary::reasons`.

use std::fmt::Display;

/// The number of texts that are kept.
const MAX_REASONS: usize = 8;

/// The reason if nothing at all came over the pipe of a child.
pub(crate) const NOT_ADOPTED: &str = "the child did not adopt the pipe: it did not call pipe_handler::init, \
    or a program in between closed it";

/// The reason if a child adopted its pipe and sent no records because its filter was off.
pub(crate) const FILTER_OFF: &str = "the filter is off, so the child was asked for nothing; \
    set a logger before the spawn, or Spawn::filter";

/// The first few different texts about problems of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(Vec<String>);

impl Reasons {
    /// Appends a text, unless it is already there or [`MAX_REASONS`] texts are.
    pub(crate) fn note(&mut self, reason: impl Display) {
        if self.0.len() < MAX_REASONS {
            self.insert(self.0.len(), reason.to_string());
        }
    }

    /// Inserts a text before the others, and removes the last one if there are too many.
    pub(crate) fn note_first(&mut self, reason: impl Display) {
        self.insert(0, reason.to_string());
        self.0.truncate(MAX_REASONS);
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        self.0
    }

    fn insert(&mut self, position: usize, reason: String) {
        if !self.0.contains(&reason) {
            self.0.insert(position, reason);
        }
    }
}
