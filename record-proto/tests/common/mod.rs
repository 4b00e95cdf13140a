//! What several test binaries need; each uses only a part of it.
#![allow(dead_code)]

pub(crate) mod arbitrary;

use std::{fs, path::PathBuf};

use log::{Level, kv};
use record_proto::{Encode, LogRecord, Payload, PayloadError, Reason};

/// A moment within the golden frames.
pub(crate) const TIME: u64 = 1_700_000_000_123_456_789;

pub(crate) fn golden_directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// A golden frame, its length included.
pub(crate) fn golden(name: &str) -> Vec<u8> {
    let path = golden_directory().join(name).with_extension("bin");
    fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The payload of a golden frame.
pub(crate) fn golden_payload(name: &str) -> Vec<u8> {
    golden(name).split_off(4)
}

/// The names of all golden frames, sorted.
pub(crate) fn golden_names() -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(golden_directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

pub(crate) fn payload(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes);
    bytes
}

pub(crate) fn frame(value: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode_frame(&mut bytes);
    bytes
}

/// Any payload as a frame, decodable or not.
pub(crate) fn frame_of(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap();
    [&length.to_be_bytes(), payload].concat()
}

/// The payload of a record with its five required fields and `rest` behind them, `more` fields in all.
pub(crate) fn record_with(more: u8, rest: &[u8]) -> Vec<u8> {
    assert!(more <= 10);
    let head = [1, 0x95 + more, 0, 0, 3, 0xa0, 0xa0];
    [&head, rest].concat()
}

/// The payload of a record whose only key-value has this value.
pub(crate) fn record_with_value(value: &[u8]) -> Vec<u8> {
    let nils = [0xc0; 7];
    record_with(8, &[&nils[..], &[0x81, 0xa1, b'k'], value].concat())
}

pub(crate) fn refused(payload: &[u8]) -> PayloadError {
    Payload::decode(payload).expect_err("a payload that is refused")
}

pub(crate) fn reason(payload: &[u8]) -> Reason {
    refused(payload).reason()
}

pub(crate) fn record_of(message: &str) -> LogRecord<'_> {
    let mut record = LogRecord::new(Level::Info, "app", message);
    record.time = TIME;
    record
}

/// Keys and values of a `log::Record` as text, with the type that a visitor is shown.
pub(crate) fn visited(record: &log::Record<'_>) -> Vec<(String, String)> {
    struct Pairs(Vec<(String, String)>);
    struct Typed(String);

    impl<'v> kv::VisitValue<'v> for Typed {
        fn visit_any(&mut self, value: kv::Value<'_>) -> Result<(), kv::Error> {
            self.0 = format!("any {value}");
            Ok(())
        }
        fn visit_null(&mut self) -> Result<(), kv::Error> {
            self.0 = "null".into();
            Ok(())
        }
        fn visit_u64(&mut self, value: u64) -> Result<(), kv::Error> {
            self.0 = format!("u64 {value}");
            Ok(())
        }
        fn visit_i64(&mut self, value: i64) -> Result<(), kv::Error> {
            self.0 = format!("i64 {value}");
            Ok(())
        }
        fn visit_f64(&mut self, value: f64) -> Result<(), kv::Error> {
            self.0 = format!("f64 {value}");
            Ok(())
        }
        fn visit_bool(&mut self, value: bool) -> Result<(), kv::Error> {
            self.0 = format!("bool {value}");
            Ok(())
        }
        fn visit_str(&mut self, value: &str) -> Result<(), kv::Error> {
            self.0 = format!("str {value}");
            Ok(())
        }
        fn visit_error(
            &mut self,
            error: &(dyn std::error::Error + 'static),
        ) -> Result<(), kv::Error> {
            self.0 = format!("error {error}");
            let mut next = error.source();
            while let Some(source) = next {
                self.0 += &format!(" <- {source}");
                next = source.source();
            }
            Ok(())
        }
        fn visit_borrowed_error(
            &mut self,
            error: &'v (dyn std::error::Error + 'static),
        ) -> Result<(), kv::Error> {
            self.visit_error(error)
        }
    }

    impl<'kvs> kv::VisitSource<'kvs> for Pairs {
        fn visit_pair(
            &mut self,
            key: kv::Key<'kvs>,
            value: kv::Value<'kvs>,
        ) -> Result<(), kv::Error> {
            let mut typed = Typed(String::new());
            value.visit(&mut typed)?;
            self.0.push((key.to_string(), typed.0));
            Ok(())
        }
    }

    let mut pairs = Pairs(Vec::new());
    record.key_values().visit(&mut pairs).unwrap();
    pairs.0
}
