use std::fmt::Display;

/// How many texts are kept.
const MAX_REASONS: usize = 8;

/// Nothing came over the pipe that a child was given.
pub(crate) const NOT_ADOPTED: &str = "the child did not adopt the pipe: it did not call pipe_handler::init, \
    or a program in between closed it";

/// A child was told to log nothing, and did so.
pub(crate) const FILTER_OFF: &str = "the filter is off, so the child was asked for nothing; \
    set a logger before the spawn, or Spawn::filter";

/// The first few different texts of what went wrong.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(Vec<String>);

impl Reasons {
    /// Keeps a text unless there are enough or it is there already.
    pub(crate) fn note(&mut self, reason: impl Display) {
        if self.0.len() < MAX_REASONS {
            self.insert(self.0.len(), reason.to_string());
        }
    }

    /// Keeps a text in any case, in front of the others.
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
