/// Something about a record's origin that the parent adds to its key-values.
///
/// A `log::Record` has no place for these, and the parent alone may use their names: where the child's own
/// key-values have one of those that are [attached](crate::PipeSubscriber::attach), it gets a `_` behind it.
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
    /// `label`: the child's [label](crate::PipeSubscriber::label), if it has one and shows it
    /// [here](crate::LabelIn::KeyValues).
    Label,
    /// `time`: when the child logged, by its clock, as RFC 3339 text with nanoseconds.
    Time,
    /// `pid`: the operating system's number of the process, where it is known.
    Pid,
    /// `process`: the process's name as the record gives it or, if it gives none, as its process first gave it (in its hello,
    /// for example).
    Process,
    /// `thread`: the thread's name, where it has one.
    Thread,
    /// `thread_id`: the operating system's number of the thread, where it is known.
    ThreadId,
}

impl Attach {
    /// The name of the key-value.
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

    /// What becomes of a child's key of that name. It is never the name of another origin.
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
