//! The hot paths allocate nothing, and a reassembler holds no more than its limit.

mod common;

use allocation_counter::measure;
use common::golden_payload;
use log::{Level, Record};
use record_proto::{
    Encode, Fragment, LogRecord, Payload, Progress, Reassembler, RecordDecoder, Scratch, split,
};

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
    let info = measure(|| {
        for n in 0..100 {
            capture(n, "src/job.rs");
        }
    });
    assert_eq!(info.count_total, 0);
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
    let mut read = 0;
    let info = measure(|| {
        let Ok(Payload::Record(record)) = Payload::decode(&payload) else {
            return;
        };
        read = record.with_record(|record| {
            let mut all = ReadAll(record.target().len());
            record.key_values().visit(&mut all).unwrap();
            all.0
        });
    });
    assert_eq!((info.count_total, read), (0, 3 + "jobtookworker".len() + 2));
}

#[test]
fn a_decoder_allocates_nothing_for_the_threads_and_modules_that_it_has_seen() {
    let record = |thread: u64, module: usize| {
        let mut record = LogRecord::new(Level::Info, format!("app::m{module}"), "hello");
        record.pid = Some(7);
        record.thread_id = Some(thread);
        record.thread = Some(format!("worker-{thread}").into());
        record.module_path = Some(format!("app::m{module}").into());
        record.file = Some(format!("src/m{module}.rs").into());
        record.line = Some(7);
        let mut payload = Vec::new();
        record.encode(&mut payload);
        payload
    };
    let payloads: Vec<_> = (0..40)
        .map(|n| record(900 + n % 4, n as usize / 4))
        .collect();
    let mut decoder = RecordDecoder::new();
    let mut decode_all = || {
        for payload in &payloads {
            assert!(decoder.decode(payload).is_some());
        }
    };
    decode_all();
    let info = measure(|| (0..10).for_each(|_| decode_all()));
    assert_eq!(info.count_total, 0);
}

#[test]
fn refusing_a_payload_allocates_nothing() {
    let bomb = [1, 0x95, 0, 0, 3, 0xa0, 0xdb, 0xff, 0xff, 0xff, 0xff];
    let info = measure(|| assert!(Payload::decode(&bomb).is_err()));
    assert_eq!(info.count_total, 0);
}

#[test]
fn an_owned_record_takes_little_more_than_its_payload() {
    for name in ["record-all", "values-ints", "values-nested"] {
        let payload = golden_payload(name);
        let mut owned = None;
        let info = measure(|| {
            let Ok(Payload::Record(record)) = Payload::decode(&payload) else {
                panic!("{name}");
            };
            owned = Some(record.into_owned());
        });
        let most = payload.len() as i64 + 64;
        assert!(
            owned.is_some() && info.bytes_current <= most,
            "{name}: {info:?}"
        );
    }
}

/// What the bookkeeping of a single open record takes beyond what is counted for it.
const FIRST_NODES: i64 = 2048;

/// A reassembler whose memory is counted.
struct Counted {
    reassembler: Reassembler,
    limit: i64,
    held: i64,
}

impl Counted {
    fn new(limit: usize) -> Self {
        Self {
            reassembler: Reassembler::new().with_limit(limit),
            limit: limit as i64,
            held: 0,
        }
    }

    /// Returns whether a record is complete, and drops it.
    #[track_caller]
    fn push(&mut self, fragment: &Fragment<'_>) -> bool {
        let mut is_complete = false;
        let info = measure(|| {
            let progress = self.reassembler.push(fragment);
            is_complete = matches!(progress, Progress::Complete(_));
        });
        // A buffer that grows is counted twice while it is moved.
        let peak = self.held + info.bytes_max as i64;
        assert!(peak <= 2 * self.limit + FIRST_NODES, "a peak of {peak}");
        self.held += info.bytes_current;
        let held = self.held;
        assert!(held <= self.limit + FIRST_NODES, "{held} bytes are held");
        is_complete
    }
}

/// Streams of every length, of few and of very many records, none of which ever ends.
#[test]
fn a_reassembler_never_holds_more_than_its_limit() {
    for limit in [2_000, 65_536, 1_000_000] {
        for (length, streams) in [
            (0, 10_000),
            (10, 10_000),
            (700, 200),
            (20_000, 40),
            (65_000, 3),
        ] {
            println!("a limit of {limit}, {streams} streams of {length}");
            let piece = vec![7_u8; length];
            let mut reassembler = Counted::new(limit);
            for index in 0..30 {
                for stream in 0..streams {
                    let mut fragment = split(&[7], Some(1), stream, 4096).next().unwrap();
                    (fragment.index, fragment.last) = (index, false);
                    fragment.bytes = (&*piece).into();
                    assert!(!reassembler.push(&fragment));
                }
            }
            // A long record takes the room of those that it displaces.
            let long = vec![7; limit - 256];
            for fragment in split(&long, Some(2), 1, 65_536) {
                reassembler.push(&fragment);
            }
        }
    }
}
