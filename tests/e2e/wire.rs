//! Version 1 as bytes: the reader reads the frames below, and a handler writes the same.

use log::Level;
use pipe_subscriber::{Levels, StreamEnd};
use record_proto::{Payload, Value};
use rmpv::Value as Unpacked;

use crate::{
    raw::child_that_writes,
    support::{Tape, scenario, within},
};

/// Returns the frame of a payload in hexadecimal. Blanks are ignored.
fn frame(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
    let payload: Vec<u8> = digits.chunks(2).map(byte).collect();
    let mut frame = u32::try_from(payload.len())
        .expect("small")
        .to_be_bytes()
        .to_vec();
    frame.extend(payload);
    frame
}

#[test]
fn a_stream_of_version_1_is_read_as_it_was_written_down() {
    let stream = [
        // hello: version 1, pid 42, "worker", time, context {"job": 5}
        "00 95 01 2a a6776f726b6572 cf17979cfe362a0000 81 a36a6f62 05",
        // the least record: seq 1, time 0, info, "t", "hi"
        "01 95 01 00 03 a174 a26869",
        // the whole record, its numbers in the longest forms
        "01 dc0010 cf0000000000000007 cf17979cfe362a0000 02 d90473686f70 a568656c6c6f \
         ce0000002a a6776f726b6572 cd002b a46d61696e a473686f70 a773686f702e7273 cc0c \
         82 a16b c3 a16e cd0100 de0001 a36a6f62 d305 94 a46f6f7073 91 a3776879 c0 a16b cd1388",
        // a fragment of one piece, which holds the least record with seq 2, error and pid 42
        "02 95 2a cfffffffffffffffff 00 c3 c4 0c 01 96 02 00 01 a174 a3667261 2a",
        // dropped: pid 42, time, one of each but debug
        "03 93 2a 05 95 01 01 01 00 01",
        // close: pid 42, time, 7 sent, 4 dropped
        "04 94 2a 05 07 04",
        // close of the process without a pid
        "04 94 c0 c0 01 00",
    ];
    // The long form of 5 has eight bytes after its marker.
    let stream = stream.map(|hex| hex.replace("d305", "d3 0000000000000005"));
    let outcome = child_that_writes(stream.iter().flat_map(|hex| frame(hex)).collect());
    let summary = &outcome.summary;
    assert_eq!(
        (summary.malformed, summary.unknown),
        (0, 0),
        "{:?}",
        summary.reasons
    );
    assert_eq!(summary.end, StreamEnd::Clean);
    assert_eq!(
        (summary.received, summary.dropped, summary.missing),
        (3, 4, 5)
    );
    assert_eq!(summary.dropped_by_level, Levels([1, 1, 1, 0, 1]));
    assert_eq!(summary.processes[0].process.as_deref(), Some("worker"));

    let least = &outcome.records[0];
    assert_eq!((least.seq, least.time, least.level), (1, 0, Level::Info));
    assert_eq!(
        (&*least.target, &*least.message, least.pid),
        ("t", "hi", None)
    );

    let whole = &outcome.records[1];
    assert_eq!((whole.seq, whole.time), (7, 1_700_000_000_000_000_000));
    assert_eq!(
        (whole.level, &*whole.target, &*whole.message),
        (Level::Warn, "shop", "hello")
    );
    assert_eq!(
        (whole.pid, whole.process.as_deref()),
        (Some(42), Some("worker"))
    );
    assert_eq!(
        (whole.thread_id, whole.thread.as_deref()),
        (Some(43), Some("main"))
    );
    let place = (
        whole.module_path.as_deref(),
        whole.file.as_deref(),
        whole.line,
    );
    assert_eq!(place, (Some("shop"), Some("shop.rs"), Some(12)));
    let values: Vec<_> = whole.key_values.iter().collect();
    assert_eq!(values, [("k", Value::Bool(true)), ("n", Value::I64(256))]);
    assert_eq!(whole.context.to_string(), r#"{"job":5}"#);
    let error = whole.error.as_ref().expect("an error");
    assert_eq!((&*error.message, error.key.as_deref()), ("oops", Some("k")));
    assert_eq!(error.sources.iter().collect::<Vec<_>>(), ["why"]);
    assert_eq!(whole.original_length, Some(5_000));

    let joined = &outcome.records[2];
    assert_eq!(
        (joined.seq, joined.level, &*joined.message),
        (2, Level::Error, "fra")
    );
    assert_eq!(joined.pid, Some(42));
}

/// Returns the kind and the fields of a payload, and asserts that nothing follows them.
fn unpacked(payload: &[u8]) -> (u64, Vec<Unpacked>) {
    let mut rest = payload;
    let kind = rmpv::decode::read_value(&mut rest).expect("a kind");
    let fields = rmpv::decode::read_value(&mut rest).expect("fields");
    assert!(rest.is_empty(), "nothing behind the fields");
    assert_eq!(
        payload[0],
        u8::try_from(kind.as_u64().unwrap()).unwrap(),
        "a positive fixint"
    );
    let Unpacked::Array(fields) = fields else {
        panic!("{fields}");
    };
    (kind.as_u64().expect("a kind"), fields)
}

#[test]
fn a_handler_writes_what_was_written_down() {
    let tape = Tape::default();
    let outcome = within(async {
        let running = scenario("context").start();
        running.logs(|logs| logs.tee(tape.clone())).finish().await
    });
    outcome.assert_complete();
    let frames: Vec<_> = tape
        .frames()
        .iter()
        .map(|frame| unpacked(frame.payload()))
        .collect();
    let kinds: Vec<u64> = frames.iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0, 1, 1, 4]);

    let pid = Unpacked::from(outcome.pid);
    let context = |fields: &Unpacked| fields.to_string();
    let expected = r#"{"worker": 3, "job": "index", "ratio": 0.5}"#;
    let instance = Unpacked::from(outcome.records[0].instance.expect("an instance"));
    let [
        version,
        hello_pid,
        process,
        time,
        hello_context,
        hello_instance,
    ] = &frames[0].1[..]
    else {
        panic!("{:?}", frames[0]);
    };
    assert_eq!((version, hello_pid), (&Unpacked::from(1), &pid));
    assert_eq!(process.as_str(), Some("my worker"));
    assert!(time.as_u64() <= Some(outcome.records[0].time));
    assert_eq!(context(hello_context), expected);
    assert_eq!(*hello_instance, instance);

    let first = &frames[1].1;
    assert_eq!(first.len(), 18);
    assert_eq!(first[0], Unpacked::from(1));
    assert_eq!(first[1].as_u64(), Some(outcome.records[0].time));
    assert_eq!(first[2], Unpacked::from(3));
    assert_eq!(first[3].as_str(), Some("e2e_child::records"));
    assert_eq!(first[4].as_str(), Some("with a key-value"));
    assert_eq!((&first[5], first[6].as_str()), (&pid, Some("my worker")));
    assert_eq!((&first[7], first[8].as_str()), (&pid, Some("main")));
    assert_eq!(first[9].as_str(), Some("e2e_child::records"));
    assert!(
        first[10]
            .as_str()
            .is_some_and(|file| file.ends_with("records.rs"))
    );
    assert_eq!(first[11].as_u64(), outcome.records[0].line.map(u64::from));
    assert_eq!(first[12].to_string(), r#"{"worker": "own"}"#);
    assert_eq!(context(&first[13]), expected);
    assert!(first[14..17].iter().all(Unpacked::is_nil));
    assert_eq!(first[17], instance);
    assert_eq!(frames[2].1[12], Unpacked::Nil, "no key-values");

    let close = &frames[3].1;
    assert_eq!(close.len(), 5, "nils at the end are left off");
    assert_eq!(
        (&close[0], &close[2], &close[3], &close[4]),
        (&pid, &Unpacked::from(2), &Unpacked::from(0), &instance)
    );
}

#[test]
fn a_large_record_is_written_in_fragments_that_join_to_its_payload() {
    let tape = Tape::default();
    let outcome = within(async {
        let running = scenario("sizes").arg(20_000).start();
        running.logs(|logs| logs.tee(tape.clone())).finish().await
    });
    outcome.assert_complete();
    let frames = tape.frames();
    let mut joined = Vec::new();
    let fragments = &frames[1..frames.len() - 1];
    let mut streams = Vec::new();
    for (frame, index) in fragments.iter().zip(0..) {
        let (kind, fields) = unpacked(frame.payload());
        assert_eq!(kind, 2);
        let [pid, stream, own_index, last, bytes] = &fields[..] else {
            panic!("{fields:?}");
        };
        assert_eq!(pid.as_u64(), Some(outcome.pid));
        assert_eq!(own_index.as_u64(), Some(index));
        assert_eq!(last.as_bool(), Some(index + 1 == fragments.len() as u64));
        streams.push(stream.as_u64());
        joined.extend_from_slice(bytes.as_slice().expect("bin"));
    }
    streams.dedup();
    assert_eq!(streams.len(), 1);
    let Ok(Payload::Record(record)) = Payload::decode(&joined) else {
        panic!("a record");
    };
    assert_eq!(record.into_owned(), outcome.records[0]);
}
