//! Frames on a byte stream, however the stream is cut into reads.
#![cfg(feature = "codec")]

mod common;

use std::{
    collections::VecDeque,
    io,
    pin::Pin,
    task::{Context, Poll},
};

use bytes::BytesMut;
use common::{frame, frame_of, golden, golden_names, payload, record_of};
use futures_util::SinkExt;
use record_proto::{
    Close, CodecError, DEFAULT_MAX_FRAME_LENGTH, Frame, HEAD_LENGTH, Payload, Reason, RecordCodec,
};
use tokio::io::{AsyncRead, ReadBuf};
use tokio_stream::StreamExt;
use tokio_util::codec::{Decoder, Encoder, FramedRead, FramedWrite};

#[test]
fn one_frame_in_one_read_is_one_item() {
    let record = record_of("hello");
    let items = read([frame(&record)]);
    let [Ok(only)] = &items[..] else {
        panic!("{items:?}")
    };
    assert_eq!(only.decode(), Ok(Payload::Record(record)));
}

#[test]
fn many_frames_in_one_read_are_items_in_order() {
    let items = read([three_frames().concat()]);
    assert_eq!(messages(&items), ["one", "two", "three"]);
}

#[test]
fn an_empty_stream_has_no_items() {
    assert!(read([]).is_empty());
}

#[test]
fn a_stream_split_at_any_byte_has_the_same_items() {
    let stream = three_frames().concat();
    for at in 0..=stream.len() {
        let (front, back) = stream.split_at(at);
        let items = read([front.to_vec(), back.to_vec()]);
        assert_eq!(messages(&items), ["one", "two", "three"], "split at {at}");
    }
}

#[test]
fn a_stream_that_arrives_byte_by_byte_has_the_same_items() {
    let stream = three_frames().concat();
    let items = read(stream.iter().map(|&byte| vec![byte]));
    assert_eq!(messages(&items), ["one", "two", "three"]);
}

#[test]
fn golden_frames_one_behind_the_other_are_read_at_any_chunk_size() {
    let frames: Vec<_> = golden_names().iter().map(|name| golden(name)).collect();
    let stream = frames.concat();
    for size in [1, 3, 7, 64, 1000] {
        let items = read(stream.chunks(size).map(<[u8]>::to_vec));
        let read: Vec<_> = items.iter().map(|item| item.as_ref().unwrap()).collect();
        assert_eq!(read.len(), frames.len(), "chunks of {size}");
        for (read, sent) in read.iter().zip(&frames) {
            assert_eq!(read.payload()[..], sent[HEAD_LENGTH..]);
        }
    }
}

#[test]
fn batches_have_the_same_payloads_and_the_same_end() {
    let mut streams = vec![three_frames().concat(), Vec::new()];
    streams.push([&three_frames().concat()[..], &[0xff; 9]].concat());
    for stream in streams {
        for cut in 0..=stream.len() {
            for size in [1, 5, 16, 1000] {
                let one_by_one =
                    decode_in_chunks(RecordCodec::new(), &stream[..cut], size, |frame| {
                        vec![frame.payload().to_vec()]
                    });
                let batched = RecordCodec::new().batched();
                let batched = decode_in_chunks(batched, &stream[..cut], size, |mut batch| {
                    let mut payloads = Vec::new();
                    while let Some(payload) = batch.next_payload() {
                        payloads.push(payload.to_vec());
                    }
                    assert!(batch.is_empty());
                    payloads
                });
                assert_eq!(batched, one_by_one, "cut at {cut}, chunks of {size}");
            }
        }
    }
}

/// All payloads, and the text of the error at the end.
fn decode_in_chunks<D: Decoder<Error = CodecError>>(
    mut codec: D,
    stream: &[u8],
    size: usize,
    payloads: impl Fn(D::Item) -> Vec<Vec<u8>>,
) -> (Vec<Vec<u8>>, Option<String>) {
    let mut buffer = BytesMut::new();
    let mut all = Vec::new();
    for chunk in stream.chunks(size) {
        buffer.extend_from_slice(chunk);
        loop {
            match codec.decode(&mut buffer) {
                Ok(Some(item)) => all.extend(payloads(item)),
                Ok(None) => break,
                Err(error) => return (all, Some(error.to_string())),
            }
        }
    }
    let mut end = codec.decode_eof(&mut buffer);
    while let Ok(Some(item)) = end {
        all.extend(payloads(item));
        end = codec.decode_eof(&mut buffer);
    }
    (all, end.err().map(|error| error.to_string()))
}

#[test]
fn a_stream_cut_at_any_byte_ends_as_truncated_with_what_arrived() {
    let frames = three_frames();
    let stream = frames.concat();
    let starts = [0, frames[0].len(), frames[0].len() + frames[1].len()];
    for cut in 0..=stream.len() {
        let mut items = read([stream[..cut].to_vec()]);
        let whole = (1..=3)
            .filter(|&n| frames[..n].concat().len() <= cut)
            .count();
        let start = starts.get(whole).copied().unwrap_or(stream.len());
        if cut > start {
            match items.pop() {
                Some(Err(CodecError::Truncated { have, offset })) => {
                    assert_eq!((have, offset), (cut - start, start as u64), "cut at {cut}");
                }
                other => panic!("cut at {cut}: {other:?}"),
            }
        }
        assert_eq!(messages(&items), ["one", "two", "three"][..whole]);
    }
}

#[test]
fn a_head_with_nothing_behind_it_is_truncated() {
    for length in [0_u32, 1, 300] {
        let items = read([frame(&record_of("one")), length.to_be_bytes().to_vec()]);
        let expected = frame(&record_of("one")).len() as u64;
        match (length, &items[1]) {
            // Nothing is missing from an empty payload.
            (0, Ok(frame)) => assert!(frame.payload().is_empty()),
            (_, Err(CodecError::Truncated { have: 4, offset })) => assert_eq!(*offset, expected),
            (_, other) => panic!("{length}: {other:?}"),
        }
        assert_eq!(items.len(), 2);
    }
}

#[test]
fn an_empty_payload_is_an_item_that_cannot_be_decoded() {
    let items = read([[frame_of(&[]), frame(&record_of("next"))].concat()]);
    let error = items[0].as_ref().unwrap().decode().unwrap_err();
    assert_eq!(error.reason(), Reason::Empty);
    assert_eq!(messages(&items[1..]), ["next"]);
}

#[test]
fn garbage_in_the_middle_costs_one_item_and_the_stream_goes_on() {
    let garbage = [0xc1; 100];
    let stream = [
        frame(&record_of("before")),
        frame_of(&garbage),
        frame_of(&[1, 0x95, 0xff]),
        frame(&record_of("after")),
    ];
    let items = read([stream.concat()]);
    assert_eq!(items.len(), 4);
    assert_eq!(messages(&items[..1]), ["before"]);
    assert_eq!(items[1].as_ref().unwrap().payload()[..], garbage);
    assert!(items[1].as_ref().unwrap().decode().is_err());
    assert!(items[2].as_ref().unwrap().decode().is_err());
    assert_eq!(messages(&items[3..]), ["after"]);
}

#[test]
fn a_length_above_the_maximum_ends_the_stream() {
    let too_long = 65_537_u32.to_be_bytes();
    let first = frame(&record_of("one"));
    let items = read([[&first[..], &too_long, &frame(&record_of("lost"))].concat()]);
    assert_eq!(messages(&items[..1]), ["one"]);
    match &items[1] {
        Err(CodecError::FrameTooLong {
            length,
            max,
            offset,
        }) => {
            assert_eq!((*length, *max), (65_537, DEFAULT_MAX_FRAME_LENGTH));
            assert_eq!(*offset, first.len() as u64);
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(items.len(), 2);
}

#[test]
fn a_length_above_the_maximum_is_seen_before_its_payload_is_there() {
    let mut codec = RecordCodec::new().with_max_frame_length(100);
    let mut buffer = BytesMut::from(&[0, 0, 0, 101][..]);
    let error = codec.decode(&mut buffer).unwrap_err();
    assert!(matches!(
        error,
        CodecError::FrameTooLong { length: 101, .. }
    ));
    assert!(buffer.capacity() < 1024, "nothing was reserved for it");
}

#[test]
fn a_payload_of_exactly_the_maximum_passes_in_both_directions() {
    let longest = payload(&record_of("hello")).len();
    for max in [longest - 1, longest, longest + 1] {
        let mut codec = RecordCodec::new().with_max_frame_length(max);
        assert_eq!(codec.max_frame_length(), max);
        let mut encoded = BytesMut::new();
        let written = codec.encode(&record_of("hello"), &mut encoded);
        assert_eq!(written.is_ok(), max >= longest);

        let mut stream = BytesMut::from(&frame(&record_of("hello"))[..]);
        let read = codec.decode(&mut stream);
        assert_eq!(read.is_ok(), max >= longest);
        if max >= longest {
            assert_eq!(encoded, frame(&record_of("hello"))[..]);
            assert!(read.unwrap().is_some() && stream.is_empty());
        }
    }
}

#[test]
fn the_default_maximum_is_64_kib_of_payload() {
    let empty = payload(&record_of("")).len();
    // Two more bytes for the head of a str16.
    let message = "x".repeat(64 * 1024 - empty - 2);
    let mut dst = BytesMut::new();
    let mut codec = RecordCodec::default();
    codec.encode(&record_of(&message), &mut dst).unwrap();
    assert_eq!(dst.len(), HEAD_LENGTH + 64 * 1024);
    assert!(codec.decode(&mut dst).unwrap().is_some());

    let message = message + "x";
    assert!(codec.encode(&record_of(&message), &mut dst).is_err());
}

#[test]
fn an_encode_error_leaves_dst_unchanged() {
    let mut codec = RecordCodec::new().with_max_frame_length(16);
    let mut dst = BytesMut::from(&b"before"[..]);
    let long = "x".repeat(100_000);

    let error = codec.encode(&record_of(&long), &mut dst).unwrap_err();
    assert!(matches!(error, CodecError::FrameTooLong { max: 16, .. }));
    assert_eq!(dst, b"before"[..]);

    let frame = Frame::new(payload(&record_of(&long)));
    assert!(codec.encode(frame, &mut dst).is_err());
    assert_eq!(dst, b"before"[..]);

    codec.encode(&Close::new(), &mut dst).unwrap();
    assert_eq!(dst, b"before\0\0\0\x06\x04\x94\xc0\xc0\0\0"[..]);
}

#[test]
fn a_received_frame_is_passed_on_as_it_came_even_if_it_cannot_be_decoded() {
    let stream = [golden("newer-record"), frame_of(&[]), frame_of(&[0xc1; 9])].concat();
    let mut dst = BytesMut::new();
    for frame in read([stream.clone()]) {
        RecordCodec::new().encode(frame.unwrap(), &mut dst).unwrap();
    }
    assert_eq!(dst, stream[..]);
}

#[test]
fn framed_write_sends_what_framed_read_takes() {
    let mut sink = FramedWrite::new(Vec::new(), RecordCodec::new());
    block_on(async {
        for message in ["one", "two", "three"] {
            sink.send(&record_of(message)).await.unwrap();
        }
    });
    let items = read([sink.into_inner()]);
    assert_eq!(messages(&items), ["one", "two", "three"]);
}

#[test]
fn a_read_error_is_passed_on_as_it_is() {
    struct Broken;
    impl AsyncRead for Broken {
        fn poll_read(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
        }
    }
    let mut frames = FramedRead::new(Broken, RecordCodec::new());
    match block_on(frames.next()) {
        Some(Err(CodecError::Io(error))) => {
            assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
        }
        other => panic!("{other:?}"),
    }
}

fn three_frames() -> [Vec<u8>; 3] {
    ["one", "two", "three"].map(|message| frame(&record_of(message)))
}

fn messages(items: &[Result<Frame, CodecError>]) -> Vec<String> {
    let message = |item: &Result<Frame, CodecError>| match item.as_ref().unwrap().decode() {
        Ok(Payload::Record(record)) => record.message.to_string(),
        other => panic!("{other:?}"),
    };
    items.iter().map(message).collect()
}

/// Reads a stream whose reads return one chunk each, until it ends or fails.
fn read(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<Result<Frame, CodecError>> {
    let mut frames = FramedRead::new(Chunks(chunks.into_iter().collect()), RecordCodec::new());
    block_on(async {
        let mut items = Vec::new();
        while let Some(item) = frames.next().await {
            items.push(item);
        }
        items
    })
}

struct Chunks(VecDeque<Vec<u8>>);

impl AsyncRead for Chunks {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // An empty read means the end; an empty chunk is none.
        while let Some(mut chunk) = self.0.pop_front() {
            let rest = chunk.split_off(chunk.len().min(buffer.remaining()));
            if !rest.is_empty() {
                self.0.push_front(rest);
            }
            if !chunk.is_empty() {
                buffer.put_slice(&chunk);
                break;
            }
        }
        Poll::Ready(Ok(()))
    }
}

fn block_on<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    runtime.unwrap().block_on(future)
}
