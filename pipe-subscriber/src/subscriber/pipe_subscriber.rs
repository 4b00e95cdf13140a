use std::{
    io::Write,
    sync::{Arc, atomic::AtomicBool},
};

use log::LevelFilter;
use tokio::io::AsyncRead;

use super::record_reader::RecordReader;
use crate::account::Tee;
use crate::dispatch::{Attach, Escaping, LabelIn};
use crate::read::ChildPipe;

/// The parent's end of a pipe: reads a child's records and hands them to a logger.
///
/// Made by [`spawn`](crate::spawn), together with the child, or around any reader by [`new`](Self::new). It reads
/// nothing until one of the `run` methods or [`records`](Self::records) is used; a child whose pipe is full waits for
/// it, and a child whose subscriber is dropped has lost its parent.
///
/// Every `run` method gives the runtime's other tasks their turn after 64 payloads or 1 ms, and catches and counts the panics
/// of the logger. Tasks that wait for I/O or a timer have theirs after 1,024 payloads, or the first such turn after 250 us.
///
/// [`run`](Self::run), [`run_into`](Self::run_into) and [`run_with`](Self::run_with) read to the end and own the
/// subscriber. [`run_until`](Self::run_until), [`run_into_until`](Self::run_into_until) and
/// [`run_with_until`](Self::run_with_until) borrow it: they can be dropped at any moment, in a `select!` or by a timeout,
/// and reading goes on later where it was. [`summary`](Self::summary) has the figures at any time.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::PipeSubscriber;
/// use record_proto::{Encode, LogRecord};
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Info, "worker", "hello from child process").encode_frame(&mut stream);
///
/// // Any AsyncRead: a pipe, a socket, a stored stream.
/// let summary = PipeSubscriber::new(&stream[..]).label("w1").run().await?;
/// assert_eq!(summary.received, 1);
/// # Ok(()) }
/// ```
///
/// # Panics
///
/// With the [`ChildPipe`] of `spawn`, reading panics outside a tokio runtime that has I/O enabled.
#[derive(Debug)]
#[must_use = "reads nothing until it is run"]
pub struct PipeSubscriber<R = ChildPipe> {
    pub(crate) reader: RecordReader<R>,
    pub(crate) label: Option<String>,
    pub(crate) label_in: LabelIn,
    pub(crate) attach: Vec<Attach>,
    pub(crate) escaping: Escaping,
    pub(crate) max_level: LevelFilter,
}

impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Reads records from `reader` until its end of file.
    pub fn new(reader: R) -> Self {
        Self {
            reader: RecordReader::new(reader),
            label: None,
            label_in: LabelIn::default(),
            attach: vec![Attach::Label],
            escaping: Escaping::default(),
            max_level: LevelFilter::Trace,
        }
    }

    /// Sets the name by which the parent knows this child, for a logger. By default it has none.
    ///
    /// It is a key-value, which many loggers do not show; see [`label_in`](Self::label_in).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets where a logger sees the label: among the key-values (the default), in the target or in front of the message.
    /// [`LabelIn`] says which suits which logger.
    pub fn label_in(mut self, place: LabelIn) -> Self {
        self.label_in = place;
        self
    }

    /// Sets what is added to the key-values of each record for a logger: in front of the child's own, in this order.
    /// By default it is the label, if there is one and it is not shown [elsewhere](Self::label_in); a call replaces that, so name
    /// [`Attach::Label`] too to keep it. What a record does not tell is left out. The names stay the parent's all the same, and
    /// a child's own `label` reaches the logger as `label_`, so that no child can claim the label of another through its own
    /// pipe.
    pub fn attach(mut self, attach: impl IntoIterator<Item = Attach>) -> Self {
        self.attach.clear();
        for origin in attach {
            if !self.attach.contains(&origin) {
                self.attach.push(origin);
            }
        }
        self
    }

    /// Sets whether control characters are kept from the logger. By default they are.
    pub fn escaping(mut self, escaping: Escaping) -> Self {
        self.escaping = escaping;
        self
    }

    /// Sets the level that [`run_into`](Self::run_into) lets through. By default it is trace: all.
    ///
    /// [`run`](Self::run) goes by [`log::max_level`] instead.
    pub fn max_level(mut self, level: LevelFilter) -> Self {
        self.max_level = level;
        self
    }

    /// Sets the longest payload of a frame in bytes. By default it is 64 KiB
    /// ([`DEFAULT_MAX_FRAME_LENGTH`](record_proto::DEFAULT_MAX_FRAME_LENGTH)). A longer one means that the stream is
    /// [corrupt](crate::StreamEnd::Corrupt).
    pub fn max_frame_length(mut self, bytes: usize) -> Self {
        self.reader.frames.set_max_frame_length(bytes);
        self
    }

    /// Sets how many bytes of unfinished records may be held, counting 256 for each record beside its own. By default
    /// it is 4 MiB ([`DEFAULT_REASSEMBLY_LIMIT`](record_proto::DEFAULT_REASSEMBLY_LIMIT)). Where it is exceeded the oldest are given up and
    /// [counted](crate::Summary::evicted).
    pub fn reassembly_limit(mut self, bytes: usize) -> Self {
        self.reader.receiver.set_reassembly_limit(bytes);
        self
    }

    /// Stores each frame in `writer` as it was received, its length included; malformed and unknown ones too.
    ///
    /// Written in small pieces and in the task that reads: wrap a file in a [`BufWriter`](std::io::BufWriter). It is
    /// flushed and dropped at the end of the stream. The first failure ends it and is among the [reasons](crate::Summary::reasons); the
    /// records go on. A frame that is not whole is not stored.
    pub fn tee(mut self, writer: impl Write + Send + 'static) -> Self {
        self.reader.receiver.set_tee(Tee::new(writer));
        self
    }

    /// For the pipe of a child that was told to log nothing.
    pub(crate) fn with_filter_off(mut self) -> Self {
        self.reader.receiver.set_filter_off();
        self
    }

    /// For the pipe of a child, which can end before its end of file.
    pub(crate) fn with_held_open(mut self, held_open: Arc<AtomicBool>) -> Self {
        self.reader.receiver.set_of_child();
        self.reader.frames.set_held_open(held_open);
        self
    }
}
