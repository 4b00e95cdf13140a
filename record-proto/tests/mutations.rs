//! Golden frames with one byte or two changed, exhaustively within what is said at each test.
//!
//! Release mode covers the larger sets, which take minutes: `cargo test --release -p record-proto --test mutations`.

mod common;

use std::{collections::BTreeSet, fmt::Write, thread};

use allocation_counter::measure;
use common::{golden_names, golden_payload};
use record_proto::{Encode, LogRecord, Payload, PayloadError};

/// Whether there is time for the larger sets.
const WIDE: bool = !cfg!(debug_assertions);

/// What nobody who decodes may need more of.
const STACK: usize = 128 * 1024;

/// What is made of a payload takes this many times its bytes at most, and this for the least of payloads.
const TIMES: u64 = 64;
const LEAST: u64 = 4096;

/// The ends of every range of markers, each marker with something behind it, and what a terminal acts upon.
const MARKERS: [u8; 40] = [
    0x00, 0x01, 0x05, 0x06, 0x1b, 0x7f, 0x80, 0x81, 0x8f, 0x90, 0x91, 0x95, 0x9f, 0xa0, 0xa1, 0xbf,
    0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc9, 0xca, 0xcb, 0xcc, 0xcf, 0xd0, 0xd3, 0xd4,
    0xd8, 0xd9, 0xdb, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];

/// One of each kind: what is nearest to a wrong length, a wrong type or a wrong number.
const FEW_MARKERS: [u8; 10] = [0x00, 0x7f, 0x81, 0x91, 0xa1, 0xc0, 0xc1, 0xc4, 0xdd, 0xff];

/// Runs a check where the stack is small.
fn on_a_small_stack(check: impl FnOnce() + Send + 'static) {
    let thread = thread::Builder::new().stack_size(STACK);
    thread.spawn(check).unwrap().join().unwrap();
}

/// What one thread needs to look at many payloads.
#[derive(Default)]
struct Looker {
    text: String,
    again: Vec<u8>,
    /// The texts of errors without their numbers.
    errors: BTreeSet<String>,
    decoded: u64,
    refused: u64,
}

impl Looker {
    /// It is refused with a typed error, or it is a payload that is the same when written and read again.
    fn look(&mut self, bytes: &[u8]) {
        match Payload::decode(bytes) {
            Ok(payload) => {
                self.decoded += 1;
                self.again.clear();
                payload.encode(&mut self.again);
                assert_eq!(Payload::decode(&self.again).as_ref(), Ok(&payload));
            }
            Err(error) => self.refuse(&error, bytes),
        }
    }

    /// The text of an error is printable and, its numbers aside, one of few: it quotes nothing.
    fn refuse(&mut self, error: &PayloadError, bytes: &[u8]) {
        self.refused += 1;
        assert!(error.offset() <= bytes.len());
        self.text.clear();
        write!(self.text, "{error}").unwrap();
        let printable = |byte: u8| matches!(byte, b' '..=b'~');
        assert!(self.text.bytes().all(printable), "{:?}", self.text);
        self.text.retain(|letter| !letter.is_ascii_digit());
        if !self.errors.contains(&self.text) {
            self.errors.insert(self.text.clone());
        }
    }

    fn finish(&self) {
        assert!(self.decoded > 0 && self.refused > 0);
        let (decoded, refused) = (self.decoded, self.refused);
        println!(
            "{decoded} decoded, {refused} refused, {} texts",
            self.errors.len()
        );
    }

    /// All that can be read of a payload is read, within the bound on memory.
    fn read(&mut self, bytes: &[u8]) {
        let info = measure(|| match Payload::decode(bytes) {
            Ok(Payload::Record(record)) => read_record(&record, bytes.len()),
            Ok(Payload::Hello(hello)) => drop(hello.context.to_string()),
            Ok(_) | Err(_) => {}
        });
        let most = TIMES * bytes.len() as u64 + LEAST;
        assert!(info.bytes_max <= most, "{bytes:x?}: {info:?}");
    }
}

fn read_record(record: &LogRecord<'_>, length: usize) {
    record.with_record(|record| drop(common::visited(record)));
    for (_, value) in record.key_values.iter().chain(record.context.iter()) {
        let _ = value.to_string();
    }
    let mut owned = None;
    let info = measure(|| owned = Some(record.clone().into_owned()));
    assert!(info.bytes_current <= length as i64 + 64, "{info:?}");
    assert_eq!(owned.as_ref(), Some(record));
    let json = serde_json::to_string(record).unwrap();
    let again: LogRecord<'_> = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&again).unwrap(), json);
}

/// Every value at every place of every golden payload: 255 mutations of each byte. All are decoded; in debug mode those
/// of a marker's value are read as well, in release mode all.
#[test]
fn every_mutation_of_one_byte_is_refused_or_makes_another_payload() {
    on_a_small_stack(|| {
        let mut looker = Looker::default();
        for name in golden_names() {
            let mut payload = golden_payload(&name);
            for at in 0..payload.len() {
                let original = payload[at];
                for value in (0..=u8::MAX).filter(|&value| value != original) {
                    payload[at] = value;
                    looker.look(&payload);
                    if WIDE || FEW_MARKERS.contains(&value) {
                        looker.read(&payload);
                    }
                }
                payload[at] = original;
            }
        }
        // Some forty parts of a payload, each with a dozen types that do not belong there and a few other faults.
        assert!(looker.errors.len() < 1000, "{:#?}", looker.errors);
        looker.finish();
    });
}

/// Two bytes side by side, where a marker and the length behind it stand: all 65,536 values at every place of every
/// golden payload in release mode; every pair of 10 markers in debug mode.
#[test]
fn every_mutation_of_two_bytes_side_by_side_is_refused_or_makes_another_payload() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    let values = if WIDE { &all[..] } else { &FEW_MARKERS };
    every_pair(usize::MAX, values, |at, other| other == at + 1);
}

/// Two bytes anywhere: every pair of places of the golden payloads of up to 64 bytes with every pair of the 40 markers
/// in release mode; up to 32 bytes with every pair of 10 markers in debug mode.
#[test]
fn markers_at_every_two_places_are_refused_or_make_another_payload() {
    match WIDE {
        true => every_pair(64, &MARKERS, |_, _| true),
        false => every_pair(32, &FEW_MARKERS, |_, _| true),
    }
}

/// Two bytes anywhere with all 65,536 values: golden payloads of up to 16 bytes in release mode, of up to 3 in debug
/// mode.
#[test]
fn every_mutation_of_two_bytes_of_the_shortest_is_refused_or_makes_another_payload() {
    let all: Vec<u8> = (0..=u8::MAX).collect();
    every_pair(if WIDE { 16 } else { 3 }, &all, |_, _| true);
}

/// Looks at the golden payloads of at most `longest` bytes with these values at all pairs of places that are wanted.
fn every_pair(longest: usize, values: &[u8], wanted: fn(usize, usize) -> bool) {
    let values = values.to_vec();
    on_a_small_stack(move || {
        let mut looker = Looker::default();
        let payloads = golden_names().into_iter().map(|name| golden_payload(&name));
        for mut payload in payloads.filter(|payload| payload.len() <= longest) {
            for at in 0..payload.len() {
                for other in (at + 1..payload.len()).filter(|&other| wanted(at, other)) {
                    looker.look_at_pairs(&mut payload, [at, other], &values);
                }
            }
        }
        looker.finish();
    });
}

impl Looker {
    fn look_at_pairs(&mut self, payload: &mut [u8], [at, other]: [usize; 2], values: &[u8]) {
        let original = (payload[at], payload[other]);
        for &value in values {
            payload[at] = value;
            for &value in values {
                payload[other] = value;
                self.look(payload);
            }
        }
        // Whatever came last is read, too: once for each pair of places.
        self.read(payload);
        (payload[at], payload[other]) = original;
    }
}

#[cfg(feature = "codec")]
mod lengths {
    use bytes::BytesMut;
    use record_proto::{CodecError, DEFAULT_MAX_FRAME_LENGTH, RecordCodec};
    use tokio_util::codec::Decoder;

    use crate::common::{golden, golden_names};

    /// The length in front: every value at each of its four bytes. A longer one is missing or impossible, a shorter one
    /// leaves bytes that are the next frame's.
    #[test]
    fn every_mutation_of_a_length_is_a_typed_end_or_other_frames() {
        for name in golden_names() {
            let original = golden(&name);
            for at in 0..4 {
                for value in 0..=u8::MAX {
                    let mut frame = original.clone();
                    frame[at] = value;
                    let length = u32::from_be_bytes(*frame.first_chunk().unwrap()) as usize;
                    let behind = frame.len() - 4;
                    let mut stream = BytesMut::from(&frame[..]);
                    match RecordCodec::new().decode_eof(&mut stream) {
                        Ok(Some(frame)) => {
                            assert!(length <= behind);
                            assert_eq!(
                                (frame.payload().len(), stream.len()),
                                (length, behind - length)
                            );
                        }
                        Err(CodecError::Truncated { have, offset: 0 }) => {
                            assert!(length > behind && have == frame.len());
                        }
                        Err(CodecError::FrameTooLong { .. }) => {
                            assert!(length > DEFAULT_MAX_FRAME_LENGTH)
                        }
                        other => panic!("{other:?}"),
                    }
                }
            }
        }
    }
}
