//! Whole frames as a stream.

use std::time::Duration;

use log::Level;
use pipe_subscriber::{FrameKind, Frames, PipeSubscriber, Spawn, StreamEnd, Summary, WholeFrame};
use record_proto::{DEFAULT_RECORD_LIMIT, LogRecord, Payload, split};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio_stream::StreamExt;

use crate::child_support::{a_whole_process, send, shell, spawn_with_sleeper};
use crate::support::{Failing, Stream, record, within};

/// Returns all frames and the summary.
async fn read<R: AsyncRead + Unpin>(mut frames: Frames<R>) -> (Vec<WholeFrame>, Summary) {
    let mut all = Vec::new();
    while let Some(frame) = within(frames.next()).await {
        all.push(frame);
    }
    assert_eq!(within(frames.next()).await, None, "it stays ended");
    (all, frames.into_summary().unwrap())
}

/// Returns the frames as a stream has them.
fn joined(frames: &[WholeFrame]) -> Vec<u8> {
    let stream = frames.iter().fold(Stream::default(), |stream, frame| {
        stream.payload(frame.frame.payload())
    });
    stream.0
}

fn payload_of(record: &LogRecord<'_>) -> Vec<u8> {
    let mut payload = Vec::new();
    record_proto::Encode::encode(record, &mut payload);
    payload
}

/// Returns a record as `pipe-handler` sends it: with an instance of 32 bits.
fn plain(seq: u64) -> LogRecord<'static> {
    let mut record = record(7, seq);
    record.instance = Some(0xdead_beef);
    record
}

fn info(seq: u64) -> FrameKind {
    let level = Level::Info;
    FrameKind::Record { level, seq }
}

#[tokio::test]
async fn every_kind_of_frame_comes_as_it_was_sent() {
    let mut with_instance = record(8, 3);
    with_instance.instance = Some(0xabcd);
    // Not a plain record: its message has a control.
    with_instance.message = "a\tb".into();
    let stream = Stream::default()
        .hello(7)
        .record(7, 1)
        .dropped(7, [0, 1, 0, 0, 0])
        .frame(&with_instance)
        .payload(&[77, 0x90])
        .close(7, 1, 1);

    let (frames, summary) = read(stream.subscriber().frames()).await;
    assert_eq!(joined(&frames), stream.0);
    let parts: Vec<_> = frames
        .iter()
        .map(|frame| (frame.kind, frame.pid, frame.instance))
        .collect();
    let expected = [
        (FrameKind::Hello, Some(7), None),
        (info(1), Some(7), None),
        (FrameKind::Dropped, Some(7), None),
        (info(3), Some(8), Some(0xabcd)),
        (FrameKind::Unknown(77), None, None),
        (FrameKind::Close, Some(7), None),
    ];
    assert_eq!(parts, expected);
    let records = within(stream.subscriber().run_with(|_| {})).await.unwrap();
    assert_eq!(summary, records, "the figures are those of any other way");
}

#[tokio::test]
async fn fragments_are_joined_to_one_frame_and_others_keep_their_place() {
    let mut long = record(7, 1);
    long.level = Level::Warn;
    long.message = "x".repeat(DEFAULT_RECORD_LIMIT - 100).into();
    let payload = payload_of(&long);
    let mut stream = Stream::default().hello(7);
    for piece in split(&payload, Some(7), 11, 4096) {
        stream = match piece.last {
            true => stream.record(7, 2).frame(&piece),
            false => stream.frame(&piece),
        };
    }
    let (frames, summary) = read(stream.close(7, 2, 0).subscriber().frames()).await;
    let level = Level::Warn;
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    let long = FrameKind::Record { level, seq: 1 };
    assert_eq!(kinds, [FrameKind::Hello, info(2), long, FrameKind::Close]);
    assert_eq!(frames[2].frame.payload(), &payload);
    assert_eq!(frames[2].pid, Some(7));
    assert!(summary.is_complete(), "{summary:?}");
}

#[tokio::test]
async fn malformed_payloads_bells_and_lone_fragments_are_no_frames_and_are_counted_as_otherwise() {
    let long = payload_of(&record(7, 1)).repeat(100);
    let pieces: Vec<_> = split(&long, Some(7), 11, 1000).collect();
    let mut garbage = Stream::default().hello(7).payload(&[]).payload(&[1, 2, 3]);
    // Joined, they are no record; a bell; a fragment that follows nothing; a record that never becomes whole.
    for piece in &pieces {
        garbage = garbage.frame(piece);
    }
    let stream = garbage
        .payload(&[5, 0x90])
        .frame(&pieces[1])
        .frame(&pieces[0])
        .record(7, 2);

    let (frames, summary) = read(stream.subscriber().frames()).await;
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds, [FrameKind::Hello, info(2)]);
    assert_eq!((summary.malformed, summary.incomplete), (4, 1));
    let records = within(stream.subscriber().run_with(|_| {})).await.unwrap();
    assert_eq!(summary, records);
}

#[tokio::test]
async fn the_limits_of_values_and_of_records_hold_and_bytes_stay() {
    let mut many = record(7, 1);
    many.key_values = (0..100).map(|n| (n.to_string(), n)).collect();
    let mut stream = Stream::default().frame(&many);
    for piece in split(&payload_of(&record(7, 2)).repeat(2), Some(7), 11, 100) {
        stream = stream.frame(&piece);
    }
    let logs = stream.subscriber().value_limit(20).record_limit(60);
    let (frames, summary) = read(logs.frames()).await;
    let Ok(Payload::Record(decoded)) = frames[0].frame.decode() else {
        panic!("a record");
    };
    assert_eq!(decoded.key_values.len(), 100);
    assert_eq!((frames.len(), summary.malformed), (1, 1));
}

#[tokio::test]
async fn a_frame_comes_as_soon_as_it_is_there_and_none_is_lost_by_a_select() {
    let (mut writer, reader) = tokio::io::duplex(10_000);
    let mut frames = PipeSubscriber::new(reader).frames();
    let mut seqs = Vec::new();
    for seq in 1..=300 {
        let stream = Stream::default().record(7, seq).0;
        let (first, second) = stream.split_at(stream.len() / 2);
        writer.write_all(first).await.unwrap();
        tokio::select! {
            biased;
            frame = frames.next() => panic!("half a frame: {frame:?}"),
            () = std::future::ready(()) => {}
        }
        writer.write_all(second).await.unwrap();
        seqs.push(within(frames.next()).await.unwrap().kind.seq().unwrap());
    }
    assert_eq!(seqs, (1..=300).collect::<Vec<_>>());
    drop(writer);
    assert_eq!(within(frames.next()).await, None);
    assert_eq!(frames.summary().unwrap().received, 300);
}

#[tokio::test]
async fn frames_that_are_kept_keep_their_bytes() {
    let stream = (0..20_000).fold(Stream::default(), |stream, seq| stream.record(7, seq));
    let (frames, summary) = read(stream.subscriber().frames()).await;
    assert_eq!(joined(&frames), stream.0);
    assert_eq!(summary.received, 20_000);
}

#[tokio::test]
async fn ends_and_errors_are_those_of_records() {
    let corrupt = Stream::default().record(7, 1).payload(&[0; 70_000]);
    let (frames, summary) = read(corrupt.subscriber().frames()).await;
    assert_eq!((frames.len(), summary.end), (1, StreamEnd::Corrupt));

    let mut cut = Stream::default().hello(7).record(7, 1);
    cut.0.pop();
    let (frames, summary) = read(cut.subscriber().frames()).await;
    assert_eq!((frames.len(), summary.end), (1, StreamEnd::Truncated));

    let stream = Stream::default().record(7, 1).record(7, 2);
    let mut frames = PipeSubscriber::new((&stream.0[..]).chain(Failing)).frames();
    assert_eq!(frames.summary(), None);
    while within(frames.next()).await.is_some() {}
    assert_eq!(frames.error().unwrap().to_string(), "the cable is out");
    assert_eq!(frames.into_summary().unwrap_err().summary.received, 2);

    let mut frames = stream.subscriber().frames();
    within(frames.next()).await.unwrap();
    let summary = frames.into_summary().unwrap();
    assert_eq!((summary.received, summary.end), (1, StreamEnd::Open));
}

#[tokio::test]
async fn records_of_the_handler_come_as_they_were_sent() {
    let stream = Stream::default().frame(&plain(1)).frame(&plain(2));
    let (frames, summary) = read(stream.subscriber().frames()).await;
    assert_eq!(joined(&frames), stream.0);
    let parts = frames.iter().map(|f| (f.kind, f.pid, f.instance));
    let expected = [1, 2].map(|seq| (info(seq), Some(7), Some(0xdead_beef)));
    assert!(parts.eq(expected), "{frames:?}");
    assert_eq!(summary.received, 2);
}

#[tokio::test]
async fn a_tee_gets_the_frames_as_they_came() {
    let mut long = record(7, 1);
    long.message = "x".repeat(10_000).into();
    let payload = payload_of(&long);
    let mut stream = Stream::default().hello(7).frame(&plain(9)).payload(&[1, 2]);
    for piece in split(&payload, Some(7), 11, 4096) {
        stream = stream.frame(&piece);
    }
    let path = std::env::temp_dir().join(format!("frames-tee-{}", std::process::id()));
    let logs = stream
        .subscriber()
        .tee(std::fs::File::create(&path).unwrap());
    read(logs.frames()).await;
    let stored = std::fs::read(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert_eq!(stored, stream.0);
}

#[tokio::test]
async fn a_child_that_leaves_its_pipe_open_ends_after_the_grace_period() {
    let stream = a_whole_process();
    let (logs, _sleeper) = spawn_with_sleeper(&send(&stream), Duration::from_millis(20));
    let (frames, summary) = read(logs.frames()).await;
    assert_eq!(joined(&frames), stream.0);
    assert_eq!((summary.received, summary.end), (3, StreamEnd::HeldOpen));
}

#[tokio::test]
async fn a_rate_limit_leaves_frames_out_and_its_report_is_a_frame() {
    let stream = Stream::default().hello(7).records(7, 1..=9).close(7, 9, 0);
    let command = shell(&send(&stream));
    let (mut child, logs) = Spawn::new(command).rate_limit(0, 3).spawn().unwrap();
    let (frames, summary) = read(logs.frames()).await;
    child.wait().unwrap();
    let kinds: Vec<_> = frames.iter().map(|frame| frame.kind).collect();
    let level = Level::Warn;
    let report = FrameKind::Record { level, seq: 0 };
    let (hello, close) = (FrameKind::Hello, FrameKind::Close);
    assert_eq!(kinds, [hello, info(1), info(2), info(3), close, report]);
    assert_eq!((summary.received, summary.suppressed), (9, 6));
    let Ok(Payload::Record(report)) = frames[5].frame.decode() else {
        panic!("a record");
    };
    assert_eq!(report.message, "6 records suppressed by the rate limit");
}

#[cfg(feature = "capture")]
#[tokio::test]
async fn captured_lines_are_frames_with_a_close_of_their_own() {
    let script = format!("{}; echo one; echo two >&2", send(&a_whole_process()));
    let streams = pipe_subscriber::Streams::both();
    let (mut child, logs) = Spawn::new(shell(&script)).capture(streams).spawn().unwrap();
    let pid = u64::from(child.id());
    child.wait().unwrap();
    let (frames, summary) = read(logs.frames()).await;

    let of_lines: Vec<_> = frames
        .iter()
        .filter(|frame| frame.pid == Some(pid))
        .collect();
    let messages = of_lines.iter().map(|frame| match frame.frame.decode() {
        Ok(Payload::Record(record)) => record.message.to_string(),
        Ok(Payload::Close(close)) => format!("close {}", close.sent),
        other => panic!("{other:?}"),
    });
    assert_eq!(messages.collect::<Vec<_>>(), ["one", "two", "close 2"]);
    assert!(
        of_lines
            .iter()
            .all(|frame| frame.instance == of_lines[0].instance)
    );
    assert_eq!((frames.len(), summary.received), (5 + 3, 3));
    assert_eq!(summary.captured.len(), 2);
    assert!(summary.is_complete(), "{summary:?}");
}
