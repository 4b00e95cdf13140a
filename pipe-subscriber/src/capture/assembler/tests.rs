use std::{env, fs, path::Path, time::Duration};

use super::super::joiner::SILENCE;
use super::*;

/// A stream with recognised levels, whose time stands still unless it is moved.
struct Stream {
    assembler: Assembler,
    now: Instant,
}

impl Stream {
    fn new() -> Self {
        Self::of(Assembler::new("stderr", Level::Info, true, true))
    }

    fn of(assembler: Assembler) -> Self {
        Self {
            assembler,
            now: Instant::now(),
        }
    }

    /// Reads bytes, and returns the records that are made of them at once.
    fn read(&mut self, bytes: impl AsRef<[u8]>) -> Vec<LogRecord<'static>> {
        self.assembler.fill(bytes.as_ref(), 7);
        self.take()
    }

    fn take(&mut self) -> Vec<LogRecord<'static>> {
        let mut records = Vec::new();
        while self.assembler.has_more(self.now) {
            records.extend(self.assembler.next(self.now));
        }
        records
    }

    fn wait(&mut self, time: Duration) -> Vec<LogRecord<'static>> {
        self.now += time;
        self.take()
    }

    fn end(&mut self) -> Vec<LogRecord<'static>> {
        self.assembler.end(8);
        self.take()
    }

    /// Reads bytes up to the end of the stream.
    fn read_all(&mut self, bytes: impl AsRef<[u8]>) -> Vec<LogRecord<'static>> {
        let mut records = self.read(bytes);
        records.extend(self.end());
        records
    }
}

fn messages(records: &[LogRecord<'_>]) -> Vec<String> {
    records.iter().map(|r| r.message.to_string()).collect()
}

fn levels(records: &[LogRecord<'_>]) -> Vec<Level> {
    records.iter().map(|r| r.level).collect()
}

/// Traces as real programs wrote them, and the records that they become. `UPDATE_TRACES=1` writes the records anew.
#[test]
fn traces_of_real_programs_stay_together() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let records = Stream::new().read_all(fs::read(&path).unwrap());
        let text: Vec<_> = records
            .iter()
            .map(|record| format!("=== {}\n{}\n", record.level, record.message))
            .collect();
        let expected = path.with_extension("records");
        if env::var_os("UPDATE_TRACES").is_some() {
            fs::write(&expected, text.concat()).unwrap();
        }
        assert_eq!(
            text.concat(),
            fs::read_to_string(&expected).unwrap(),
            "{path:?}"
        );
        count += 1;
    }
    assert!(count >= 10, "{count} traces");
}

/// Each line keeps its level whatever the pieces in which it arrives, even if a record is made too early.
#[test]
fn traces_have_the_same_levels_whatever_the_pieces() {
    let lines = |records: &[LogRecord<'_>]| -> Vec<(Level, String)> {
        let lines = records.iter().flat_map(|record| {
            let lines = record.message.lines().filter(|line| !line.is_empty());
            lines.map(|line| (record.level, line.to_owned()))
        });
        lines.collect()
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/traces");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let expected = lines(&Stream::new().read_all(&bytes));
        for size in [1, 2, 3, 7, 40, 100] {
            let mut stream = Stream::new();
            let mut records = Vec::new();
            for piece in bytes.chunks(size) {
                records.extend(stream.read(piece));
                records.extend(stream.wait(SILENCE));
            }
            records.extend(stream.end());
            assert_eq!(lines(&records), expected, "{path:?} in pieces of {size}");
        }
    }
}

#[test]
fn a_recognised_level_holds_for_its_line_and_the_indented_lines_after_it() {
    let lines = "ERROR one\n  two\n\tthree\nfour\n five\n[warn] six\n";
    let records = Stream::new().read_all(lines);
    assert_eq!(
        messages(&records),
        ["ERROR one\n  two\n\tthree", "four", " five", "[warn] six"]
    );
    let expected = [Level::Error, Level::Info, Level::Info, Level::Warn];
    assert_eq!(levels(&records), expected);

    // Not read together, they are records of their own, with the same level.
    let mut stream = Stream::new();
    assert_eq!(messages(&stream.read("ERROR one\n")), ["ERROR one"]);
    let records = stream.read("  two\n");
    assert_eq!(
        (messages(&records), records[0].level),
        (vec!["  two".into()], Level::Error)
    );
    assert_eq!(
        levels(&stream.read("{\"level\":\"warn\",\"msg\":\"x\"}\n  y\n")),
        [Level::Warn, Level::Info]
    );
}

#[test]
fn without_recognition_lines_have_the_streams_level_and_only_traces_are_joined() {
    let lines = "ERROR \x1b[31mone\x1b[0m\n  two\npanic: x\n\ngoroutine 1 [running]:\nmain.main()\n{\"level\":\"warn\",\"msg\":\"x\"}\n";
    let mut stream = Stream::of(Assembler::new("stdout", Level::Debug, false, true));
    let records = stream.read_all(lines);
    assert_eq!(
        messages(&records),
        [
            "ERROR \x1b[31mone\x1b[0m",
            "  two",
            "panic: x\n\ngoroutine 1 [running]:\nmain.main()",
            "{\"level\":\"warn\",\"msg\":\"x\"}"
        ]
    );
    assert!(
        records
            .iter()
            .all(|r| r.level == Level::Debug && r.target == "stdout" && r.time == 7)
    );

    let mut separate = Stream::of(Assembler::new("stdout", Level::Info, true, false));
    let records = separate.read_all("panic: x\n\ngoroutine 1 [running]:\nmain.main()\nnext\n");
    assert_eq!(
        messages(&records),
        ["panic: x", "goroutine 1 [running]:", "main.main()", "next"]
    );
    assert_eq!(levels(&records)[0], Level::Error);
    assert_eq!(levels(&records)[3], Level::Info);
}

#[test]
fn a_trace_is_waited_for_until_the_stream_was_silent_for_100_ms() {
    let mut stream = Stream::new();
    assert_eq!(messages(&stream.read("ready\n")), ["ready"]);
    assert_eq!(stream.read("Traceback (most recent call last):\n").len(), 0);
    assert_eq!(stream.wait(SILENCE - Duration::from_millis(1)).len(), 0);
    assert_eq!(
        stream.read("  File \"x.py\", line 1, in <module>\n").len(),
        0
    );
    assert_eq!(stream.wait(SILENCE - Duration::from_millis(1)).len(), 0);
    assert_eq!(
        stream.assembler.due(),
        Some(stream.now + Duration::from_millis(1))
    );
    let records = stream.wait(Duration::from_millis(1));
    assert_eq!(records[0].message.lines().count(), 2);
    assert_eq!((stream.assembler.due(), SILENCE.as_millis()), (None, 100));

    let late = stream.read("ValueError: late\n");
    assert_eq!(late.len(), 0);
    assert_eq!(levels(&stream.end()), [Level::Error]);
}

#[test]
fn a_trace_has_at_most_1000_lines_and_64_kib() {
    let head = "Traceback (most recent call last):\n";
    let lines = format!("{head}{}ValueError: x\n", "  at\n".repeat(2500));
    let records = Stream::new().read_all(lines);
    let counts: Vec<_> = records.iter().map(|r| r.message.lines().count()).collect();
    assert_eq!(counts, [1000, 1000, 502]);
    assert!(records.iter().all(|record| record.level == Level::Error));

    let frame = format!("  {}\n", "x".repeat(9_997));
    let records = Stream::new().read_all(format!("{head}{}ValueError: x\n", frame.repeat(10)));
    let sizes: Vec<_> = records.iter().map(|r| r.message.len()).collect();
    assert!(
        sizes.len() == 2 && sizes.iter().all(|&size| size <= 64 * 1024),
        "{sizes:?}"
    );

    let blank = format!("panic: x\n{}goroutine 1 [running]:\n", "\n".repeat(100_000));
    let records = Stream::new().read_all(blank);
    assert_eq!(messages(&records), ["panic: x", "goroutine 1 [running]:"]);
}

#[test]
fn lines_that_are_too_long_are_cut_and_bytes_that_are_no_text_replaced() {
    let mut stream = Stream::new();
    let mut lines = "ä".repeat(40_000).into_bytes();
    lines.extend(b"\na\xff\xfe\x80b\xe2\x82\nlast");
    let records = stream.read_all(lines);
    let mark = "… (cut, 80000 bytes)";
    assert_eq!(records[0].message, "ä".repeat(32 * 1024) + mark);
    assert_eq!(records[0].original_length, Some(80_000));
    assert!(records[0].key_values.is_empty());
    assert_eq!(records[1].message, "a\u{fffd}\u{fffd}\u{fffd}b\u{fffd}");
    assert_eq!(records[1].key_values.to_string(), r#"{"replaced_bytes":5}"#);
    assert_eq!(records[2].message, "last");
    let figures = &stream.assembler.figures;
    assert_eq!(
        (
            figures.lines,
            figures.records,
            figures.cut,
            figures.replaced
        ),
        (3, 3, 1, 5)
    );

    // A character that is cut in the middle is not one that was wrong.
    let records = Stream::new().read_all("x".to_owned() + &"ä".repeat(40_000));
    assert_eq!(records[0].message.len(), 64 * 1024 - 1 + mark.len());
    assert!(records[0].key_values.is_empty());
}

#[test]
fn a_progress_bar_becomes_a_record_a_second_and_one_of_its_end() {
    let second = Duration::from_secs(1);
    let mut stream = Stream::new();
    assert_eq!(messages(&stream.read("\r 1%\r 2%\r\r")), [" 1%"]);
    assert_eq!(stream.read(" 3%\r\r").len(), 0);
    assert_eq!(stream.assembler.due(), Some(stream.now + second));
    assert_eq!(messages(&stream.wait(second)), [" 3%"]);
    assert_eq!(stream.assembler.due(), None);
    assert_eq!(
        stream
            .read((4..99).map(|n| format!(" {n}%\r")).collect::<String>())
            .len(),
        0
    );
    assert_eq!(messages(&stream.read("done in 1 s\n")), ["done in 1 s"]);
    assert_eq!(stream.wait(second).len(), 0, "it was overwritten");
    let figures = &stream.assembler.figures;
    assert_eq!(
        (figures.lines, figures.records, figures.overwritten),
        (1, 3, 1 + 95)
    );

    // The last state is kept if a newline follows it, or the end.
    assert_eq!(
        messages(&stream.read("50%\r100%\r\r\nnext\n")),
        ["50%", "100%", "next"]
    );
    assert_eq!(messages(&stream.read_all("60%\r70%\r")), ["70%"]);
}

#[test]
fn a_progress_bar_does_not_overtake_the_lines_before_it() {
    let lines = "one\n50%\r100%\ntwo\n";
    assert_eq!(
        messages(&Stream::new().read(lines)),
        ["one", "50%", "100%", "two"]
    );

    // Not even a trace, which would be waited for.
    let second = Duration::from_secs(1);
    let mut stream = Stream::new();
    assert_eq!(messages(&stream.read("1%\r2%\r\r")), ["1%"]);
    stream.wait(second - Duration::from_millis(50));
    let trace = "Traceback (most recent call last):\n  File \"a.py\", line 1\n3%\r\r";
    assert_eq!(stream.read(trace).len(), 0);
    let shown = stream.wait(Duration::from_millis(50));
    assert_eq!(shown.len(), 2, "{shown:?}");
    assert_eq!(shown[1].message, "3%");
}

#[test]
fn states_keep_their_place_among_the_lines() {
    let second = Duration::from_secs(1);
    let mut stream = Stream::new();
    let records = stream.read("one\n10%\r20%\rtwo\n30%\r\r\nthree\n");
    assert_eq!(messages(&records), ["one", "10%", "two", "30%", "three"]);

    // Also if the line before them begins a trace, which is waited for.
    let mut stream = Stream::new();
    assert_eq!(
        messages(&stream.read("10%\r\r\nError: x\n20%\r\r")),
        ["10%"]
    );
    assert_eq!(messages(&stream.wait(second)), ["Error: x", "20%"]);
    let records = stream.read_all("Error: y\n30%\r40%\r");
    assert_eq!(messages(&records), ["Error: y", "40%"]);
}

#[test]
fn a_state_that_is_too_long_is_marked_too() {
    let mut stream = Stream::new();
    let long = "x".repeat(70_000);
    let records = stream.read_all(format!("{long}\r{long}\r\r\n"));
    let lengths: Vec<_> = records.iter().map(|r| r.original_length).collect();
    assert_eq!(lengths, [Some(70_000), Some(70_000)]);
    assert_eq!(stream.assembler.figures.cut, 2);
}

#[test]
fn a_line_of_colours_alone_is_empty() {
    let bytes = "\x1b[0m\n \x1b[1;31m\x1b[K \nx\n\x1b[2K\r\x1b[0m10%\r\x1b[K\r\n\x1b[3\n";
    let records = Stream::new().read_all(bytes);
    assert_eq!(messages(&records), ["x", "10%", "\x1b[3"]);
    let mut plain = Stream::of(Assembler::new("stdout", Level::Info, false, true));
    assert_eq!(messages(&plain.read_all("\x1b[0m\n")), ["\x1b[0m"]);
}

#[test]
fn a_json_line_becomes_a_record_with_typed_key_values() {
    let line = r#"{"level":40,"time":1767323045678,"msg":"disk \"a\" full","pid":1,"label":"x","replaced_bytes":true,"n":null,"free":0.5,"big":18446744073709551615,"tags":["a",{"b":[]}]}"#;
    let records = Stream::new().read_all(line);
    let record = &records[0];
    assert_eq!(
        (record.level, &*record.message),
        (Level::Warn, "disk \"a\" full")
    );
    assert_eq!(record.time, 1_767_323_045_678_000_000);
    assert_eq!(
        record.key_values.to_string(),
        r#"{"pid":1,"label":"x","replaced_bytes_":true,"n":null,"free":0.5,"big":18446744073709551615,"tags":["a",{"b":[]}]}"#
    );
}

#[test]
fn what_is_no_line_of_a_logger_stays_text() {
    for line in [
        r#"{"a":1}"#,
        r#"{"level":8}"#,
        r#"{"level":"none"}"#,
        r#"{"msg":1}"#,
        r#"{"msg":"x"#,
        r#"{"msg":"x"} y"#,
        "{}",
        "{{{{}",
    ] {
        let records = Stream::new().read_all(line);
        assert_eq!(
            (records[0].level, &*records[0].message),
            (Level::Info, line)
        );
        assert!(records[0].key_values.is_empty(), "{line}");
    }
    let records = Stream::new().read_all(r#"{"severity":"ERROR","code":7}"#);
    assert_eq!(
        (records[0].level, &*records[0].message),
        (Level::Error, r#"{"severity":"ERROR","code":7}"#)
    );
}

#[test]
fn hostile_json_costs_no_more_than_its_length() {
    let many: String = (0..8000).map(|n| format!(r#","{n}":0"#)).collect();
    let records = Stream::new().read_all(format!(
        r#"{{"msg":"x"{}}}"#,
        &many[..60_000.min(many.len())].trim_end_matches(|c| c != '0')
    ));
    assert_eq!(records[0].message, "x");
    assert_eq!(records[0].key_values.len(), 257);
    let cut = records[0].key_values.get("cut").unwrap().to_string();
    assert_eq!(cut, "… (cut after 256 pairs)");

    let deep = format!("{}1{}", r#"{"a":["#.repeat(60), "]}".repeat(60));
    let records = Stream::new().read_all(format!(
        r#"{{"msg":"x","deep":{deep},"list":[{}0]}}"#,
        "0,".repeat(2000)
    ));
    assert_eq!(records[0].key_values.get("deep").unwrap(), deep.into());
    assert!(matches!(
        records[0].key_values.get("list"),
        Some(record_proto::Value::Str(_))
    ));

    // Objects in the place of a level, one in another, as many as a line has room for. Debug builds have large frames,
    // so a reader that follows them all ends the process.
    let nested = format!("{}1{}", r#"{"name":"#.repeat(7000), "}".repeat(7000));
    let records = Stream::new().read_all(format!(r#"{{"msg":"x","level":{nested}}}"#));
    assert_eq!(records[0].level, Level::Info);
    assert_eq!(records[0].key_values.get("level").unwrap(), nested.into());

    // Deeper than the parser goes: it is no JSON line.
    let deepest = format!(r#"{{"msg":{}}}"#, "[".repeat(30_000));
    assert_eq!(Stream::new().read_all(&deepest)[0].message, deepest);
}

#[test]
fn levels_are_recognised_in_text() {
    use Level::*;
    for (line, level) in [
        ("ERROR x", Some(Error)),
        ("x ERROR", Some(Error)),
        ("a b c d e ERROR", None),
        ("- - - - a b c d WARN", Some(Warn)),
        ("error x", None),
        ("error: x", Some(Error)),
        ("x.c:1:2: error: y", Some(Error)),
        ("error[E0308]: mismatched types", Some(Error)),
        ("[warn] x", Some(Warn)),
        ("2026-01-02 [warning  ] x", Some(Warn)),
        ("[warning of x] y", None),
        (
            "2026/01/02 03:04:05 [error] 7#0: *1 open() failed",
            Some(Error),
        ),
        (
            "[Fri Jan 02 03:04:05.678901 2026] [core:error] [pid 7] x",
            None,
        ),
        ("[core:error] [pid 7] x", Some(Error)),
        ("E0102 03:04:05.000000    7 x.cc:8] y", Some(Error)),
        ("I0102 03:04:05.000000    7 x.cc:8] y", Some(Info)),
        ("E0102 x", None),
        ("<3>x", Some(Error)),
        ("<7>x", Some(Debug)),
        ("<165>1 2026-01-02T03:04:05Z host app", Some(Info)),
        ("<999>x", None),
        ("<b>x", None),
        ("time=2026-01-02 level=warn msg=x", Some(Warn)),
        ("ts=\"a b c d e f g\" lvl=eror msg=x", Some(Error)),
        ("msg=\"level=error\" x", None),
        ("WARNING:root:x", Some(Warn)),
        ("/x.py:1: DeprecationWarning: y", Some(Warn)),
        ("npm ERR! code 1", Some(Error)),
        ("ERRO[0000] x", Some(Error)),
        ("9:04PM WRN x", Some(Warn)),
        ("1.7e9\tdebug\tx", Some(Debug)),
        ("info: Microsoft.Hosting[14]", Some(Info)),
        ("fail: x", Some(Error)),
        ("x fail: y", None),
        ("errors: 0", None),
        ("ERRORS 0", None),
        ("INFORMED x", None),
        ("information about x", None),
        ("http://example.com/", None),
        ("\x1b[32m INFO\x1b[0m x", Some(Info)),
        ("2026-01-02 \x1b[1;31mERROR\x1b[m x", Some(Error)),
        ("PANIC x", None),
        ("ä ö ü ERROR", Some(Error)),
        ("\"", None),
        ("=\"", None),
        ("level=", None),
    ] {
        let records = Stream::of(Assembler::new("stdout", Trace, true, true)).read_all(line);
        assert_eq!(records[0].level, level.unwrap_or(Trace), "{line}");
    }
}

#[test]
fn colours_are_removed_and_no_other_text_is() {
    for (text, plain) in [
        ("\x1b[1;38;5;9mred\x1b[0m \x1b[Kx", "red x"),
        ("a\x1b]0;title b", "a\x1b]0;title b"),
        ("a\x1b[", "a\x1b["),
        ("a\x1b[31", "a\x1b[31"),
        ("a\x1b[3\x01m", "a\x1b[3\x01m"),
        ("\x1b[\x1b[m", "\x1b["),
    ] {
        assert_eq!(without_colours(text), plain, "{text:?}");
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let parts: [&[u8]; 16] = [
        b"\n",
        b"\r",
        b"\x1b[",
        b"{\"msg\":",
        b"\"",
        b"}",
        b"ERROR",
        b" ",
        b"panic: ",
        b"goroutine 1 [x]:",
        b"Traceback (most recent call last):",
        b"\xe2\x82",
        b"thread '",
        b"=\"",
        b"<1",
        b"/x.js:1",
    ];
    let mut state = 1_u64;
    for _ in 0..2000 {
        let mut stream = Stream::new();
        for _ in 0..20 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let part = parts[(state >> 33) as usize % parts.len()];
            stream.read(part);
            stream.now += Duration::from_millis(state >> 57);
        }
        stream.end();
        assert!(!stream.assembler.has_more(stream.now));
        assert_eq!(stream.assembler.due(), None);
    }
}
