use std::{
    future::poll_fn,
    io,
    io::Write,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::AtomicBool},
    thread::{self, JoinHandle},
};

use log::{LevelFilter, Log};
use record_proto::{DEFAULT_JOIN_LIMIT, LogRecord, RecordCodec};
use tokio::{io::AsyncRead, runtime};

use crate::{
    ChildPipe, Escaping, Origin, ReadError, Records, Summary, dispatch::Dispatch, inbox::Inbox,
    intake::Intake, panics::discard, tee::Tee,
};

/// The parent's end of a pipe: reads a child's records and hands them to a logger.
///
/// Made by [`spawn`](crate::spawn), together with the child, or around any reader by [`new`](Self::new). It reads
/// nothing until one of the `run` methods or [`records`](Self::records) is used; a child whose pipe is full waits for
/// it, and a child whose subscriber is dropped has lost its parent.
///
/// Every `run` method gives the runtime's other tasks their turn after 64 records or 1 ms, and catches and counts the
/// panics of the logger.
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
    reader: R,
    held_open: Arc<AtomicBool>,
    codec: RecordCodec,
    join_limit: usize,
    tee: Tee,
    label: Option<String>,
    origins: Vec<Origin>,
    escaping: Escaping,
    max_level: LevelFilter,
}

impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Reads records from `reader` until its end of file.
    pub fn new(reader: R) -> Self {
        Self {
            reader,
            held_open: Arc::default(),
            codec: RecordCodec::new(),
            join_limit: DEFAULT_JOIN_LIMIT,
            tee: Tee::default(),
            label: None,
            origins: vec![Origin::Label],
            escaping: Escaping::default(),
            max_level: LevelFilter::Trace,
        }
    }

    /// Sets the name by which the parent knows this child; see [`Origin::Label`]. By default it has none.
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets what is added to the key-values of each record for a logger: in front of the child's own, in this order.
    /// By default it is the label, where there is one. What a record does not tell is left out; the names stay the
    /// parent's all the same, and a child's own `label` reaches the logger as `label_`, so that no child can claim the
    /// label of another.
    pub fn attach(mut self, origins: impl IntoIterator<Item = Origin>) -> Self {
        self.origins.clear();
        for origin in origins {
            if !self.origins.contains(&origin) {
                self.origins.push(origin);
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
        self.codec = self.codec.with_max_frame_length(bytes);
        self
    }

    /// Sets how many bytes of unfinished records may be held, counting 256 for each record beside its own. By default
    /// it is 4 MiB ([`DEFAULT_JOIN_LIMIT`]). Where it is exceeded the oldest are given up and
    /// [counted](Summary::evicted).
    pub fn join_limit(mut self, bytes: usize) -> Self {
        self.join_limit = bytes;
        self
    }

    /// Stores each frame in `writer` as it was received, its length included; malformed and unknown ones too.
    ///
    /// Written in small pieces and in the task that reads: wrap a file in a [`BufWriter`](io::BufWriter). It is
    /// flushed at the end of the stream. The first failure ends it and is among the [reasons](Summary::reasons); the
    /// records go on. A frame that is not whole is not stored.
    pub fn tee(mut self, writer: impl Write + Send + 'static) -> Self {
        self.tee = Tee::new(writer);
        self
    }

    /// Hands all records to [`log::logger`] until the stream ends, as far as [`log::max_level`] and the logger's
    /// `enabled` let them through.
    ///
    /// # Errors
    ///
    /// Where reading fails. How a stream ended, corrupt ones included, is no error but
    /// [`Summary::end`].
    pub async fn run(self) -> Result<Summary, ReadError> {
        let (intake, inbox, dispatch) = self.open();
        drive(intake, inbox, |record| {
            dispatch.log(record, log::max_level(), log::logger());
        })
        .await
    }

    /// Hands all records to `logger` until the stream ends, as far as [`max_level`](Self::max_level) and the
    /// logger's `enabled` let them through. A reference, a `Box` or an `Arc` of a logger is a logger too.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    pub async fn run_into(self, logger: impl Log) -> Result<Summary, ReadError> {
        let max_level = self.max_level;
        let (intake, inbox, dispatch) = self.open();
        drive(intake, inbox, |record| {
            dispatch.log(record, max_level, &logger);
        })
        .await
    }

    /// Shows all records to `f` until the stream ends: every level, text as the child wrote it, nothing attached.
    ///
    /// The records borrow from the read buffer, and nothing is allocated for those that fit in a frame.
    ///
    /// # Errors
    ///
    /// As for [`run`](Self::run).
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use record_proto::Encode;
    /// # let mut stream = Vec::new();
    /// # record_proto::LogRecord::new(log::Level::Info, "worker", "done").encode_frame(&mut stream);
    /// # let subscriber = pipe_subscriber::PipeSubscriber::new(&stream[..]);
    /// let mut bytes = 0;
    /// subscriber.run_with(|record| bytes += record.message.len()).await?;
    /// # assert_eq!(bytes, 4);
    /// # Ok(()) }
    /// ```
    pub async fn run_with(self, mut f: impl FnMut(&LogRecord<'_>)) -> Result<Summary, ReadError> {
        let (intake, inbox, _) = self.open();
        drive(intake, inbox, |record| f(record)).await
    }

    /// All records as a stream: every level, text as the child wrote it, nothing attached, each detached from the
    /// read buffer.
    pub fn records(self) -> Records<R> {
        let (intake, inbox, _) = self.open();
        Records::new(intake, inbox)
    }

    /// As [`run`](Self::run), on a thread and a runtime of its own, so that a slow logger delays nothing else. It
    /// needs no runtime around it.
    ///
    /// # Errors
    ///
    /// Where the runtime or the thread cannot be made.
    pub fn run_on_thread(self) -> io::Result<JoinHandle<Result<Summary, ReadError>>>
    where
        R: Send + 'static,
    {
        let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
        thread::Builder::new()
            .name("pipe-subscriber".to_owned())
            .spawn(move || runtime.block_on(self.run()))
    }

    /// For a reader that can end before its end of file.
    pub(crate) fn with_held_open(mut self, held_open: Arc<AtomicBool>) -> Self {
        self.held_open = held_open;
        self
    }

    fn open(self) -> (Intake<R>, Inbox, Dispatch) {
        (
            Intake::new(self.reader, self.codec, self.held_open),
            Inbox::new(self.join_limit, self.tee),
            Dispatch::new(self.escaping, self.label, self.origins),
        )
    }
}

async fn drive<R: AsyncRead + Unpin>(
    mut intake: Intake<R>,
    mut inbox: Inbox,
    mut on_record: impl FnMut(&mut LogRecord<'_>),
) -> Result<Summary, ReadError> {
    while poll_fn(|cx| intake.poll_payload(cx)).await {
        let Some(payload) = intake.payload() else {
            continue;
        };
        let mut panicked = None;
        inbox.take(payload, |record| {
            panicked = catch_unwind(AssertUnwindSafe(|| on_record(record))).err();
        });
        if let Some(panic) = panicked {
            discard(panic);
            inbox.logger_panicked();
        }
    }
    intake.finish(&mut inbox)
}
