//! `Identity`: the process and the thread that log.

/// The fields of a record that are the same for all records of a thread.
#[derive(Debug, Clone, Copy, Default)]
pub struct Identity<'a> {
    /// The operating system's number of the process.
    pub pid: Option<u64>,
    /// The name of the process.
    pub process: Option<&'a str>,
    /// The operating system's number of the thread.
    pub thread_id: Option<u64>,
    /// The name of the thread.
    pub thread: Option<&'a str>,
    /// The session of the writer; see [`LogRecord::instance`](crate::LogRecord::instance).
    pub instance: Option<u32>,
}
