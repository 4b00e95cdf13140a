//! `Reasons`: the problems of a stream, which become the texts of `Summary::reasons`.

use std::fmt;

use record_proto::{PayloadError, Rejected, VERSION};

/// The number of texts that are kept.
const MAX_REASONS: usize = 8;

/// The reason if nothing at all came over the pipe of a child.
pub(crate) const NOT_ADOPTED: &str = "the child did not adopt the pipe: it did not call pipe_handler::init, \
    or a program in between closed it";

/// The reason if a child adopted its pipe and sent no records because its filter was off.
pub(crate) const FILTER_OFF: &str = "the filter is off, so the child was asked for nothing; \
    set a logger before the spawn, or Spawn::filter";

/// A problem of a stream. It becomes a text only in the summary, because a child may cause a problem with each of its
/// frames, and most are the same.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Reason {
    Payload(PayloadError),
    Fragment(Rejected),
    /// A process writes this version of the wire format, which is higher than the reader's.
    Version(u64),
    Fixed(&'static str),
    Other(String),
}

/// The first few different problems of a stream.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reasons(Vec<Reason>);

impl Reasons {
    /// Appends a problem, unless it is already there or [`MAX_REASONS`] are.
    pub(crate) fn note(&mut self, reason: Reason) {
        if self.0.len() < MAX_REASONS && !self.0.contains(&reason) {
            self.0.push(reason);
        }
    }

    /// Inserts a problem before the others, and removes the last one if there are too many.
    pub(crate) fn note_first(&mut self, reason: Reason) {
        if !self.0.contains(&reason) {
            self.0.insert(0, reason);
            self.0.truncate(MAX_REASONS);
        }
    }

    pub(crate) fn to_texts(&self) -> Vec<String> {
        self.0.iter().map(Reason::to_string).collect()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payload(error) => write!(f, "{error}"),
            Self::Fragment(rejected) => write!(f, "{rejected}"),
            Self::Version(version) => write!(
                f,
                "a process writes version {version} of the wire format; this reader knows {VERSION}"
            ),
            Self::Fixed(text) => f.write_str(text),
            Self::Other(text) => f.write_str(text),
        }
    }
}
