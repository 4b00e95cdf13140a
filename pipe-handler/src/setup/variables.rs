//! The names of the environment variables by which a parent passes the pipe to its child. PROTOCOL.md of record-proto
//! describes their values.

pub(crate) const PIPE: &str = "RECORD_PIPE";
pub(crate) const FILTER: &str = "RECORD_PIPE_FILTER";
