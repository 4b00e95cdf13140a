//! `Notice`: a line about the records.

/// Something that the user has to know, as one line. It may contain text of a child or a relay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Notice(pub(crate) String);
