use log::kv::{self, Key, Source, VisitSource};
use record_proto::LogRecord;

/// Something about a record's origin that the parent adds to its key-values.
///
/// A `log::Record` has no place for these, and the parent alone may use their names: where the child's own
/// key-values have one of those that are [attached](crate::PipeSubscriber::attach), it gets a `_` behind it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{Origin, PipeSubscriber};
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
///     .attach([Origin::Label, Origin::Pid])
///     .run_into(Logger)
///     .await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Origin {
    /// `label`: the child's [label](crate::PipeSubscriber::label), where it has one.
    Label,
    /// `time`: when the child logged, by its clock, as RFC 3339 text with nanoseconds.
    Time,
    /// `pid`: the operating system's number of the process, where it is known.
    Pid,
    /// `process`: the process's name, where it is known.
    Process,
    /// `thread`: the thread's name, where it has one.
    Thread,
    /// `thread_id`: the operating system's number of the thread, where it is known.
    ThreadId,
}

impl Origin {
    /// The name of the key-value.
    pub fn key(self) -> &'static str {
        match self {
            Origin::Label => "label",
            Origin::Time => "time",
            Origin::Pid => "pid",
            Origin::Process => "process",
            Origin::Thread => "thread",
            Origin::ThreadId => "thread_id",
        }
    }

    /// What becomes of a child's key of that name. It is never the name of another origin.
    fn yielding_key(self) -> &'static str {
        match self {
            Origin::Label => "label_",
            Origin::Time => "time_",
            Origin::Pid => "pid_",
            Origin::Process => "process_",
            Origin::Thread => "thread_",
            Origin::ThreadId => "thread_id_",
        }
    }
}

/// A record's key-values behind those of the parent.
pub(crate) struct WithOrigin<'a> {
    origins: &'a [Origin],
    label: Option<&'a str>,
    record: &'a LogRecord<'a>,
    /// The record's time, where it is asked for.
    time: String,
    child: &'a dyn Source,
}

impl<'a> WithOrigin<'a> {
    /// `child` are the key-values as the child gave them.
    pub(crate) fn new(
        origins: &'a [Origin],
        label: Option<&'a str>,
        record: &'a LogRecord<'a>,
        child: &'a dyn Source,
    ) -> Self {
        let time = match origins.contains(&Origin::Time) {
            true => humantime::format_rfc3339_nanos(record.timestamp()).to_string(),
            false => String::new(),
        };
        Self {
            origins,
            label,
            record,
            time,
            child,
        }
    }

    fn attached(&self) -> impl Iterator<Item = (Key<'_>, kv::Value<'_>)> {
        self.origins
            .iter()
            .filter_map(|&origin| Some((Key::from_str(origin.key()), self.value(origin)?)))
    }

    fn value(&self, origin: Origin) -> Option<kv::Value<'_>> {
        match origin {
            Origin::Label => self.label.map(kv::Value::from),
            Origin::Time => Some(kv::Value::from(&*self.time)),
            Origin::Pid => self.record.pid.map(kv::Value::from),
            Origin::Process => self.record.process.as_deref().map(kv::Value::from),
            Origin::Thread => self.record.thread.as_deref().map(kv::Value::from),
            Origin::ThreadId => self.record.thread_id.map(kv::Value::from),
        }
    }
}

impl Source for WithOrigin<'_> {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn VisitSource<'kvs>) -> Result<(), kv::Error> {
        for (key, value) in self.attached() {
            visitor.visit_pair(key, value)?;
        }
        self.child.visit(&mut Yielding {
            origins: self.origins,
            visitor,
        })
    }

    fn count(&self) -> usize {
        self.attached().count() + self.child.count()
    }
}

/// Shows a visitor the child's pairs under names that are not the parent's.
struct Yielding<'v, 'kvs> {
    origins: &'v [Origin],
    visitor: &'v mut dyn VisitSource<'kvs>,
}

impl<'kvs> VisitSource<'kvs> for Yielding<'_, 'kvs> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: kv::Value<'kvs>) -> Result<(), kv::Error> {
        let taken = |origin: &&Origin| origin.key() == key.as_str();
        let key = match self.origins.iter().find(taken) {
            Some(origin) => Key::from_str(origin.yielding_key()),
            None => key,
        };
        self.visitor.visit_pair(key, value)
    }
}
