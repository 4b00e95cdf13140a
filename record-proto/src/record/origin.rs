//! `Origin`: the process, the thread and the call site of a record.

use std::borrow::Cow;

/// The process, the thread and the call site of a record. Many records of a stream have the same ones, so a reader
/// keeps them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Origin<'a> {
    /// See [`LogRecord::pid`](crate::LogRecord::pid).
    pub pid: Option<u64>,
    /// See [`LogRecord::process`](crate::LogRecord::process).
    pub process: Option<Cow<'a, str>>,
    /// See [`LogRecord::thread_id`](crate::LogRecord::thread_id).
    pub thread_id: Option<u64>,
    /// See [`LogRecord::thread`](crate::LogRecord::thread).
    pub thread: Option<Cow<'a, str>>,
    /// See [`LogRecord::module_path`](crate::LogRecord::module_path).
    pub module_path: Option<Cow<'a, str>>,
    /// See [`LogRecord::file`](crate::LogRecord::file).
    pub file: Option<Cow<'a, str>>,
}
