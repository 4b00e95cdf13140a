//! `record_cat`, which prints stored frames.

use std::fs;

use super::{example, figures, parsed, run_emit};
use crate::support::temporary;

#[test]
fn record_cat_prints_what_run_child_stored_as_run_child_printed_it() {
    for format in ["text", "json"] {
        let stored = temporary("frames");
        let own = format!("--format {format} --tee {}", stored.display());
        let emit = "--records 10 --threads 2 --message-bytes 6000 --kv 3 --end panic";
        let (_, printed, _) = run_emit(&own, emit).run_alone();
        let cat = || example("record_cat").arg("--format").arg(format);
        let (status, again, _) = cat().arg(stored.display()).run_alone();
        assert!(status.success(), "{status}");
        let frames = fs::File::open(&stored).expect("stored frames");
        let (status, piped, _) = cat().stdin(frames).run_alone();
        assert!(status.success(), "{status}");
        let _gone = fs::remove_file(&stored);

        assert_eq!(again, piped, "{format}");
        match format {
            "text" => assert_eq!(again, printed),
            _ => {
                let ((first, first_end), (second, second_end)) = (parsed(&printed), parsed(&again));
                assert_eq!(first, second);
                assert_eq!(first.len(), 21);
                assert_eq!(figures(&first_end), figures(&second_end));
                assert_eq!(first_end["end"], second_end["end"]);
            }
        }
    }
}

#[test]
fn record_cat_prints_every_kind_of_value_as_json() {
    use record_proto::{Encode, ErrorInfo, LogRecord};

    let mut record = LogRecord::new(log::Level::Error, "raw", "line\n\u{1b}[2J");
    record.time = 1_700_000_000_000_000_001;
    record.key_values.push("bytes", &[1_u8, 2, 255][..]);
    record.key_values.push("nan", f64::NAN);
    record.key_values.push("inf", f64::NEG_INFINITY);
    record.key_values.push("big", u64::MAX);
    record.context.push("job", 5);
    let mut error = ErrorInfo::new("oops");
    error.sources = ["why"].into_iter().collect();
    error.key = Some("err".into());
    record.error = Some(error);
    record.original_length = Some(99);
    let mut stream = Vec::new();
    record.encode_frame(&mut stream);
    stream.extend([0, 0, 0, 9, 1]);
    let stored = temporary("frames");
    fs::write(&stored, &stream).expect("a file");
    let cat = example("record_cat")
        .arg("--format")
        .arg("json")
        .arg(stored.display());
    let (_, said, _) = cat.run_alone();
    let _gone = fs::remove_file(&stored);

    let (records, summary) = parsed(&said);
    assert_eq!(
        (figures(&summary)[0], &summary["end"]),
        (1, &"truncated".into())
    );
    let expected = serde_json::json!({
        "time": "2023-11-14T22:13:20.000000001Z", "level": "ERROR", "target": "raw",
        "message": "line\n\u{1b}[2J",
        "kv": {"bytes": "AQL/", "nan": "NaN", "inf": "-inf", "big": u64::MAX},
        "context": {"job": 5},
        "error": {"message": "oops", "sources": ["why"], "key": "err"},
        "original_length": 99,
    });
    let mut record = records[0].clone();
    // Nobody gave it a number, and how that prints is not specified.
    record.as_object_mut().expect("an object").remove("seq");
    assert_eq!(record, expected);
    assert!(!said.contains('\u{1b}'), "JSON escapes it");
}

#[test]
fn record_cat_fails_where_something_is_no_record() {
    let noise = (0..4000_u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8);
    let small = [[0, 0, 0, 2].as_slice(), b"no"].concat();
    for (bytes, what) in [
        (vec![0; 1000], "zeros"),
        (noise.collect(), "noise"),
        (small, "text"),
    ] {
        let stored = temporary("frames");
        fs::write(&stored, bytes).expect("a file");
        let (status, ..) = example("record_cat").arg(stored.display()).run_alone();
        let _gone = fs::remove_file(&stored);
        assert_eq!(status.code(), Some(1), "{what}");
    }
}
