//! `conformance/frames.jsonl` has each golden frame and the JSON that it means, and README.md has each rule.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use record_proto::{HEAD_LENGTH, KeyValues, LogRecord, Payload};
use serde::Serialize;

/// A line of the file.
#[derive(Serialize)]
struct Line<'a> {
    name: &'a str,
    frame: String,
    means: Means<'a>,
}

/// A payload. Records have the JSON of the example programs.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Means<'a> {
    Hello {
        version: u64,
        pid: Option<u64>,
        process: Option<&'a str>,
        time: Option<String>,
        context: &'a KeyValues<'a>,
        instance: Option<String>,
    },
    Record(&'a LogRecord<'a>),
    Fragment {
        pid: Option<u64>,
        stream: u64,
        index: u64,
        last: bool,
        bytes: String,
    },
    Dropped {
        pid: Option<u64>,
        time: Option<String>,
        counts: [u64; 5],
        instance: Option<String>,
    },
    Close {
        pid: Option<u64>,
        time: Option<String>,
        sent: u64,
        dropped: u64,
        instance: Option<String>,
        held_back: u64,
        dropped_by_level: Option<[u64; 5]>,
    },
    Bell,
    /// To be skipped and counted.
    Unknown {
        number: u8,
    },
}

#[test]
fn the_file_has_each_golden_frame_and_what_it_means() {
    let lines: Vec<String> = golden_frames()
        .iter()
        .map(|(name, frame)| line(name, frame))
        .collect();
    let expected = lines.join("\n") + "\n";
    let path = conformance("frames.jsonl");
    if env::var_os("WRITE_FRAMES").is_some() {
        fs::write(&path, &expected).expect("the file is written");
    }
    let found = fs::read_to_string(&path).expect("the file");
    assert!(
        found == expected,
        "frames.jsonl is not what record-proto reads: write it again with WRITE_FRAMES=1"
    );
}

#[test]
fn readme_has_each_rule_and_no_other() {
    let source = fs::read_to_string(root("examples/run_child/check/rule.rs")).expect("the rules");
    let mut rules: Vec<&str> = source
        .split("rule(")
        .filter_map(|after| after.trim_start().strip_prefix('"')?.split('"').next())
        .collect();
    rules.sort_unstable();
    assert_eq!(table("What a writer must do"), rules);
}

#[test]
fn readme_has_each_scenario_and_no_other() {
    let source = fs::read_to_string(root("examples/run_child/check/scenario.rs")).expect("them");
    let (_, variants) = source.split_once("enum Scenario {").expect("the scenarios");
    let (variants, _) = variants.split_once("\n}").expect("their end");
    let docs = variants
        .lines()
        .filter(|line| line.trim_start().starts_with("///"));
    assert_eq!(table("Scenarios").len(), docs.count());
}

/// Returns the names in the first column of the tables of a section.
fn table(section: &str) -> Vec<String> {
    let readme = fs::read_to_string(conformance("README.md")).expect("the page");
    let (_, after) = readme
        .split_once(&format!("\n## {section}\n"))
        .expect("the section");
    let section = after.split("\n## ").next().unwrap_or_default();
    let name = |line: &str| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned());
    let mut names: Vec<_> = section.lines().filter_map(name).collect();
    names.sort_unstable();
    names
}

fn line(name: &str, frame: &[u8]) -> String {
    let payload = Payload::decode(&frame[HEAD_LENGTH..]).expect("golden frames can be read");
    let line = Line {
        name,
        frame: hex(frame),
        means: means(&payload),
    };
    serde_json::to_string(&line).expect("JSON")
}

fn means<'a>(payload: &'a Payload<'a>) -> Means<'a> {
    match payload {
        Payload::Hello(hello) => Means::Hello {
            version: hello.version,
            pid: hello.pid,
            process: hello.process.as_deref(),
            time: hello.time.map(time),
            context: &hello.context,
            instance: hello.instance.map(instance),
        },
        Payload::Record(record) => Means::Record(record),
        Payload::Fragment(fragment) => Means::Fragment {
            pid: fragment.pid,
            stream: fragment.stream,
            index: fragment.index,
            last: fragment.last,
            bytes: hex(&fragment.bytes),
        },
        Payload::Dropped(dropped) => Means::Dropped {
            pid: dropped.pid,
            time: dropped.time.map(time),
            counts: dropped.counts.0,
            instance: dropped.instance.map(instance),
        },
        Payload::Close(close) => Means::Close {
            pid: close.pid,
            time: close.time.map(time),
            sent: close.sent,
            dropped: close.dropped,
            instance: close.instance.map(instance),
            held_back: close.held_back,
            dropped_by_level: close.dropped_by_level.map(|levels| levels.0),
        },
        Payload::Bell => Means::Bell,
        Payload::Unknown(number) => Means::Unknown { number: *number },
        _ => panic!("a kind that this test does not know"),
    }
}

/// Returns a time as records have it.
fn time(nanos: u64) -> String {
    let mut record = LogRecord::new(log::Level::Info, "", "");
    record.time = nanos;
    let json = serde_json::to_value(&record).expect("JSON");
    json["time"].as_str().expect("a time").to_owned()
}

fn instance(number: u32) -> String {
    format!("{number:08x}")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the names and the bytes of the golden frames, sorted.
fn golden_frames() -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(root("record-proto/tests/golden")).expect("the golden frames");
    let mut frames: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| {
            let name = path
                .file_stem()
                .and_then(|name| name.to_str())
                .expect("a name");
            (name.to_owned(), fs::read(&path).expect("a frame"))
        })
        .collect();
    frames.sort();
    frames
}

pub(crate) fn conformance(name: &str) -> PathBuf {
    root("examples/clients/conformance").join(name)
}

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}
