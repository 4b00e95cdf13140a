//! Batches of frames in memory.

use pipe_subscriber::PipeSubscriber;
use record_proto::{Close, Encode, LogRecord};
use tokio_stream::StreamExt;

use nats_relay::MAX_FRAME_LENGTH;

use super::*;

const DELAY: Duration = Duration::from_millis(10);

/// Returns records with messages of these lengths and a close frame: as frames, and as a stream.
async fn frames(lengths: &[usize]) -> (Vec<WholeFrame>, Vec<u8>) {
    let mut stream = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let level = [Level::Info, Level::Warn][number % 2];
        LogRecord::new(level, "worker", "x".repeat(*length)).encode_frame(&mut stream);
    }
    Close::new().encode_frame(&mut stream);
    let logs = PipeSubscriber::new(&stream[..]).max_frame_length(MAX_FRAME_LENGTH);
    let frames = logs.frames().collect().await;
    (frames, stream)
}

/// Returns the batches of these frames.
fn batches(frames: &[WholeFrame], alone: bool) -> Vec<Batch> {
    let relay = "00000000000000ff".parse().unwrap();
    let mut batcher = Batcher::new(relay, 17, alone, DELAY);
    let mut all = Vec::new();
    for frame in frames {
        batcher.push(frame);
        all.extend(std::iter::from_fn(|| batcher.take_finished()));
    }
    batcher.finish();
    all.extend(std::iter::from_fn(|| batcher.take_finished()));
    assert_eq!((batcher.pending(), batcher.due()), (0, None));
    assert_eq!(batcher.last(), Some(frames.len() as u64 - 1));
    all
}

#[tokio::test]
async fn batches_have_all_frames_in_order_and_keep_their_bound() {
    let lengths: Vec<usize> = (0..2000)
        .map(|n| n % 300)
        .chain([100_000, 0, 65_000, 65_000])
        .collect();
    let (frames, stream) = frames(&lengths).await;
    assert_eq!(frames.len(), lengths.len() + 1);
    let batches = batches(&frames, false);
    let mut next = 0;
    let mut joined = Vec::new();
    for Batch { headers, body } in &batches {
        assert_eq!(headers.first, next);
        assert!(body.len() <= MAX_BATCH || headers.count() == 1);
        joined.extend_from_slice(body);
        next = headers.last + 1;
    }
    assert_eq!(joined, stream);
    assert_eq!(next, frames.len() as u64);
    assert!(batches.len() < 12, "{}", batches.len());
    assert_eq!(batches[0].headers.level, Some(Level::Warn));
    assert_eq!(
        batches
            .iter()
            .filter(|batch| batch.body.len() > MAX_BATCH)
            .count(),
        1
    );
}

#[tokio::test]
async fn frames_that_go_alone_have_their_own_level() {
    let (frames, _) = frames(&[1, 2]).await;
    let batches = batches(&frames, true);
    let parts: Vec<_> = batches
        .iter()
        .map(|batch| (batch.headers.first, batch.headers.level))
        .collect();
    assert_eq!(
        parts,
        [(0, Some(Level::Info)), (1, Some(Level::Warn)), (2, None)]
    );
}

#[tokio::test]
async fn frames_that_are_not_taken_or_skipped_are_pending() {
    let (frames, _) = frames(&[1, 2]).await;
    let mut batcher = Batcher::new("00000000000000ff".parse().unwrap(), 17, false, DELAY);
    frames.iter().for_each(|frame| batcher.push(frame));
    assert!(batcher.due().is_some());
    batcher.finish();
    batcher.skip();
    assert_eq!((batcher.pending(), batcher.last()), (4, Some(3)));
    batcher.take_finished().unwrap();
    assert_eq!(batcher.pending(), 1);
}
