//! `Fragment` and `split`: cutting a payload that is too long for one frame. `reassembler` joins the pieces.

use std::borrow::Cow;

/// The most bytes that a fragment's frame takes in addition to its piece of the record. The frame's length is included.
// Length, kind, array, pid, stream, index, last, and the head of the bytes.
pub const FRAGMENT_OVERHEAD: usize = 4 + 1 + 1 + 9 + 9 + 9 + 1 + 5;

/// A piece of a record that is too long for one frame.
///
/// The bytes of all fragments of one (pid, stream), index 0, 1, 2, ... until `last`, are one payload of a record.
/// Fragments of different streams may interleave. [`split`] makes fragments, and a
/// [`Reassembler`](crate::Reassembler) joins them.
///
/// ```
/// let pieces: Vec<_> = record_proto::split(&[0; 5000], Some(42), 0x1234, 4096).collect();
/// assert_eq!((pieces[0].index, pieces[0].last), (0, false));
/// assert_eq!((pieces[1].index, pieces[1].last), (1, true));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Fragment<'a> {
    /// The operating system's number of the process whose record it is.
    pub pid: Option<u64>,
    /// The fragment stream that it belongs to: a number that no other thread on the pipe has, for example 64 random
    /// bits for each thread.
    pub stream: u64,
    /// The position among the record's fragments, from 0.
    pub index: u64,
    /// Whether it is the record's last fragment.
    pub last: bool,
    /// The piece of the record's payload.
    pub bytes: Cow<'a, [u8]>,
}

impl<'a> Fragment<'a> {
    /// Creates the first and last fragment of a stream, without a pid.
    pub fn new(stream: u64, bytes: &'a [u8]) -> Self {
        Self {
            pid: None,
            stream,
            index: 0,
            last: true,
            bytes: Cow::Borrowed(bytes),
        }
    }
}

/// Cuts a record's payload into fragments whose frames, length included, are at most `max_frame` bytes.
///
/// # Panics
///
/// Panics if `max_frame` leaves no room for a single byte in addition to [`FRAGMENT_OVERHEAD`].
///
/// ```
/// use record_proto::{Encode, Progress, Reassembler, LogRecord, split};
///
/// let record = LogRecord::new(log::Level::Info, "app", "x".repeat(10_000));
/// let mut payload = Vec::new();
/// record.encode(&mut payload);
///
/// let mut reassembler = Reassembler::new();
/// for fragment in split(&payload, Some(42), 0x1234, 4096) {
///     if let Progress::Complete(joined) = reassembler.push(&fragment) {
///         assert_eq!(LogRecord::decode(&joined)?, record);
///     }
/// }
/// # Ok::<(), record_proto::PayloadError>(())
/// ```
pub fn split(
    payload: &[u8],
    pid: Option<u64>,
    stream: u64,
    max_frame: usize,
) -> impl Iterator<Item = Fragment<'_>> {
    let piece = max_frame
        .checked_sub(FRAGMENT_OVERHEAD)
        .filter(|&room| room > 0)
        .expect("a frame that has room beside a fragment's overhead");
    let count = payload.len().div_ceil(piece);
    payload
        .chunks(piece)
        .enumerate()
        .map(move |(index, bytes)| Fragment {
            pid,
            stream,
            index: index as u64,
            last: index + 1 == count,
            bytes: Cow::Borrowed(bytes),
        })
}
