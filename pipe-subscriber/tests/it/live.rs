//! The figures of a stream while another task reads it, and the warnings about drops.

use std::sync::{Arc, OnceLock};

use log::{Level, Log, Metadata, Record};
use pipe_subscriber::{LiveSummary, PipeSubscriber, StreamEnd, Summary};
use tokio::io::{AsyncWriteExt, DuplexStream, duplex};
use tokio_stream::StreamExt;

use crate::support::{Capture, Stream, within};

const WARNING: &str = "dropped by the child, which found no room for them";

/// Waits until the figures are these.
async fn wait_for(live: &LiveSummary, is_there: impl Fn(&Summary) -> bool) -> Summary {
    within(async {
        loop {
            let summary = live.get();
            if is_there(&summary) {
                return summary;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

async fn write(pipe: &mut DuplexStream, stream: Stream) {
    pipe.write_all(&stream.0).await.unwrap();
}

#[tokio::test]
async fn the_figures_are_seen_while_another_task_reads() {
    let (mut pipe, read_end) = duplex(1 << 20);
    let mut logs = PipeSubscriber::new(read_end);
    let (live, again) = (logs.live_summary(), logs.live_summary());
    assert_eq!((live.get().received, live.get().end), (0, StreamEnd::Open));
    let reading = tokio::spawn(logs.run_into(Capture::new()));

    write(&mut pipe, Stream::default().hello(7).records(7, [1, 2, 5])).await;
    let summary = wait_for(&live, |summary| summary.received == 3).await;
    assert_eq!((summary.missing, summary.end), (2, StreamEnd::Open));
    assert!(summary.processes.is_empty());

    write(&mut pipe, Stream::default().dropped(7, [0, 0, 2, 0, 0])).await;
    let summary = wait_for(&again, |summary| summary.dropped == 2).await;
    assert_eq!((summary.missing, summary.dropped_by_level.0[2]), (0, 2));

    // More than a burst, of more processes than cost nothing.
    let many = (100..400).fold(Stream::default(), |stream, pid| {
        stream.hello(pid).record(pid, 1)
    });
    write(&mut pipe, many).await;
    let summary = wait_for(&live, |summary| summary.received == 303).await;
    assert_eq!(summary.unclosed, 301);

    write(&mut pipe, Stream::default().close(7, 3, 2)).await;
    drop(pipe);
    let summary = within(reading).await.unwrap().unwrap();
    assert_eq!(live.get(), summary);
    assert_eq!(summary.processes.len(), 301);
}

/// A logger that looks at the figures of the stream that calls it.
struct Looking(OnceLock<LiveSummary>);

impl Log for Looking {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, _: &Record<'_>) {
        assert_eq!(self.0.get().unwrap().get().end, StreamEnd::Open);
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn a_logger_may_look_at_the_figures() {
    let stream = Stream::default()
        .hello(7)
        .records(7, 1..=200)
        .close(7, 200, 0);
    let mut logs = stream.subscriber();
    let logger = Arc::new(Looking(OnceLock::new()));
    logger.0.set(logs.live_summary()).unwrap();
    let summary = within(logs.run_into(logger)).await.unwrap();
    assert_eq!((summary.received, summary.logger_panics), (200, 0));
}

#[tokio::test]
async fn the_last_figures_stay_if_the_subscriber_is_dropped() {
    let (mut pipe, read_end) = duplex(1 << 20);
    let mut logs = PipeSubscriber::new(read_end);
    let live = logs.live_summary();
    write(&mut pipe, Stream::default().hello(7).record(7, 1)).await;
    within(logs.run_with_until(|_| {}, wait_for(&live, |summary| summary.received == 1))).await;
    drop(logs);
    assert_eq!((live.get().received, live.get().end), (1, StreamEnd::Open));
}

/// Returns the messages and key-values of the warnings that a logger got.
fn warnings(logger: &Capture) -> Vec<String> {
    let entries = logger.entries();
    let warnings = entries
        .iter()
        .filter(|entry| entry.target == "pipe_subscriber");
    warnings
        .map(|entry| {
            assert_eq!(entry.level, Level::Warn);
            format!("{} {:?}", entry.message, entry.key_values)
        })
        .collect()
}

#[tokio::test]
async fn drops_are_shown_at_once_and_the_rest_at_the_end() {
    let (mut pipe, read_end) = duplex(1 << 20);
    let mut logs = PipeSubscriber::new(read_end).label("w1");
    let live = logs.live_summary();
    let logger = Capture::new();
    let reading = tokio::spawn(logs.run_into(logger.clone()));

    write(
        &mut pipe,
        Stream::default().hello(7).dropped(7, [0, 0, 3, 0, 0]),
    )
    .await;
    wait_for(&live, |_| warnings(&logger).len() == 1).await;
    for _ in 0..100 {
        write(&mut pipe, Stream::default().dropped(7, [0, 1, 1, 0, 0])).await;
    }
    wait_for(&live, |summary| summary.dropped == 203).await;
    assert_eq!(warnings(&logger).len(), 1, "not again so soon");

    // Five drops that only the close frame reports, without levels.
    write(&mut pipe, Stream::default().close(7, 0, 208)).await;
    drop(pipe);
    let summary = within(reading).await.unwrap().unwrap();
    assert_eq!(summary.dropped, 208);
    let shown = warnings(&logger);
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert!(shown[0].starts_with(&format!("3 records {WARNING}")));
    assert!(shown[1].starts_with(&format!("205 records {WARNING}")));
    for (shown, parts) in [
        (&shown[0], &["w1", "info", "3"][..]),
        (&shown[1], &["warn", "100"]),
    ] {
        assert!(parts.iter().all(|part| shown.contains(part)), "{shown}");
    }
}

#[tokio::test]
async fn a_program_that_takes_the_records_itself_is_not_warned() {
    let stream = Stream::default()
        .hello(7)
        .dropped(7, [1; 5])
        .record(7, 6)
        .close(7, 1, 5);
    let mut seen = 0;
    let summary = within(stream.subscriber().run_with(|_| seen += 1))
        .await
        .unwrap();
    assert_eq!((seen, summary.dropped), (1, 5));
    assert_eq!(
        stream
            .subscriber()
            .records()
            .collect::<Vec<_>>()
            .await
            .len(),
        1
    );

    // A logger that comes later gets the warning.
    let logger = Capture::new();
    let mut logs = stream.subscriber();
    within(logs.run_with_until(|_| {}, tokio::task::yield_now())).await;
    within(logs.run_into(logger.clone())).await.unwrap();
    assert_eq!(warnings(&logger).len(), 1);
}
