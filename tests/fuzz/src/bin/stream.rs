//! A stream of frames: whatever the pieces in which it comes, the same frames and the same end.

use bytes::BytesMut;
use futures_util::{Stream, future::poll_fn};
use record_proto::{CodecError, Frame, RecordCodec};
use std::pin::Pin;
use tokio_util::codec::{Encoder, FramedRead};

use fuzz::{
    ceiling,
    chunks::{Chunks, wait},
    driver,
    frames::{Stop, split},
    input::Input,
};

fn main() {
    driver::fuzz(one);
}

/// The longest payloads that a reader may allow.
const LONGEST: [usize; 4] = [64 * 1024, 0, 20, 300];

fn one(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let settings = input.u8();
    let longest = LONGEST[usize::from(settings & 3)];
    let capacity = [8192, 1][usize::from(settings >> 2 & 1)];
    let steps = input.sized();
    let stream = input.rest();

    let (payloads, stop) = split(stream, longest);
    let mut expected = payloads.iter();
    let codec = RecordCodec::new().with_max_frame_length(longest);
    // A frame, its buffer twice as long, and the buffer that it was.
    let end = ceiling::at_most(4 * (longest + capacity) + 4096, || {
        let frames = FramedRead::with_capacity(Chunks::new(stream, steps), codec, capacity);
        wait(read(frames, |frame| {
            assert_eq!(Some(&&**frame.payload()), expected.next())
        }))
    });
    assert_eq!(expected.len(), 0);
    assert_eq!(end, stop);
    written_again(&payloads, stream, longest);
}

/// Up to the end, and no further.
async fn read(mut frames: FramedRead<Chunks<'_>, RecordCodec>, mut see: impl FnMut(Frame)) -> Stop {
    let mut next = async || poll_fn(|cx| Pin::new(&mut frames).poll_next(cx)).await;
    loop {
        let error = match next().await {
            Some(Ok(frame)) => {
                see(frame);
                continue;
            }
            Some(Err(error)) => error,
            None => return Stop::Eof,
        };
        assert!(next().await.is_none(), "an error is the last item");
        assert!(error.to_string().is_ascii());
        return match error {
            CodecError::FrameTooLong { length, offset, .. } => Stop::TooLong { length, offset },
            CodecError::Truncated { have, offset } => Stop::Truncated { have, offset },
            other => panic!("{other}"),
        };
    }
}

fn written_again(payloads: &[&[u8]], stream: &[u8], longest: usize) {
    let mut codec = RecordCodec::new().with_max_frame_length(longest);
    let mut written = BytesMut::new();
    for payload in payloads {
        let frame = Frame::new(payload.to_vec());
        codec
            .encode(frame, &mut written)
            .expect("a frame that was allowed");
    }
    assert_eq!(written, stream[..written.len()]);
}
