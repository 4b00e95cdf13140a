//! `run_child --input logbook`: what becomes of the lines of `logbook_aiopipe`, and of other lines.

use std::fs;

use serde_json::{Value, json};

use super::{example, figures, parsed};
use crate::support::{Scenario, temporary};

fn run(options: &str) -> Scenario {
    let options = options.split_whitespace();
    options.fold(
        example("run_child").arg("--input").arg("logbook"),
        Scenario::arg,
    )
}

/// Runs a child that writes these bytes into its pipe. Returns the records and the summary.
fn relayed(bytes: impl AsRef<[u8]>) -> (Vec<Value>, Value) {
    let file = temporary("lines");
    fs::write(&file, bytes).expect("a file");
    let script = format!("cat {} >/dev/fd/$LOGBOOK_PIPE", file.display());
    let child = run("--format json --").arg("sh").arg("-c").arg(script);
    let (status, said, errors) = child.run_alone();
    let _gone = fs::remove_file(&file);
    assert!(status.success(), "{status}: {errors}");
    parsed(&said)
}

/// A line with these fields besides those that every record needs.
fn line(fields: Value) -> String {
    let mut all =
        json!({"level": 11, "message": "m", "channel": "c", "time": "2026-11-28T08:49:11.47323Z"});
    let all = all.as_object_mut().expect("an object");
    all.extend(fields.as_object().expect("an object").clone());
    format!("{}\n", json!(all))
}

#[track_caller]
fn one(line: String) -> Value {
    let (records, summary) = relayed(line);
    assert_eq!(figures(&summary), [1, 0, 0, 0, 0, 0], "{summary}");
    records.into_iter().next().expect("a record")
}

/// Logbook writes the microseconds without padding.
#[test]
fn microseconds_are_an_integer() {
    for (time, expected) in [
        (
            "2026-11-28T08:49:11.47323Z",
            "2026-11-28T08:49:11.047323000Z",
        ),
        (
            "2026-11-28T08:49:11.047323Z",
            "2026-11-28T08:49:11.047323000Z",
        ),
        (
            "2026-11-28T08:49:11.473230Z",
            "2026-11-28T08:49:11.473230000Z",
        ),
        ("2026-11-28T08:49:11.1Z", "2026-11-28T08:49:11.000001000Z"),
        ("2026-11-28T08:49:11Z", "2026-11-28T08:49:11.000000000Z"),
    ] {
        assert_eq!(one(line(json!({"time": time})))["time"], expected, "{time}");
    }
}

/// A time that is none stands among the key-values, and the record has the time of its arrival.
#[test]
fn a_time_that_is_none_is_kept_as_a_key_value() {
    for time in [
        json!("08:49"),
        json!("2026-11-28T08:49:11.1000000Z"),
        json!(7),
    ] {
        let record = one(line(json!({"time": time})));
        assert_eq!(record["kv"], json!({"time": time}));
        assert!(record["time"].is_string(), "{record}");
    }
}

#[test]
fn levels_are_those_of_logbook() {
    for (number, level, name) in [
        (9, "TRACE", json!(null)),
        (10, "DEBUG", json!(null)),
        (11, "INFO", json!(null)),
        (12, "INFO", json!("NOTICE")),
        (13, "WARN", json!(null)),
        (14, "ERROR", json!(null)),
        (15, "ERROR", json!("CRITICAL")),
        (0, "TRACE", json!("0")),
        (20, "ERROR", json!("20")),
    ] {
        let record = one(line(json!({"level": number})));
        assert_eq!(
            (&record["level"], &record["kv"]["levelname"]),
            (&level.into(), &name)
        );
    }
}

/// Python writes more than JSON.
#[test]
fn numbers_and_texts_of_python_are_read() {
    let extra = r#"{"a":NaN,"b":[-Infinity,Infinity],"c":123456789012345678901234567890,"d":18446744073709551615,"e":1.7976931348623157e+308,"f":"NaN \ud800 \ud83e\udd80 \\ud800 \" -7","g":0.1}"#;
    let line = line(json!({"extra": 7})).replace("\"extra\":7", &format!("\"extra\":{extra}"));
    let expected = json!({
        "a": "NaN", "b": ["-Infinity", "Infinity"], "c": "123456789012345678901234567890", "d": u64::MAX,
        "e": f64::MAX, "f": "NaN \u{fffd} \u{1f980} \\ud800 \" -7", "g": 0.1,
    });
    assert_eq!(one(line)["kv"], expected);
}

#[test]
fn a_field_that_nobody_expects_is_a_key_value() {
    let fields = json!({
        "extra": {"job": 7}, "request": "r1", "lineno": "x", "process": -1, "thread_name": 5, "frame_correction": 1,
        "msg": "m {}", "args": [1], "kwargs": {}, "greenlet": 7, "thread": 7, "heavy_initialized": true,
        "information_pulled": true, "func_name": "f", "process_name": null,
    });
    let record = one(line(fields));
    let expected = json!({
        "job": 7, "request": "r1", "lineno": "x", "process": -1, "thread_name": 5, "frame_correction": 1, "msg": "m {}",
        "args": [1], "func_name": "f",
    });
    assert_eq!((&record["kv"], &record["tid"]), (&expected, &json!(7)));
}

#[test]
fn an_exception_beside_a_value_of_its_key_has_another_key() {
    let fields =
        json!({"exception_name": "app.Error", "exception_message": "", "extra": {"error": 7}});
    let record = one(line(fields));
    assert_eq!(record["kv"], json!({"error": 7, "exc_info": "app.Error"}));
    assert_eq!(
        record["error"],
        json!({"message": "app.Error", "key": "exc_info"})
    );
}

/// Each is shown and counted, and costs no other line.
#[test]
fn malformed_lines_are_reported_and_counted() {
    let malformed = ["", "{", "[1]", "{\"message\":\"no level\"}", "\u{1b}[31m"];
    let mut bytes = line(json!({})).into_bytes();
    for malformed in malformed {
        bytes.extend_from_slice(malformed.as_bytes());
        bytes.push(b'\n');
    }
    bytes.extend_from_slice(b"{\"message\":\"\xff\",\"level\":11}\n");
    bytes.extend_from_slice(line(json!({"message": "last"})).as_bytes());
    let (records, summary) = relayed(bytes);
    let lost = malformed.len() as u64 + 1;
    assert_eq!(figures(&summary), [2 + lost, 0, 0, lost, 0, 0], "{summary}");
    assert_eq!(
        (&records[0]["message"], &records[7]["message"]),
        (&json!("m"), &json!("last"))
    );
    for (record, malformed) in records[1..].iter().zip(malformed) {
        assert_eq!(
            (&record["level"], &record["target"]),
            (&json!("WARN"), &json!("run_child"))
        );
        let message = record["message"].as_str().expect("a message");
        assert!(message.starts_with("malformed line: "), "{message}");
        assert_eq!(record["kv"]["line"], malformed);
    }
}

/// Whatever its length, and whether the child ends in the middle of it.
#[test]
fn long_lines_arrive_cut_and_half_lines_truncate_the_stream() {
    let (records, summary) =
        relayed(line(json!({"message": "x".repeat(300_000)})) + &line(json!({})));
    assert_eq!(figures(&summary), [2, 0, 0, 0, 0, 0], "{summary}");
    assert_eq!(records[0]["message"].as_str().map(str::len), Some(300_000));

    let huge = line(json!({"message": "x".repeat(17 << 20)}));
    let (records, summary) = relayed(huge + &line(json!({})));
    assert_eq!(figures(&summary), [2, 0, 0, 1, 0, 0], "{summary}");
    assert_eq!(records[1]["message"], "m");

    let whole = line(json!({}));
    let (records, summary) = relayed(whole.repeat(2).trim_end());
    assert_eq!((records.len(), &summary["end"]), (2, &json!("eof")));
    let (records, summary) = relayed(whole.clone() + &whole[..whole.len() / 2]);
    assert_eq!((records.len(), &summary["end"]), (2, &json!("truncated")));
    assert_eq!(figures(&summary)[3], 1);
}

/// The real package, Logbook and a child with all that they send. `tests/e2e/python/logbook_child.py` is a child as its
/// documentation shows it.
#[test]
#[ignore = "needs Python with logbook_aiopipe"]
fn the_real_package_writes_and_every_field_arrives() {
    let python =
        std::env::var("LOGBOOK_PYTHON").expect("LOGBOOK_PYTHON: a Python with logbook_aiopipe");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/loggers/logbook_child.py");
    let child = run("--format json --label w1 --").arg(python).arg(file);
    let (status, said, errors) = child.run_alone();
    assert!(status.success(), "{status}: {errors}");
    let (records, summary) = parsed(&said);
    assert_eq!(figures(&summary), [11, 0, 0, 0, 0, 0], "{summary}");
    assert_eq!(
        (&summary["end"], &summary["exit"]),
        (&json!("eof"), &json!(0))
    );

    let of = |message: &str| {
        records
            .iter()
            .find(|r| r["message"] == message)
            .expect("a record")
    };
    let hello = of("hello from child process");
    assert_eq!(
        (&hello["level"], &hello["target"]),
        (&json!("INFO"), &json!("app.child"))
    );
    for field in ["pid", "tid", "line"] {
        assert!(hello[field].is_u64(), "{field}: {hello}");
    }
    assert_eq!(hello["thread"], "MainThread");
    assert_eq!(hello["module_path"], "__main__");
    assert_eq!(hello["file"], file);
    assert_eq!(hello["label"], "w1");
    assert_eq!(hello["kv"], json!({"func_name": "child_task"}));

    let levels = ["TRACE", "DEBUG", "INFO", "INFO", "WARN", "ERROR", "ERROR"];
    let sent = [
        "trace", "debug", "info", "notice", "warning", "error", "critical",
    ];
    for (message, level) in sent.into_iter().zip(levels) {
        assert_eq!(of(message)["level"], level, "{message}");
    }
    let job = of("job 7 of ada done");
    let expected = json!({
        "job": 7, "ratio": 0.5, "tags": ["a", null], "nested": {"deep": [true]}, "big": "1180591620717411303424",
        "nan": "NaN", "msg": "job {} of {user} done", "args": [7], "kwargs": {"user": "ada"}, "func_name": "child_task",
    });
    assert_eq!(job["kv"], expected);

    let failed = of("failed");
    assert_eq!(failed["kv"]["error"], "ValueError: bad");
    assert_eq!(
        failed["error"]["sources"],
        json!(["OSError: the disk\nis full"])
    );
    let trace = failed["error"]["backtrace"].as_str().expect("a traceback");
    assert!(
        trace.contains("logbook_child.py") && trace.ends_with("ValueError: bad"),
        "{trace}"
    );

    let long = records
        .iter()
        .find(|r| r["message"].as_str().is_some_and(|m| m.len() == 200_000));
    assert!(long.is_some(), "a long record");
}
