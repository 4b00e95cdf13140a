//! The global dispatcher of tracing and its level. It is one test in a process of its own, because both are global.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    task::Poll,
};

use log::Level;
use pipe_subscriber::{LogRecord, PipeSubscriber, Spawn, spawn};
use record_proto::Encode;
use tokio::io::AsyncWriteExt;
use tracing::instrument::WithSubscriber;
use tracing_subscriber::fmt;

#[tokio::test]
async fn a_dispatcher_that_is_set_late_gets_records_and_its_level_is_the_default_filter_of_children()
 {
    let mut stream = Vec::new();
    let mut record = LogRecord::new(Level::Debug, "worker", "done");
    record.spans.push("req", &record_proto::KeyValues::new());
    record.encode_frame(&mut stream);
    let record_length = stream.len();
    LogRecord::new(Level::Trace, "worker", "trace").encode_frame(&mut stream);

    assert_eq!(
        handed_down(),
        "off",
        "there is neither logger nor subscriber"
    );
    let run = PipeSubscriber::new(&stream[..]).run_into_tracing();
    assert_eq!(run.await.unwrap().received, 2);

    // A logger, so that the larger level is not always tracing's.
    log::set_max_level(log::LevelFilter::Info);
    assert_eq!(handed_down(), "info");

    // No tracing-log: the level of `log` stays as it is.
    let lines = Text::default();
    let writer = lines.clone();
    let subscriber = fmt()
        .with_max_level(tracing::Level::DEBUG)
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::set_global_default(subscriber).unwrap();
    assert_eq!(log::max_level(), log::LevelFilter::Info);
    assert_eq!(handed_down(), "debug");
    log::set_max_level(log::LevelFilter::Trace);
    assert_eq!(handed_down(), "trace");

    let frame = &stream[..record_length];
    spans_are_made_again_for_a_scoped_default(frame, &lines).await;

    let mut logs = PipeSubscriber::new(&stream[..]);
    logs.run_into_tracing_until(async {}).await;
    logs.run_into_tracing().await.unwrap();
    assert_eq!(lines.take(), "DEBUG req: worker: done\n");

    let logs = PipeSubscriber::new(io::Cursor::new(stream));
    let thread = logs.run_into_tracing_on_thread().unwrap();
    assert_eq!(thread.join().unwrap().unwrap().received, 2);
    assert_eq!(lines.take(), "DEBUG req: worker: done\n");
}

/// The spans that are kept open are those of one dispatcher.
async fn spans_are_made_again_for_a_scoped_default(frame: &[u8], global: &Text) {
    let lines = Text::default();
    let writer = lines.clone();
    let scoped = fmt()
        .with_max_level(tracing::Level::DEBUG)
        .without_time()
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let (mut child, parent) = tokio::io::duplex(10_000);
    let mut run = pin!(PipeSubscriber::new(parent).run_into_tracing());

    child.write_all(frame).await.unwrap();
    let is_pending = poll_fn(|cx| Poll::Ready(run.as_mut().poll(cx).is_pending())).await;
    assert!(is_pending);
    assert_eq!(global.take(), "DEBUG req: worker: done\n");

    child.write_all(frame).await.unwrap();
    drop(child);
    let summary = run.with_subscriber(scoped).await.unwrap();
    assert_eq!((summary.received, summary.logger_panics), (2, 0));
    assert_eq!(lines.take(), "DEBUG req: worker: done\n");
    assert_eq!(global.take(), "");
}

fn handed_down() -> String {
    let mut command = Command::new("sh");
    command
        .args(["-c", "printf %s $RECORD_PIPE_FILTER"])
        .stdout(Stdio::piped());
    let (child, _logs) = spawn(command).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}

#[test]
fn a_filter_that_was_set_is_handed_down_as_it_is() {
    let mut command = Command::new("sh");
    command
        .args(["-c", "printf %s $RECORD_PIPE_FILTER"])
        .stdout(Stdio::piped());
    let (child, _logs) = Spawn::new(command).filter("warn,a=trace").spawn().unwrap();
    let output = child.wait_with_output().unwrap().stdout;
    assert_eq!(String::from_utf8(output).unwrap(), "warn,a=trace");
}

#[derive(Clone, Default)]
struct Text(Arc<Mutex<Vec<u8>>>);

impl Text {
    fn take(&self) -> String {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(bytes).unwrap()
    }
}

impl io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
