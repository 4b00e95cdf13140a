//! The escaping of a child's text.

use std::sync::Mutex;

use log::{Level, Log, Metadata, Record};
use pipe_subscriber::{Attach, Escaping, LogRecord};
use record_proto::{ErrorInfo, KeyValues, List, Value};

use crate::support::{Capture, Entry, Stream, within};

async fn logged(record: &LogRecord<'_>) -> Entry {
    let capture = Capture::new();
    let stream = Stream::default().frame(record);
    within(stream.subscriber().run_into(&capture))
        .await
        .unwrap();
    capture.only()
}

async fn message(text: &str) -> String {
    logged(&LogRecord::new(Level::Info, "worker", text))
        .await
        .message
}

#[tokio::test]
async fn every_control_character_of_a_message_is_escaped_and_nothing_else() {
    for character in '\0'..='\u{2fff}' {
        let text = format!("a{character}b");
        let expected = match character {
            '\n' => "a\n    b".to_owned(),
            control if record_proto::is_control(control) => {
                format!("a{}b", control.escape_default())
            }
            _ => text.clone(),
        };
        assert_eq!(message(&text).await, expected, "{character:?}");
    }
}

#[tokio::test]
async fn a_message_may_have_lines_and_tabs_but_no_line_begins_with_the_childs_text() {
    assert_eq!(
        message("one\ntwo\n\tthree\r\n").await,
        "one\n    two\n    \tthree\\r\n    "
    );
    assert_eq!(message("\u{1b}[2Jgone").await, "\\u{1b}[2Jgone");
    assert_eq!(message("naïve – 日本語 🦀").await, "naïve – 日本語 🦀");
}

/// Returns all characters of Unicode, in pieces that fit in a frame.
#[tokio::test]
async fn invisible_characters_are_escaped_as_controls_are_and_joiners_stay() {
    let all: Vec<char> = ('\u{80}'..=char::MAX).collect();
    for piece in all.chunks(10_000) {
        let text: String = piece.iter().collect();
        let escaped = |character: &char| match record_proto::is_control(*character) {
            true => character.escape_default().to_string(),
            false => character.to_string(),
        };
        let expected: String = piece.iter().map(escaped).collect();
        assert!(message(&text).await == expected, "from {:?}", piece[0]);
    }
    let hidden = "pass\u{200b}word\u{ad}s\u{feff}\u{e0041}\u{2064}";
    let shown = "pass\\u{200b}word\\u{ad}s\\u{feff}\\u{e0041}\\u{2064}";
    assert_eq!(message(hidden).await, shown);
    let joined = "👨\u{200d}👩\u{200d}👧 می\u{200c}خواهم ❤\u{fe0f}";
    assert_eq!(message(joined).await, joined);

    let mut record = LogRecord::new(Level::Info, hidden, "");
    record.key_values.push(hidden, hidden);
    let entry = logged(&record).await;
    assert_eq!(entry.target, shown);
    assert_eq!(entry.pairs(), [(shown, shown)]);
}

#[tokio::test]
async fn controls_are_found_anywhere_in_a_long_text() {
    for position in [0, 1, 62, 63, 64, 65, 127, 128, 199] {
        let mut text = "x".repeat(200);
        text.replace_range(position..=position, "\u{7}");
        assert!(message(&text).await.contains("\\u{7}"), "at {position}");
    }
}

#[tokio::test]
async fn in_keys_names_and_targets_newlines_are_escaped_too() {
    let mut record = LogRecord::new(Level::Info, "tar\nget", "message");
    record.module_path = Some("mod\nule".into());
    record.file = Some("fi\u{202e}le".into());
    record.process = Some("pro\ncess".into());
    record.thread = Some("thr\u{1b}ead".into());
    record.key_values.push("ke\ny", "val\nue");
    record.key_values.push("plain", "value");
    record.key_values.push("number", 7);
    record.context.push("con\rtext", "worker");
    let capture = Capture::new();
    let stream = Stream::default().frame(&record);
    let subscriber = stream.subscriber().label("la\nbel").attach([
        Attach::Label,
        Attach::Process,
        Attach::Thread,
    ]);
    within(subscriber.run_into(&capture)).await.unwrap();

    let entry = capture.only();
    assert_eq!(entry.target, "tar\\nget");
    assert_eq!(entry.module_path.as_deref(), Some("mod\\nule"));
    assert_eq!(entry.file.as_deref(), Some("fi\\u{202e}le"));
    let expected = [
        ("label", "la\\nbel"),
        ("process", "pro\\ncess"),
        ("thread", "thr\\u{1b}ead"),
        ("ke\\ny", "val\n    ue"),
        ("plain", "value"),
        ("number", "7"),
        ("con\\rtext", "worker"),
    ];
    assert_eq!(entry.pairs(), expected);
}

#[tokio::test]
async fn values_have_lines_and_none_begins_with_the_childs_text() {
    let lines = "one\n[w2] two\r\n\u{1b}three\u{2028}four\n";
    let shown = "one\n    [w2] two\\r\n    \\u{1b}three\\u{2028}four\n    ";
    let inner: KeyValues = [("k", lines)].into_iter().collect();
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.key_values.push("lines", lines);
    record.key_values.push("map", Value::Map(inner));
    record.context.push("context", lines);
    let entry = logged(&record).await;
    let [first, (_, map), last] = entry.pairs()[..] else {
        panic!("{entry:?}")
    };
    assert_eq!([first, last], [("lines", shown), ("context", shown)]);
    assert!(!map.contains('\n'), "{map:?}");
}

#[tokio::test]
async fn the_debug_text_of_an_error_is_its_chain_and_as_safe() {
    struct Debugs(Mutex<String>);
    impl Log for Debugs {
        fn enabled(&self, _: &Metadata<'_>) -> bool {
            true
        }
        fn log(&self, record: &Record<'_>) {
            let value = record.key_values().get("err".into());
            *self.0.lock().unwrap() = format!("{:?}", value.expect("a value"));
        }
        fn flush(&self) {}
    }
    let mut error = ErrorInfo::new("job\nfailed");
    error.sources = ["disk\u{7}", "gone"].into_iter().collect();
    error.key = Some("err".into());
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.key_values.push("err", "job\nfailed");
    record.error = Some(error);
    let seen = Debugs(Mutex::default());
    let stream = Stream::default().frame(&record);
    within(stream.subscriber().run_into(&seen)).await.unwrap();
    let seen = seen.0.into_inner().unwrap();
    assert_eq!(seen, "job\n    failed: disk\\u{7}: gone");
}

#[tokio::test]
async fn text_inside_lists_and_maps_is_escaped() {
    let inner: KeyValues = [("in\u{9b}ner", "va\u{1b}l")].into_iter().collect();
    let list: List = [Value::from("plain"), Value::Map(inner)]
        .into_iter()
        .collect();
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.key_values.push("list", list);
    let entry = logged(&record).await;
    let [(_, text)] = entry.pairs()[..] else {
        panic!("{entry:?}")
    };
    assert!(text.contains("va") && text.contains("u{1b}"), "{text}");
    assert!(text.contains("u{9b}"), "{text}");
    assert!(!text.chars().any(record_proto::is_control), "{text:?}");
}

#[tokio::test]
async fn an_error_stays_an_error_and_its_texts_are_escaped() {
    let mut error = ErrorInfo::new("out\nside");
    error.sources = ["in\u{7}side", "plain\ner"].into_iter().collect();
    error.backtrace = Some("0: main\n1: start\u{7}\n".into());
    error.key = Some("er\nr".into());
    let mut record = LogRecord::new(Level::Info, "worker", "");
    record.key_values.push("er\nr", "out\nside");
    record.error = Some(error);
    let entry = logged(&record).await;
    let expected = [
        ("er\\nr", "out\n    side: in\\u{7}side: plain\n    er"),
        ("backtrace", "\n    0: main\n    1: start\\u{7}"),
    ];
    assert_eq!(entry.pairs(), expected);
}

#[tokio::test]
async fn spans_are_one_text_without_controls() {
    let mut record = LogRecord::new(Level::Info, "worker", "done");
    let fields = [("pa\nth", "/\u{1b}[2J")].into_iter().collect();
    record.spans.push("re\nquest", &fields);
    record.spans.push("query", &KeyValues::new());
    let expected = r#"re\nquest{pa\nth="/\u001b[2J"}:query"#;
    let entry = logged(&record).await;
    assert_eq!(entry.pairs(), [("spans", expected)]);
}

#[tokio::test]
async fn escaping_can_be_switched_off() {
    let mut record = LogRecord::new(Level::Info, "tar\nget", "one\n\u{1b}two");
    record.key_values.push("k\n", "v\n");
    let capture = Capture::new();
    let stream = Stream::default().frame(&record);
    let subscriber = stream.subscriber().escaping(Escaping::Off).label("l\n");
    within(subscriber.run_into(&capture)).await.unwrap();
    let entry = capture.only();
    assert_eq!(
        (&*entry.target, &*entry.message),
        ("tar\nget", "one\n\u{1b}two")
    );
    assert_eq!(entry.pairs(), [("label", "l\n"), ("k\n", "v\n")]);
}

#[tokio::test]
async fn closures_and_streams_get_the_text_as_the_child_wrote_it() {
    let record = LogRecord::new(Level::Info, "tar\nget", "one\n\u{1b}two");
    let stream = Stream::default().frame(&record);
    let run = stream
        .subscriber()
        .label("w1")
        .run_with(|seen| assert_eq!(*seen, record));
    assert_eq!(within(run).await.unwrap().logger_panics, 0);
}
