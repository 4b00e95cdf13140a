//! Every prefix of a stream has the right end and all its whole records, in whatever pieces it arrives.
//!
//! `recorded.bin` is the recorded stream of five processes that wrote into one pipe: two of them at the same time and
//! in fragments, one killed.

use std::{
    collections::HashMap,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use pipe_subscriber::{LogRecord, PipeSubscriber, StreamEnd, Summary};
use record_proto::{DEFAULT_MAX_FRAME_LENGTH, HEAD_LENGTH, Payload, split};
use tokio::io::{AsyncRead, ReadBuf};

use crate::support::{Stream, record, within};

const RECORDED: &[u8] = include_bytes!("recorded.bin");

/// Returns a stream of frames of every kind, valid and malformed, short enough to read its prefixes byte by byte. It
/// has two processes, the first of which closes before the first frame of the second, and records without a pid.
fn made() -> Vec<u8> {
    let mut long = Vec::new();
    record_proto::Encode::encode(&record(8, 2), &mut long);
    let pieces: Vec<_> = split(&long, Some(8), 11, 53).collect();
    let mut stream = Stream::default().hello(7).records(7, 1..=2);
    stream = stream.payload(&[]).payload(&[99, 0x90]).record(7, 3);
    stream = stream.dropped(7, [0, 1, 0, 0, 2]).close(7, 3, 3);
    stream = stream.frame(&pieces[0]).hello(8).record(8, 1);
    for piece in &pieces[1..] {
        stream = stream.frame(piece).payload(&[1, 0x95, 0xc1]);
    }
    // A fragment without its start, and a start whose record stays unfinished.
    stream = stream.frame(&pieces[1]).frame(&pieces[0]);
    stream.close(8, 2, 0).record(None, 1).close(None, 1, 0).0
}

/// The records and counters that a reader must find in the first frames of a stream.
#[derive(Clone, Debug, Default, PartialEq)]
struct Found {
    records: Vec<Known>,
    malformed: u64,
    unknown: u64,
    dropped: [u64; 5],
    /// The processes that have sent anything, and whether each has closed.
    closed: HashMap<Option<u64>, bool>,
    /// The bytes of each unfinished record so far.
    open: HashMap<(Option<u64>, u64), Vec<u8>>,
}

/// The fields that identify a record in these streams.
type Known = (Option<u64>, u64, String);

fn known(record: &LogRecord<'_>) -> Known {
    (record.pid, record.seq, record.message.to_string())
}

impl Found {
    /// Returns the end of a stream that ends after a whole frame.
    fn end(&self) -> StreamEnd {
        match !self.closed.is_empty() && self.closed.values().all(|&closed| closed) {
            true => StreamEnd::Clean,
            false => StreamEnd::Eof,
        }
    }

    fn add(&mut self, payload: &[u8]) {
        match Payload::decode(payload) {
            Ok(Payload::Record(record)) => self.add_record(&record),
            Ok(Payload::Hello(hello)) => drop(self.closed.insert(hello.pid, false)),
            Ok(Payload::Close(close)) => drop(self.closed.insert(close.pid, true)),
            Ok(Payload::Dropped(dropped)) => {
                self.closed.entry(dropped.pid).or_default();
                for (sum, count) in self.dropped.iter_mut().zip(dropped.counts.0) {
                    *sum += count;
                }
            }
            // In these streams, later fragments come in order.
            Ok(Payload::Fragment(piece)) => {
                let key = (piece.pid, piece.stream);
                if piece.index == 0 {
                    self.open.insert(key, Vec::new());
                }
                match self.open.get_mut(&key) {
                    Some(open) => open.extend_from_slice(&piece.bytes),
                    None => self.malformed += 1,
                }
                if piece.last {
                    let joined = self.open.remove(&key).expect("a start");
                    self.add_record(&LogRecord::decode(&joined).expect("a record"));
                }
            }
            Ok(_) => self.unknown += 1,
            Err(_) => self.malformed += 1,
        }
    }

    fn add_record(&mut self, record: &LogRecord<'_>) {
        self.records.push(known(record));
        self.closed.entry(record.pid).or_default();
    }

    #[track_caller]
    fn check(&self, end: StreamEnd, (records, summary): (Vec<Known>, Summary), how: &str) {
        assert_eq!(summary.end, end, "{how}");
        assert_eq!(records, self.records, "{how}");
        let counts = [
            summary.received,
            summary.malformed,
            summary.unknown,
            summary.incomplete,
        ];
        let expected = [
            records.len() as u64,
            self.malformed,
            self.unknown,
            self.open.len() as u64,
        ];
        assert_eq!(counts, expected, "{how}");
        assert_eq!(summary.dropped_by_level.0, self.dropped, "{how}");
    }
}

/// Returns the offset at which each frame begins, and the state before it. The last entry is the whole stream.
fn states(stream: &[u8]) -> Vec<(usize, Found)> {
    let mut found = Found::default();
    let mut states = vec![(0, found.clone())];
    let mut at = 0;
    while at < stream.len() {
        let head = stream[at..at + HEAD_LENGTH].iter();
        let length = head.fold(0, |length, &byte| length << 8 | usize::from(byte));
        let payload = at + HEAD_LENGTH;
        at = payload + length;
        found.add(&stream[payload..at]);
        states.push((at, found.clone()));
    }
    states
}

/// A reader that returns a stream in pieces.
struct Pieces<'a, F> {
    stream: &'a [u8],
    at: usize,
    /// Returns the length of the next piece for an offset; 0 makes the reader wait.
    next: F,
}

impl<F: FnMut(usize) -> usize + Unpin> AsyncRead for Pieces<'_, F> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let at = self.at;
        let next = (self.next)(at);
        if next == 0 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let rest = &self.stream[at..];
        let piece = &rest[..next.min(rest.len()).min(buf.remaining())];
        buf.put_slice(piece);
        self.at += piece.len();
        Poll::Ready(Ok(()))
    }
}

async fn read(stream: &[u8], next: impl FnMut(usize) -> usize + Unpin) -> (Vec<Known>, Summary) {
    let mut records = Vec::new();
    let reader = Pieces {
        stream,
        at: 0,
        next,
    };
    let run = PipeSubscriber::new(reader).run_with(|record| records.push(known(record)));
    let summary = run.await.expect("a reader that does not fail");
    (records, summary)
}

fn whole(_: usize) -> usize {
    usize::MAX
}

/// Returns one byte, one byte, nothing, and so on.
fn bytes() -> impl FnMut(usize) -> usize {
    let mut count = 0;
    move |_| {
        count += 1;
        usize::from(count % 3 != 0)
    }
}

/// Returns everything up to `from` at once, and single bytes from there.
fn bytes_from(from: usize) -> impl FnMut(usize) -> usize {
    let mut bytes = bytes();
    move |at| match at < from {
        true => from - at,
        false => bytes(at),
    }
}

/// Returns pieces of random lengths, many of them short or empty; the seed selects the sequence.
fn random(seed: usize) -> impl FnMut(usize) -> usize {
    let mut state = seed as u64 | 1 << 40;
    move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let size = (state >> 32) as usize;
        match size % 4 {
            0 => 0,
            1 => 1 + size / 4 % 8,
            _ => 1 + size / 4 % 3000,
        }
    }
}

/// Returns the begin and the state of the frame at a cut, and the end of a stream that is cut there.
fn at_cut(states: &[(usize, Found)], cut: usize) -> (usize, &Found, StreamEnd) {
    let whole = states.iter().rev().find(|(at, _)| *at <= cut);
    let (at, found) = whole.expect("the state before all frames");
    let end = match *at == cut {
        true => found.end(),
        false => StreamEnd::Truncated,
    };
    (*at, found, end)
}

#[test]
fn the_streams_have_the_frames_that_the_tests_need() {
    let (_, recorded) = states(RECORDED).pop().unwrap();
    assert_eq!((recorded.records.len(), recorded.closed.len()), (9, 5));
    assert_eq!(recorded.end(), StreamEnd::Eof, "one process was killed");
    let lengths = recorded.records.iter().map(|(_, _, message)| message.len());
    assert_eq!(
        (lengths.clone().min(), lengths.max()),
        (Some(0), Some(5000))
    );

    let states = states(&made());
    let (_, made) = states.last().unwrap();
    assert_eq!(
        (made.records.len(), made.unknown, made.open.len()),
        (6, 1, 1)
    );
    assert!(made.malformed > 2 && made.end() == StreamEnd::Clean);
    let clean = states
        .iter()
        .filter(|(_, found)| found.end() == StreamEnd::Clean);
    assert!(clean.count() > 1, "also in the middle");
}

#[tokio::test]
async fn a_prefix_read_byte_by_byte_yields_its_whole_records_and_a_true_end() {
    let stream = made();
    let states = states(&stream);
    within(async {
        for cut in 0..=stream.len() {
            let (_, found, end) = at_cut(&states, cut);
            let result = read(&stream[..cut], bytes()).await;
            found.check(end, result, &format!("cut at {cut}"));
        }
    })
    .await;
}

#[tokio::test]
async fn every_prefix_of_a_recorded_stream_yields_its_whole_records_and_a_true_end() {
    let stream = [RECORDED, &made()].concat();
    let states = states(&stream);
    within(async {
        for cut in 0..=stream.len() {
            let (begun, found, end) = at_cut(&states, cut);
            let prefix = &stream[..cut];
            found.check(end, read(prefix, whole).await, &format!("{cut} whole"));
            let last = read(prefix, bytes_from(begun.max(cut.saturating_sub(64)))).await;
            found.check(end, last, &format!("{cut}, the last bytes one by one"));
            found.check(
                end,
                read(prefix, random(cut)).await,
                &format!("{cut} at random"),
            );
        }
    })
    .await;
}

/// Replaces the length of each frame in turn. The stream then ends at its end, right after the length, or 3 bytes
/// later.
#[tokio::test]
async fn an_impossible_length_is_corrupt_and_all_records_before_it_are_there() {
    let stream = [RECORDED, &made()].concat();
    let states = states(&stream);
    let least = DEFAULT_MAX_FRAME_LENGTH as u32 + 1;
    within(async {
        for (at, found) in &states[..states.len() - 1] {
            for length in [least, 1 << 24, 1 << 31, u32::MAX] {
                let mut stream = stream.clone();
                let after_length = at + HEAD_LENGTH;
                stream[*at..after_length].copy_from_slice(&length.to_be_bytes());
                for end in [stream.len(), after_length, after_length + 3] {
                    let how = format!("{length} at {at}, up to {end}");
                    let stream = &stream[..end.min(stream.len())];
                    found.check(StreamEnd::Corrupt, read(stream, whole).await, &how);
                    let seed = at + length as usize;
                    found.check(StreamEnd::Corrupt, read(stream, random(seed)).await, &how);
                }
                let result = read(&stream[..after_length - 1], bytes_from(*at)).await;
                found.check(StreamEnd::Truncated, result, "a length is four bytes");
            }
        }
    })
    .await;
}
