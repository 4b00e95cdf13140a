//! What the hot paths allocate: nothing, and what a reassembler holds: no more than its limit.

mod common;
#[path = "common/counting.rs"]
mod counting;

use common::golden_payload;
use counting::{CALLS, LIVE, PEAK};
use log::Record;
use record_proto::{Encode, Payload, Progress, Reassembler, Scratch, split};

fn calls<T>(run: impl FnOnce() -> T) -> (usize, T) {
    let before = CALLS.get();
    let result = run();
    (CALLS.get() - before, result)
}

#[test]
fn the_allocator_counts() {
    let (calls, _kept) = calls(|| Box::new([0_u8; 100]));
    assert_eq!(calls, 1);
}

#[test]
fn capturing_and_encoding_a_plain_record_allocates_nothing_once_warm() {
    let mut scratch = Scratch::new();
    let mut out = Vec::new();
    let mut capture = |n: u64, path: &str| {
        #[cfg(not(feature = "kv_serde"))]
        let state = Some(n);
        let kvs = [
            ("job", log::kv::Value::from(n)),
            ("path", path.into()),
            ("took", 1.5.into()),
            // The feature `kv_serde` makes a text of its own of these.
            #[cfg(not(feature = "kv_serde"))]
            ("state", log::kv::Value::from_debug(&state)),
        ];
        out.clear();
        let mut builder = Record::builder();
        builder.target("worker").key_values(&kvs);
        let args = format_args!("job {n} of {path} done");
        scratch
            .capture(&builder.args(args).build())
            .encode_frame(&mut out);
    };
    capture(1_000_000, "src/a/path/long/enough.rs");
    let (calls, ()) = calls(|| {
        for n in 0..100 {
            capture(n, "src/job.rs");
        }
    });
    assert_eq!(calls, 0);
}

#[test]
fn decoding_a_record_and_handing_it_to_a_logger_allocates_nothing() {
    struct ReadAll(usize);
    impl<'kvs> log::kv::VisitSource<'kvs> for ReadAll {
        fn visit_pair(
            &mut self,
            key: log::kv::Key<'kvs>,
            value: log::kv::Value<'kvs>,
        ) -> Result<(), log::kv::Error> {
            self.0 += key.as_str().len() + usize::from(value.to_u64().is_some());
            Ok(())
        }
    }
    let payload = golden_payload("record");
    let (calls, read) = calls(|| {
        let Ok(Payload::Record(record)) = Payload::decode(&payload) else {
            return 0;
        };
        record.with_record(|record| {
            let mut all = ReadAll(record.target().len());
            record.key_values().visit(&mut all).unwrap();
            all.0
        })
    });
    assert_eq!((calls, read), (0, 3 + "jobtookworker".len() + 2));
}

#[test]
fn refusing_a_payload_allocates_at_most_its_error() {
    let bomb = [1, 0x95, 0, 0, 3, 0xa0, 0xdb, 0xff, 0xff, 0xff, 0xff];
    let before = PEAK.replace(LIVE.get());
    let (_, refused) = calls(|| Payload::decode(&bomb).is_err());
    let peak = PEAK.replace(before) - LIVE.get();
    assert!(refused && peak < 256, "{peak}");
}

#[test]
fn an_owned_record_takes_little_more_than_its_payload() {
    for name in ["record-all", "values-ints", "values-nested"] {
        let payload = golden_payload(name);
        let before = LIVE.get();
        let Ok(Payload::Record(record)) = Payload::decode(&payload) else {
            panic!("{name}");
        };
        let owned = record.into_owned();
        let taken = LIVE.get() - before;
        assert!(taken <= payload.len() as isize + 64, "{name}: {taken}");
        drop(owned);
    }
}

/// What the bookkeeping of a single open record takes beyond what is counted for it.
const FIRST_NODES: isize = 2048;

/// Streams of every length, of few and of very many records, none of which ever ends.
#[test]
fn a_joiner_never_holds_more_than_its_limit() {
    for limit in [2_000, 65_536, 1_000_000] {
        for (length, streams) in [
            (0, 10_000),
            (10, 10_000),
            (700, 200),
            (20_000, 40),
            (65_000, 3),
        ] {
            let piece = vec![7_u8; length];
            let start = LIVE.get();
            PEAK.set(start);
            let mut reassembler = Reassembler::new().with_limit(limit);
            for index in 0..30 {
                for stream in 0..streams {
                    let mut fragment = split(&[7], Some(1), stream, 4096).next().unwrap();
                    (fragment.index, fragment.last) = (index, false);
                    fragment.bytes = (&*piece).into();
                    let joined = reassembler.push(&fragment);
                    assert!(!matches!(joined, Progress::Complete(_)));
                }
            }
            let held = PEAK.get() - start;
            assert!(
                held <= limit as isize + FIRST_NODES,
                "{held} bytes of {limit}, {streams} streams of {length}"
            );
            // What one long record displaced is given back.
            let long = vec![7; limit - 256];
            PEAK.set(LIVE.get());
            for fragment in split(&long, Some(2), 1, 65_536) {
                reassembler.push(&fragment);
            }
            let held = PEAK.get() - start - long.capacity() as isize;
            assert!(
                held <= limit as isize + FIRST_NODES,
                "{held} of {limit} beside a long record"
            );
        }
    }
}
