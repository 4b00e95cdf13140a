/// A key-value about a record's origin that the parent adds to the record.
///
/// A `log::Record` has no field for these. The names of the [attached](crate::PipeSubscriber::attach) key-values are
/// reserved for the parent: if a child's own key has one of them, a `_` is appended to the child's key.
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{Attach, PipeSubscriber};
/// use record_proto::{Encode, LogRecord};
/// # struct Logger; impl log::Log for Logger {
/// #     fn enabled(&self, _: &log::Metadata) -> bool { true }
/// #     fn log(&self, record: &log::Record) {
/// #         assert_eq!(record.key_values().get("label".into()).unwrap().to_string(), "w1");
/// #         assert_eq!(record.key_values().get("pid".into()).unwrap().to_u64(), Some(42));
/// #         assert_eq!(record.key_values().get("pid_".into()).unwrap().to_u64(), Some(1));
/// #     }
/// #     fn flush(&self) {}
/// # }
///
/// let mut record = LogRecord::new(log::Level::Info, "worker", "done");
/// record.pid = Some(42);
/// record.key_values.push("pid", 1);
/// let mut stream = Vec::new();
/// record.encode_frame(&mut stream);
///
/// // The logger sees label=w1, pid=42, pid_=1.
/// PipeSubscriber::new(&stream[..])
///     .label("w1")
///     .attach([Attach::Label, Attach::Pid])
///     .run_into(Logger)
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Attach {
    /// `label`: the child's [label](crate::PipeSubscriber::label), if it has one and the label is shown among the
    /// [key-values](crate::LabelIn::KeyValues).
    Label,
    /// `time`: the time of the log call by the child's clock, as RFC 3339 text with nanoseconds.
    Time,
    /// `pid`: the operating system's number of the process, if it is known.
    Pid,
    /// `process`: the name of the process: the one in the record or, if the record has none, the first one that the
    /// process sent, for example in its hello.
    Process,
    /// `thread`: the thread's name, if it has one.
    Thread,
    /// `thread_id`: the operating system's number of the thread, if it is known.
    ThreadId,
}

impl Attach {
    /// Returns the name of the key-value.
    pub fn key(self) -> &'static str {
        match self {
            Attach::Label => "label",
            Attach::Time => "time",
            Attach::Pid => "pid",
            Attach::Process => "process",
            Attach::Thread => "thread",
            Attach::ThreadId => "thread_id",
        }
    }

    /// Returns the key that replaces a child's key of the same name. It is never the name of another variant.
    pub(crate) fn renamed_key(self) -> &'static str {
        match self {
            Attach::Label => "label_",
            Attach::Time => "time_",
            Attach::Pid => "pid_",
            Attach::Process => "process_",
            Attach::Thread => "thread_",
            Attach::ThreadId => "thread_id_",
        }
    }
}
