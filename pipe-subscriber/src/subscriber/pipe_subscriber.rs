//! `PipeSubscriber` and its settings; the methods that read are in `run`.

use std::{
    io::Write,
    sync::{Arc, atomic::AtomicBool},
};

use log::LevelFilter;
use tokio::io::AsyncRead;

use super::rate_limit::RateLimit;
use super::record_reader::RecordReader;
use crate::account::Tee;
#[cfg(feature = "capture")]
use crate::capture::CapturedStreams;
use crate::dispatch::{Attach, Escaping, LabelIn};
use crate::read::ChildPipe;
use crate::read::Rings;

/// The parent's end of a pipe: reads a child's records and hands them to a logger.
///
/// [`spawn`](crate::spawn) returns one together with the child; [`new`](Self::new) makes one from any reader. It reads
/// nothing until one of the `run` methods or [`records`](Self::records) is used. Until then, a child whose pipe is full
/// waits. If the subscriber is dropped, the pipe's read end is closed, and the child goes on without a parent.
///
/// A process may make a subscriber, fork, and leave the reading to the forked process, as `daemon(3)` does. The copy in
/// the other process may be dropped at any time, if that process has not read itself.
///
/// [`run`](Self::run), [`run_into`](Self::run_into) and [`run_with`](Self::run_with) own the subscriber and read to the
/// end. [`run_until`](Self::run_until), [`run_into_until`](Self::run_into_until) and
/// [`run_with_until`](Self::run_with_until) borrow it: they can be dropped at any moment, in a `select!` or by a
/// timeout, and the next call goes on from there. [`summary`](Self::summary) returns the figures between two calls, and
/// [`live_summary`](Self::live_summary) while another task or thread reads.
///
/// Every `run` method catches and counts the logger's panics. It yields to the runtime's other tasks after 64 payloads
/// or 1 ms. Tasks that wait for I/O or a timer run after 1,024 payloads, or at the first such yield after 250 us.
///
/// # Examples
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
/// Reading from the [`ChildPipe`] of `spawn` panics outside of a tokio runtime that has I/O enabled.
#[derive(Debug)]
#[must_use = "reads nothing until it is run"]
pub struct PipeSubscriber<R = ChildPipe> {
    pub(crate) reader: RecordReader<R>,
    pub(crate) label: Option<String>,
    pub(crate) label_in: LabelIn,
    pub(crate) attach: Vec<Attach>,
    pub(crate) escaping: Escaping,
    pub(crate) max_level: LevelFilter,
    #[cfg(feature = "tracing")]
    pub(crate) spans: crate::dispatch::ChildSpans,
    #[cfg(feature = "tracing")]
    pub(crate) sites: crate::dispatch::Sites,
}

impl<R: AsyncRead + Unpin> PipeSubscriber<R> {
    /// Creates a subscriber that reads from `reader` until its end of file.
    pub fn new(reader: R) -> Self {
        Self {
            reader: RecordReader::new(reader),
            label: None,
            label_in: LabelIn::default(),
            attach: vec![Attach::Label],
            escaping: Escaping::default(),
            max_level: LevelFilter::Trace,
            #[cfg(feature = "tracing")]
            spans: crate::dispatch::ChildSpans::default(),
            #[cfg(feature = "tracing")]
            sites: crate::dispatch::Sites::new(),
        }
    }

    /// Sets the label: the name of this child in the parent's log. By default there is none.
    ///
    /// It is a key-value, and many loggers do not show key-values; see [`label_in`](Self::label_in).
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets which part of a record shows the label: the key-values (the default), the target or the message.
    /// [`LabelIn`] says which of them suits which logger.
    pub fn label_in(mut self, place: LabelIn) -> Self {
        self.label_in = place;
        self
    }

    /// Sets the key-values that the parent adds to each record. A logger sees them before the child's own, in this
    /// order.
    ///
    /// The default is the label, if there is one and it is not shown [elsewhere](Self::label_in). A call replaces the
    /// default: to keep the label, name [`Attach::Label`] too.
    ///
    /// If a record has no value for an attached key, the key is left out. The name stays the parent's nevertheless: a
    /// child's own key `label` reaches the logger as `label_`, so that no child can claim the label of another through
    /// its own pipe.
    pub fn attach(mut self, attach: impl IntoIterator<Item = Attach>) -> Self {
        self.attach.clear();
        for key_value in attach {
            if !self.attach.contains(&key_value) {
                self.attach.push(key_value);
            }
        }
        self
    }

    /// Sets whether control characters are escaped before a logger sees them. By default they are.
    pub fn escaping(mut self, escaping: Escaping) -> Self {
        self.escaping = escaping;
        self
    }

    /// Sets the most verbose level that [`run_into`](Self::run_into), and the methods that read into `tracing`, hand on.
    /// The default is trace: all levels.
    ///
    /// [`run`](Self::run) uses [`log::max_level`] instead.
    pub fn max_level(mut self, level: LevelFilter) -> Self {
        self.max_level = level;
        self
    }

    /// Sets the length of the longest payload that a frame may have, in bytes. The default is 64 KiB
    /// ([`DEFAULT_MAX_FRAME_LENGTH`](record_proto::DEFAULT_MAX_FRAME_LENGTH)). If a frame announces a longer one, the
    /// stream is [corrupt](crate::StreamEnd::Corrupt).
    pub fn max_frame_length(mut self, bytes: usize) -> Self {
        self.reader.frames.set_max_frame_length(bytes);
        self
    }

    /// Sets how many bytes of unfinished records, those that come in fragments, may be held. Each record counts its own
    /// bytes and 256 more. The default is 4 MiB
    /// ([`DEFAULT_REASSEMBLY_LIMIT`](record_proto::DEFAULT_REASSEMBLY_LIMIT)).
    ///
    /// If the limit is exceeded, the unfinished records that began first are given up and
    /// [counted](crate::Summary::evicted). A single record that is too long is not among these; see
    /// [`record_limit`](Self::record_limit).
    pub fn reassembly_limit(mut self, bytes: usize) -> Self {
        self.reader.receiver.set_reassembly_limit(bytes);
        self
    }

    /// Sets the length of the longest record in fragments, in bytes of payload. The default is 384 KiB
    /// ([`DEFAULT_RECORD_LIMIT`](record_proto::DEFAULT_RECORD_LIMIT)). The records of `pipe-handler` have at most 320
    /// KiB by default.
    ///
    /// A longer record is given up and counted once as [malformed](crate::Summary::malformed). Its later fragments are
    /// ignored. If its process numbers its records, it is [missing](crate::Summary::missing) too. A record is also too
    /// long if it alone exceeds the [reassembly limit](Self::reassembly_limit).
    ///
    /// The reader does not yield while it decodes a record and calls the logger. So the limit bounds the time for which
    /// other tasks of the runtime wait for decoding and escaping.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::PipeSubscriber;
    /// use record_proto::{Encode, LogRecord, split};
    ///
    /// let mut payload = Vec::new();
    /// LogRecord::new(log::Level::Info, "worker", "x".repeat(9000)).encode(&mut payload);
    /// let mut stream = Vec::new();
    /// for fragment in split(&payload, None, 1, 4096) {
    ///     fragment.encode_frame(&mut stream);
    /// }
    ///
    /// let summary = PipeSubscriber::new(&stream[..]).record_limit(5000).run().await?;
    /// assert_eq!((summary.received, summary.malformed), (0, 1));
    /// # Ok(()) }
    /// ```
    pub fn record_limit(mut self, bytes: usize) -> Self {
        self.reader.receiver.set_record_limit(bytes);
        self
    }

    /// Sets how many values of a record are kept: pairs, items of lists, spans, sources of an error. The default is
    /// 8,192 ([`DEFAULT_VALUE_LIMIT`](record_proto::DEFAULT_VALUE_LIMIT)).
    ///
    /// The pair that goes beyond the limit, and all pairs after it, become one pair with the key `cut`. The record is
    /// received nevertheless. [`Payload::decode_with_limit`](record_proto::Payload::decode_with_limit) has the rules.
    ///
    /// A limit below 64 is not exact: a record that has at most 8 key-values, 8 pairs of context, and 48 spans and fields
    /// of spans, and no lists, maps, error or controls, may be kept whole.
    ///
    /// # Examples
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use pipe_subscriber::PipeSubscriber;
    /// use record_proto::{Encode, LogRecord, Value};
    ///
    /// let mut record = LogRecord::new(log::Level::Info, "worker", "many");
    /// record.key_values = (0..99).map(|n| (n.to_string(), n)).collect();
    /// let mut stream = Vec::new();
    /// record.encode_frame(&mut stream);
    ///
    /// let logs = PipeSubscriber::new(&stream[..]).value_limit(20);
    /// logs.run_with(|record| {
    ///     assert_eq!(record.key_values.len(), 21);
    ///     assert_eq!(record.key_values.get("cut"), Some(Value::from("… (cut after 20 pairs)")));
    /// }).await?;
    /// # Ok(()) }
    /// ```
    pub fn value_limit(mut self, values: usize) -> Self {
        self.reader.receiver.set_value_limit(values);
        self
    }

    /// Writes a copy of each frame to `writer`, as it was received: with its length, and including malformed and
    /// unknown frames. A frame that is not whole is not written. The frames of a shared buffer are among them, and so are
    /// dropped frames that are made of the counts in it.
    ///
    /// The frames are written in small pieces and in the task that reads: wrap a file in a
    /// [`BufWriter`](std::io::BufWriter). The writer is flushed and dropped at the end of the stream. After its first
    /// failure nothing more is written. The failure is among the [reasons](crate::Summary::reasons), and reading goes
    /// on.
    pub fn tee(mut self, writer: impl Write + Send + 'static) -> Self {
        self.reader.receiver.set_tee(Tee::new(writer));
        self
    }

    /// Limits the records that are handed on.
    pub(crate) fn with_rate_limit(mut self, limit: RateLimit) -> Self {
        self.reader.set_rate_limit(limit);
        self
    }

    /// Reads these streams too.
    #[cfg(feature = "capture")]
    pub(crate) fn with_capture(mut self, capture: CapturedStreams) -> Self {
        self.reader.set_capture(capture);
        self
    }

    /// Notes that the child's filter is off.
    pub(crate) fn with_filter_off(mut self) -> Self {
        self.reader.receiver.set_filter_off();
        self
    }

    /// Reads the rings of a shared buffer too; an error is why there are none. If the program asked for the buffer, the
    /// summary says if nobody used it.
    pub(crate) fn with_rings(
        mut self,
        rings: std::io::Result<Option<Rings>>,
        is_asked_for: bool,
    ) -> Self {
        match rings {
            Ok(Some(rings)) => self.reader.frames.set_rings(rings, is_asked_for),
            Ok(None) => {}
            Err(error) => self.reader.receiver.note_no_buffer(&error),
        }
        self
    }

    /// Notes that the reader is the pipe of a child, which sets `held_open` if it ends before its end of file, and reads
    /// `rings_are_busy`.
    pub(crate) fn with_child_pipe(
        mut self,
        held_open: Arc<AtomicBool>,
        rings_are_busy: Arc<AtomicBool>,
    ) -> Self {
        self.reader.receiver.set_child_pipe();
        self.reader.frames.set_held_open(held_open);
        self.reader.frames.set_rings_are_busy(rings_are_busy);
        self
    }
}
