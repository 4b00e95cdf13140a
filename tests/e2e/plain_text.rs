//! The lines of real loggers: their levels and fields are recognised.
//!
//! `loggers/lines.txt` has the lines as the loggers wrote them, and is read by every run of the tests. The loggers
//! themselves run in the test that is ignored; with `UPDATE_LINES=1` it writes the file anew.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use log::Level;
use pipe_subscriber::{LogRecord, Spawn, Streams};
use record_proto::{Value, now};

use crate::support::within;

/// What is recognised in the lines of a logger.
#[derive(Clone, Copy, PartialEq)]
enum Shape {
    /// Nothing: there is no level in them.
    Plain,
    /// The level.
    Text,
    /// Everything: level, message, time, and fields with their types.
    Json,
    /// The same, but the time has no offset and stays a field.
    JsonLocalTime,
}

use Shape::*;

const PYTHON: [(&str, Shape); 10] = [
    ("logging_default", Text),
    ("logging_format", Text),
    ("logging_json", JsonLocalTime),
    ("loguru", Text),
    ("loguru_colours", Text),
    ("loguru_json", Json),
    ("structlog_console", Text),
    ("structlog_json", Json),
    ("absl", Text),
    ("logbook", Text),
];

const NODE: [(&str, Shape); 6] = [
    ("pino", Json),
    ("pino_pretty", Text),
    ("winston_json", Json),
    ("winston_simple", Text),
    ("bunyan", Json),
    ("log4js", Text),
];

const GO: [(&str, Shape); 12] = [
    ("go_log", Plain),
    ("slog_text", Text),
    ("slog_json", Json),
    ("logrus_text", Text),
    ("logrus_colours", Text),
    ("logrus_json", Json),
    ("zap_json", Json),
    ("zap_console", Text),
    ("zerolog_json", Json),
    ("zerolog_console", Text),
    ("glog", Text),
    ("klog", Text),
];

const RUST: [(&str, Shape); 8] = [
    ("env_logger", Text),
    ("fern", Text),
    ("flexi_logger", Text),
    ("simplelog", Text),
    ("tracing", Text),
    ("tracing_json", Json),
    ("rust_slog_json", Json),
    ("rust_slog_term", Text),
];

const C: [(&str, Shape); 1] = [("syslog", Plain)];

fn loggers() -> impl Iterator<Item = (&'static str, Shape)> {
    let all = PYTHON.iter().chain(&NODE).chain(&GO).chain(&RUST).chain(&C);
    all.copied()
}

/// Returns the command that logs the lines through this logger.
fn command(folder: &Path, name: &str) -> Command {
    let has = |loggers: &[(&str, Shape)]| loggers.iter().any(|(own, _)| *own == name);
    let mut command = match name {
        _ if has(&PYTHON) => {
            let mut command = Command::new(folder.join("venv/bin/python"));
            command.arg(folder.join("python.py"));
            command
        }
        _ if has(&NODE) => {
            let mut command = Command::new("node");
            command.arg(folder.join("node.js"));
            command
        }
        _ if has(&GO) => Command::new(folder.join("go-loggers")),
        _ if has(&RUST) => Command::new(folder.join("rust/debug/loggers")),
        _ => Command::new(folder.join("syslog")),
    };
    command.arg(name).env_remove("NO_COLOR");
    command
}

fn records(command: Command) -> Vec<LogRecord<'static>> {
    within(async {
        let streams = Streams::both()
            .stdout_level(Level::Trace)
            .stderr_level(Level::Trace)
            .recognise_levels();
        let spawn = Spawn::new(command).capture(streams);
        let (mut child, logs) = spawn.spawn().unwrap();
        let mut records = Vec::new();
        let run = logs.run_with(|record| records.push(record.clone().into_owned()));
        run.await.unwrap();
        assert!(child.wait().unwrap().success());
        records
    })
}

fn check(name: &str, shape: Shape, records: &[LogRecord<'_>], recorded_before: Option<u64>) {
    let expected = [
        (Level::Info, "ready"),
        (Level::Warn, "disk almost full"),
        (Level::Error, "cannot open"),
    ];
    assert_eq!(records.len(), expected.len(), "{name}: {records:#?}");
    for (record, (level, text)) in records.iter().zip(expected) {
        let context = format!("{name}: {record:#?}");
        match shape {
            Plain => assert_eq!(record.level, Level::Trace, "{context}"),
            _ => assert_eq!(record.level, level, "{context}"),
        }
        if matches!(shape, Plain | Text) {
            assert!(record.message.contains(text), "{context}");
            assert!(
                record.key_values.is_empty() && !record.message.contains('\x1b'),
                "{context}"
            );
            continue;
        }
        assert_eq!(record.message, text, "{context}");
        let pairs = &record.key_values;
        assert_eq!(pairs.get("port"), Some(Value::I64(8080)), "{context}");
        assert_eq!(pairs.get("ratio"), Some(Value::F64(0.5)), "{context}");
        let roles = [
            "level",
            "msg",
            "message",
            "event",
            "time",
            "timestamp",
            "ts",
        ];
        assert!(
            roles.iter().all(|role| !pairs.contains_key(role)),
            "{context}"
        );
        if let Some(start) = recorded_before {
            assert_eq!(record.time < start, shape == Json, "{context}");
        }
    }
}

fn lines_file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("loggers/lines.txt")
}

#[test]
fn levels_and_fields_are_recognised_in_the_lines_that_real_loggers_wrote() {
    let start = now();
    let file = fs::read_to_string(lines_file()).unwrap();
    for (name, shape) in loggers() {
        let section = file
            .split("## ")
            .find(|text| text.starts_with(&format!("{name}\n")));
        let (_, lines) = section.expect(name).split_once('\n').unwrap();
        let mut command = Command::new("sh");
        command
            .args(["-c", "printf %s \"$LINES\" >&2"])
            .env("LINES", lines);
        check(name, shape, &records(command), Some(start));
    }
}

#[test]
#[ignore = "needs the folder LOGGERS, which loggers/install fills"]
fn levels_and_fields_are_recognised_in_the_lines_of_real_loggers() {
    let folder = PathBuf::from(env::var_os("LOGGERS").expect("LOGGERS is the folder"));
    let mut file = String::new();
    for (name, shape) in loggers() {
        check(name, shape, &records(command(&folder, name)), None);
        let output = command(&folder, name).output().unwrap();
        let lines = [output.stdout, output.stderr].concat();
        file += &format!("## {name}\n{}", String::from_utf8(lines).unwrap());
    }
    if env::var_os("UPDATE_LINES").is_some() {
        let file = file.replace(folder.to_str().unwrap(), "/app");
        fs::write(lines_file(), file).unwrap();
    }
}
