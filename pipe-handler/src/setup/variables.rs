//! The variables by which a parent tells its child of the pipe; PROTOCOL.md of record-proto describes them.

pub(crate) const PIPE: &str = "RECORD_PIPE";
pub(crate) const FILTER: &str = "RECORD_PIPE_FILTER";
