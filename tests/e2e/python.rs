//! A child in another language that writes frames itself.

use log::Level;
use record_proto::Value;

use crate::support::{program, within};

/// The least program that is alone on its pipe.
const CHILD: &str = r#"
import os, struct, threading, time
import msgpack

fd = int(os.environ["RECORD_PIPE"].split(":")[1])

def send(kind, *fields):
    payload = msgpack.packb(kind) + msgpack.packb(list(fields))
    os.write(fd, struct.pack(">I", len(payload)) + payload)

pid = os.getpid()
send(0, 1, pid, "python", time.time_ns())
send(1, 1, time.time_ns(), 3, "app", "hello from Python", pid, "python",
     threading.get_native_id(), "MainThread", "app", "app.py", 7,
     {"user": 7, "ratio": 0.5, "tags": ["a", None], "raw": b"\x00\xff"})
send(1, 2, time.time_ns(), 1, "app", "x" * 60000, pid)
send(9, "a kind of later")
send(4, pid, time.time_ns(), 2, 0)
"#;

#[test]
#[ignore = "needs Python with the msgpack package"]
fn a_python_program_logs_through_its_pipe() {
    let outcome = within(async {
        let python = std::env::var("PYTHON").unwrap_or_else(|_| "python3".to_owned());
        program(&python).arg("-c").arg(CHILD).start().finish().await
    });
    assert!(outcome.status.success(), "{}", outcome.status);
    let summary = &outcome.summary;
    assert_eq!(
        (summary.received, summary.missing, summary.malformed),
        (2, 0, 0),
        "{summary}"
    );
    assert_eq!(
        (summary.unknown, summary.end),
        (1, pipe_subscriber::StreamEnd::Clean)
    );

    let record = &outcome.records[0];
    assert_eq!(
        (record.level, &*record.message),
        (Level::Info, "hello from Python")
    );
    assert_eq!(
        (record.thread_id, record.line),
        (Some(outcome.pid), Some(7))
    );
    assert_eq!(record.key_values.get("ratio"), Some(Value::F64(0.5)));
    assert_eq!(
        record.key_values.get("raw"),
        Some(Value::Bytes([0, 255][..].into()))
    );
    assert_eq!(outcome.records[1].message.len(), 60_000);
}
