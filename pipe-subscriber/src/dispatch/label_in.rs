/// Where a logger sees the label of a child.
///
/// Loggers that ignore key-values ignore a label that is one of them; every logger shows a target or a message.
///
/// | place | looks like | shown by |
/// |---|---|---|
/// | [`KeyValues`](Self::KeyValues) | `label=w1` | env_logger with its feature `kv`, and what else reads key-values; not by simplelog, tracing-log, log4rs and most formats of fern |
/// | [`Target`](Self::Target) | `w1/worker::db` | env_logger, tracing-subscriber (text and JSON) behind tracing-log, log4rs, most formats of fern; by simplelog for debug and trace only, unless its `set_target_level` says error |
/// | [`Message`](Self::Message) | `[w1] connected` | all of them |
///
/// The parent's label comes first and ends at the first `/` of the target or the first `]` of the message; within a label these
/// are escaped, as controls are. So no child can claim the label of another through its own pipe: under the label `w1` a
/// target `w2/worker` is `w1/w2/worker`. If a child without a label has a target with a `/`, or a message that begins with
/// `[`, an empty label comes first. Set the same place for all children of a logger.
///
/// That holds for targets and messages, and so for a log whose fields are kept apart (JSON). In a line of text the fields run
/// into each other: most loggers print the target before the message, and the target of a child may end as `] [w2] done`.
/// In front of the target there is nothing of the child's, so prefer [`Target`](Self::Target) if you do not trust it.
///
/// # Filters by target
///
/// With [`Target`](Self::Target) the logger's `enabled` is asked with the target that its `log` sees, label included, because
/// most loggers look at both. A directive `worker=debug` does not match `w1/worker`. In env_logger and tracing-subscriber
/// `w1=debug` matches all of this child's targets (those of `w10` too); in fern and log4rs, which compare names between
/// `::`, `w1/worker` is one. `RUST_LOG` of env_logger takes what follows a `/` for a regular expression: only the label can be
/// named there. To choose among a child's own targets, say so to the child: [`Spawn::filter`](crate::Spawn::filter).
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
    /// In front of the target: `w1/worker::db`.
    Target,
    /// In front of the message: `[w1] connected`.
    Message,
}

impl LabelIn {
    /// The label as it stands in front of a text. It ends at its first `/` or `]`, so it has none itself.
    pub(crate) fn front(self, label: &str) -> String {
        match self {
            Self::KeyValues => String::new(),
            Self::Target => label.replace('/', "\\u{2f}") + "/",
            Self::Message => format!("[{}] ", label.replace(']', "\\u{5d}")),
        }
    }
}
