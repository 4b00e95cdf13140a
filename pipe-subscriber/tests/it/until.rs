//! The `run_..._until` methods: reading that stops and goes on.

use std::{
    future::{pending, ready},
    pin::pin,
    task::{Context, Waker},
};

use pipe_subscriber::{PipeSubscriber, ReadError, StreamEnd};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
    task::yield_now,
};

use crate::support::{Capture, Failing, Stream, within};

fn all() -> Stream {
    Stream::default()
        .hello(7)
        .records(7, 1..=1_000)
        .close(7, 1_000, 0)
}

/// Polls a future once and drops it.
fn poll_once(future: impl Future) {
    let mut cx = Context::from_waker(Waker::noop());
    let _dropped = pin!(future).poll(&mut cx);
}

fn messages() -> Vec<String> {
    (1..=1_000).map(|seq| format!("record {seq}")).collect()
}

#[tokio::test]
async fn a_run_that_is_cancelled_at_every_poll_loses_nothing() {
    let stream = all().0;
    // A few bytes at a time, so that the reader waits within frames too.
    let (mut writer, reader) = tokio::io::duplex(10);
    let write = tokio::spawn(async move { writer.write_all(&stream).await });
    let mut logs = PipeSubscriber::new(reader);
    let capture = Capture::new();
    while logs.summary().end == StreamEnd::Open {
        tokio::select! {
            biased;
            () = logs.run_into_until(&capture, pending()) => unreachable!("it waits for ever"),
            () = yield_now() => {}
        }
    }
    let summary = within(logs.run_into(&capture)).await.unwrap();
    assert_eq!(capture.messages(), messages());
    assert!(summary.is_complete(), "{summary}");
    write.await.unwrap().unwrap();
}

#[tokio::test]
async fn each_run_method_goes_on_after_any_other_one() {
    let stream = all();
    let mut logs = stream.subscriber();
    let capture = Capture::new();
    let mut shown = 0;
    let mut last = logs.summary().received;
    for turn in 0.. {
        match turn % 3 {
            0 => poll_once(logs.run_into_until(&capture, pending::<()>())),
            1 => poll_once(logs.run_with_until(|_| shown += 1, pending::<()>())),
            // Hands on to the global logger, which is not set.
            _ => poll_once(logs.run_until(pending::<()>())),
        }
        let summary = logs.summary();
        assert!(summary.received > last, "each poll goes on");
        assert_eq!(summary.end, StreamEnd::Open);
        last = summary.received;
        if last > 500 {
            break;
        }
    }
    assert!(shown > 0 && !capture.entries().is_empty());
    let mut records = logs.records();
    let next = within(tokio_stream::StreamExt::next(&mut records)).await;
    assert_eq!(next.unwrap().seq, last + 1);
    let summary = records.into_summary().unwrap();
    assert_eq!((summary.received, summary.end), (last + 1, StreamEnd::Open));
}

#[tokio::test]
async fn records_that_arrived_before_the_future_was_ready_are_handed_on_by_the_next_run() {
    let stream = all();
    let capture = Capture::new();
    let mut logs = stream.subscriber();
    assert_eq!(within(logs.run_into_until(&capture, ready(7))).await, 7);
    let so_far = logs.summary();
    assert_eq!(so_far.received, capture.entries().len() as u64);
    assert_eq!((so_far.end, so_far.is_complete()), (StreamEnd::Open, false));
    let summary = within(logs.run_into(&capture)).await.unwrap();
    assert_eq!(capture.messages(), messages());
    assert!(summary.is_complete());
}

#[tokio::test]
async fn a_stream_that_ends_first_leaves_the_future_to_be_waited_for() {
    let stream = all();
    let mut logs = stream.subscriber();
    let (send, receive) = oneshot::channel();
    let mut seen = 0;
    let run = logs.run_with_until(
        |_| {
            seen += 1;
        },
        receive,
    );
    let (got, ()) = within(async {
        tokio::join!(run, async {
            for _ in 0..100 {
                yield_now().await;
            }
            send.send("exited").unwrap();
        })
    })
    .await;
    assert_eq!((got, seen), (Ok("exited"), 1_000));
    let summary = logs.summary();
    assert_eq!(summary.end, StreamEnd::Clean, "it has ended");
    assert_eq!(within(logs.run_until(ready(1))).await, 1, "and stays ended");
    assert_eq!(within(logs.run()).await.unwrap(), summary);
}

#[tokio::test]
async fn a_read_error_waits_for_the_next_run() {
    let stream = Stream::default().record(7, 1);
    let mut logs = PipeSubscriber::new((&stream.0[..]).chain(Failing));
    for _ in 0..3 {
        poll_once(logs.run_until(pending::<()>()));
    }
    assert_eq!(logs.summary().end, StreamEnd::Eof);
    let error: ReadError = within(logs.run()).await.unwrap_err();
    assert_eq!(error.summary.received, 1);
    assert_eq!(error.source.to_string(), "the cable is out");
}

#[tokio::test]
async fn the_figures_so_far_have_the_error_of_a_corrupt_stream() {
    let (mut writer, reader) = tokio::io::duplex(1_000);
    let stream = Stream::default().hello(7).record(7, 1).0;
    writer.write_all(&stream).await.unwrap();
    writer.write_all(&[0xff; 10]).await.unwrap();
    let mut logs = PipeSubscriber::new(reader);
    poll_once(logs.run_until(pending::<()>()));
    let open = logs.summary();
    assert_eq!((open.end, open.received), (StreamEnd::Open, 1));
    assert_eq!(open.reasons.len(), 1, "{:?}", open.reasons);
    drop(writer);
    let summary = within(logs.run()).await.unwrap();
    assert_eq!((summary.end, summary.received), (StreamEnd::Corrupt, 1));
    assert_eq!(summary.reasons, open.reasons);
}

#[tokio::test]
async fn settings_may_change_between_two_runs() {
    let stream = Stream::default().records(7, 1..=1_000).0;
    let too_long = Stream::default().payload(&[99; 300]).0;
    let mut logs = PipeSubscriber::new((&stream[..]).chain(&too_long[..]));
    let capture = Capture::new();
    poll_once(logs.run_into_until(&capture, pending::<()>()));
    let before = capture.entries().len();
    let logs = logs.label("later").max_frame_length(299);
    let summary = within(logs.run_into(&capture)).await.unwrap();
    assert_eq!((summary.received, summary.end), (1_000, StreamEnd::Corrupt));
    let labelled = |entry: &crate::support::Entry| entry.pairs() == [("label", "later")];
    let entries = capture.entries();
    assert!(!entries[..before].iter().any(labelled) && entries[before..].iter().all(labelled));
    let place = format!("byte {}", stream.len());
    assert!(summary.reasons[0].contains(&place), "{:?}", summary.reasons);
}

/// Neither of the two may use up the budget that the runtime gives to a task.
#[tokio::test]
async fn a_future_that_always_has_work_does_not_keep_the_records_from_their_turn() {
    let (mut writer, mut busy) = tokio::io::duplex(1);
    let greedy = async {
        let mut byte = [0];
        loop {
            tokio::join!(async { writer.write_all(b"!").await.unwrap() }, async {
                busy.read_exact(&mut byte).await.unwrap()
            });
        }
    };
    let (mut records, reader) = tokio::io::duplex(100);
    let write = tokio::spawn(async move { records.write_all(&all().0).await });
    let mut logs = PipeSubscriber::new(reader);
    within(async {
        tokio::select! {
            _ = logs.run_until(greedy) => unreachable!("it has no end"),
            written = write => written.unwrap().unwrap(),
        }
    })
    .await;
    assert!(within(logs.run()).await.unwrap().is_complete());
}

#[test]
fn running_until_something_can_be_moved_to_another_thread() {
    fn is_send<T: Send>(_: &T) {}
    let (_writer, reader) = tokio::io::duplex(1);
    let mut logs = PipeSubscriber::new(reader);
    is_send(&logs.run_until(pending::<()>()));
    is_send(&logs.run_into_until(Capture::new(), pending::<()>()));
    is_send(&logs.run_with_until(|_| {}, pending::<()>()));
}
