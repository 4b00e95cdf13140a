/// The part of a record that shows a child's label to the logger.
///
/// By default the label is a key-value. A logger that ignores key-values does not show it, but every logger shows a
/// target or a message.
///
/// | part | looks like | shown by |
/// |---|---|---|
/// | [`KeyValues`](Self::KeyValues) | `label=w1` | env_logger with its feature `kv`, and other loggers that read key-values, and tracing by `run_into_tracing`; not by simplelog, tracing-log, log4rs and most formats of fern |
/// | [`Target`](Self::Target) | `w1/worker::db` | env_logger, tracing-subscriber (text and JSON) with tracing-log, log4rs, most formats of fern; by simplelog for debug and trace only, unless `set_target_level` is called with error |
/// | [`Message`](Self::Message) | `[w1] connected` | all of them |
///
/// # Forged labels
///
/// The parent's label comes first, and ends at the first `/` of the target or the first `]` of the message. In the
/// label itself these characters are escaped, as control characters are. So no child can claim the label of another
/// through its own pipe: with the label `w1`, the target `w2/worker` becomes `w1/w2/worker`. If a child without a label
/// has a target that contains a `/`, or a message that begins with `[`, an empty label is put first. Set the same part
/// for all children of a logger.
///
/// This holds for a target or message by itself, and so for a log that keeps the fields apart, such as JSON. In a line
/// of text the fields follow each other: most loggers print the target before the message, and the target of a child
/// may end in `] [w2] done`. No text of the child comes before the target, so use [`Target`](Self::Target) if you do
/// not trust the child.
///
/// # Filters by target
///
/// With [`Target`](Self::Target), the logger's `enabled` gets the same target as its `log`, with the label, because
/// most loggers filter in both. So:
///
/// - A directive `worker=debug` does not match `w1/worker`.
/// - In env_logger and tracing-subscriber, `w1=debug` matches all targets of this child, and also those of `w10`.
/// - fern and log4rs compare the names between `::`; for them `w1/worker` is one name.
/// - env_logger's `RUST_LOG` treats the text after a `/` as a regular expression, so that only the label can be named
///   there.
///
/// To filter by a child's own targets, set the child's filter: [`Spawn::filter`](crate::Spawn::filter).
///
/// # Examples
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{LabelIn, PipeSubscriber};
/// use record_proto::{Encode, LogRecord};
/// # struct Logger; impl log::Log for Logger {
/// #     fn enabled(&self, metadata: &log::Metadata) -> bool { metadata.target() == "w1/worker" }
/// #     fn log(&self, record: &log::Record) { assert_eq!(record.target(), "w1/worker") }
/// #     fn flush(&self) {}
/// # }
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Info, "worker", "done").encode_frame(&mut stream);
/// let subscriber = PipeSubscriber::new(&stream[..]).label("w1").label_in(LabelIn::Target);
/// let summary = subscriber.run_into(Logger).await?;
/// # assert_eq!((summary.received, summary.logger_panics), (1, 0));
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum LabelIn {
    /// Among the key-values, as [`Attach::Label`](crate::Attach::Label), if that is attached. The default.
    #[default]
    KeyValues,
    /// At the beginning of the target: `w1/worker::db`.
    Target,
    /// At the beginning of the message: `[w1] connected`.
    Message,
}

impl LabelIn {
    /// Returns the label as the prefix of a target or message. The prefix ends at its first `/` or `]`, so these
    /// characters are escaped within the label.
    pub(crate) fn prefix(self, label: &str) -> String {
        match self {
            Self::KeyValues => String::new(),
            Self::Target => label.replace('/', "\\u{2f}") + "/",
            Self::Message => format!("[{}] ", label.replace(']', "\\u{5d}")),
        }
    }
}
