//! `WholeFrame`: a frame that was checked and counted, as it came.

use log::Level;
use record_proto::{Encode, Frame, LogRecord, Payload};

/// The pid and the instance of a process.
pub(super) type Process = (Option<u64>, Option<u32>);

/// A whole frame of a child, as it came, with what its reader knows about it.
///
/// [`PipeSubscriber::frames`](crate::PipeSubscriber::frames) yields these. The payload was decoded once, to check and to
/// count it; [`Frame::decode`] decodes it again for those who need its contents.
///
/// The fields are the child's claims. A frame that a child makes up on purpose can have any pid, instance and seq.
///
/// # Examples
///
/// The frame with its length in front, as it stands on a stream:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")] async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pipe_subscriber::{FrameKind, PipeSubscriber};
/// use record_proto::{Encode, LogRecord};
/// use tokio_stream::StreamExt;
///
/// let mut stream = Vec::new();
/// LogRecord::new(log::Level::Warn, "worker", "hello").encode_frame(&mut stream);
///
/// let mut frames = PipeSubscriber::new(&stream[..]).frames();
/// let whole = frames.next().await.expect("a frame");
/// assert_eq!(whole.kind, FrameKind::Record { level: log::Level::Warn, seq: 0 });
///
/// let payload = whole.frame.payload();
/// let mut copy = u32::try_from(payload.len())?.to_be_bytes().to_vec();
/// copy.extend_from_slice(payload);
/// assert_eq!(copy, stream);
/// # Ok(()) }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct WholeFrame {
    /// The bytes. They share the memory of the read buffer, up to 64 KiB, with the frames that were read with them: copy
    /// those that are kept for long.
    pub frame: Frame,
    /// What the frame is.
    pub kind: FrameKind,
    /// The operating system's number of the process that sent the frame, if the frame has one.
    pub pid: Option<u64>,
    /// The random number by which the process tells itself apart from others of the same pid, if the frame has one.
    pub instance: Option<u32>,
}

/// What a [`WholeFrame`] is.
///
/// ```
/// use pipe_subscriber::FrameKind;
///
/// let kind = FrameKind::Record { level: log::Level::Error, seq: 7 };
/// assert_eq!((kind.level(), kind.seq()), (Some(log::Level::Error), Some(7)));
/// assert_eq!(FrameKind::Close.level(), None);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FrameKind {
    /// A process begins.
    Hello,
    /// A record, whole. If it came in fragments, they are joined.
    Record {
        /// The level of the record.
        level: Level,
        /// The number of the log call in its process, from 1. 0 if its writer does not count.
        seq: u64,
    },
    /// A process reports drops.
    Dropped,
    /// A process ends.
    Close,
    /// A frame of a later version, with this first byte.
    Unknown(u8),
}

impl FrameKind {
    /// Returns the level, if this is a record.
    pub fn level(self) -> Option<Level> {
        match self {
            Self::Record { level, .. } => Some(level),
            _ => None,
        }
    }

    /// Returns the number of the record in its process, if this is a record.
    pub fn seq(self) -> Option<u64> {
        match self {
            Self::Record { seq, .. } => Some(seq),
            _ => None,
        }
    }
}

impl WholeFrame {
    pub(super) fn new(frame: Frame, kind: FrameKind, (pid, instance): Process) -> Self {
        Self {
            frame,
            kind,
            pid,
            instance,
        }
    }

    /// Returns the frame of a record that this process has made.
    pub(crate) fn of_record(record: &LogRecord<'_>) -> Self {
        let (kind, process) = record_parts(record);
        Self::new(encoded(record), kind, process)
    }

    /// Returns the frame of a close that this process has made.
    #[cfg(feature = "capture")]
    pub(crate) fn of_close(close: &record_proto::Close) -> Self {
        let process = (close.pid, close.instance);
        Self::new(encoded(close), FrameKind::Close, process)
    }
}

/// Returns the kind and the process of a payload. `first` is its first byte.
pub(super) fn parts(payload: &Payload<'_>, first: u8) -> (FrameKind, Process) {
    match payload {
        Payload::Hello(hello) => (FrameKind::Hello, (hello.pid, hello.instance)),
        Payload::Record(record) => record_parts(record),
        Payload::Dropped(dropped) => (FrameKind::Dropped, (dropped.pid, dropped.instance)),
        Payload::Close(close) => (FrameKind::Close, (close.pid, close.instance)),
        _ => (FrameKind::Unknown(first), (None, None)),
    }
}

pub(super) fn record_parts(record: &LogRecord<'_>) -> (FrameKind, Process) {
    let (level, seq) = (record.level, record.seq);
    (
        FrameKind::Record { level, seq },
        (record.pid, record.instance),
    )
}

fn encoded(payload: &impl Encode) -> Frame {
    let mut bytes = Vec::new();
    payload.encode(&mut bytes);
    Frame::new(bytes)
}
