//! The global logger and its level. It is one test in a process of its own, because both are global.

use std::{process::Command, sync::Mutex};

use log::{Level, LevelFilter, Log, Metadata, Record};
use pipe_subscriber::{LabelIn, LogRecord, PipeSubscriber, spawn};
use record_proto::Encode;

static SEEN: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Logger;

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() != "disabled"
    }

    fn log(&self, record: &Record<'_>) {
        SEEN.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

#[tokio::test]
async fn the_global_logger_and_its_level_filter_records_and_are_the_default_filter_of_children() {
    let mut stream = Vec::new();
    LogRecord::new(Level::Info, "worker", "info").encode_frame(&mut stream);
    LogRecord::new(Level::Debug, "worker", "debug").encode_frame(&mut stream);
    LogRecord::new(Level::Error, "disabled", "disabled").encode_frame(&mut stream);

    assert_eq!(handed_down(), "off", "there is no logger yet");
    assert_eq!(
        PipeSubscriber::new(&stream[..])
            .run()
            .await
            .unwrap()
            .received,
        3
    );

    log::set_logger(&Logger).unwrap();
    log::set_max_level(LevelFilter::Info);
    let summary = PipeSubscriber::new(&stream[..])
        .max_level(LevelFilter::Off)
        .run()
        .await
        .unwrap();
    assert_eq!(summary.received, 3);
    assert_eq!(*SEEN.lock().unwrap(), ["info"]);
    assert_eq!(handed_down(), "info");

    log::set_max_level(LevelFilter::Trace);
    let reader = std::io::Cursor::new(stream);
    let logs = PipeSubscriber::new(reader).label("w1");
    let thread = logs.label_in(LabelIn::Message).run_on_thread().unwrap();
    thread.join().unwrap().unwrap();
    assert_eq!(*SEEN.lock().unwrap(), ["info", "[w1] info", "[w1] debug"]);
    assert_eq!(handed_down(), "trace");
}

fn handed_down() -> String {
    let mut command = Command::new("sh");
    command
        .args(["-c", "printf %s $RECORD_PIPE_FILTER"])
        .stdout(std::process::Stdio::piped());
    let (child, _logs) = spawn(command).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap()
}
