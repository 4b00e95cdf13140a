//! Any record, through the wire and back, with a second decoder's opinion.

mod common;

use common::{arbitrary, payload};
use proptest::{collection::vec, prelude::*};
use record_proto::{
    BatchReason, Encode, FRAGMENT_OVERHEAD, KeyValues, LogRecord, Payload, Progress, Reassembler,
    Spans, Value, has_control, is_control, split,
};

proptest! {
    #[test]
    fn a_frame_is_the_payload_with_its_length_in_front(record in arbitrary::record(300)) {
        let payload = payload(&record);
        let mut frame = vec![7];
        record.encode_frame(&mut frame);
        prop_assert_eq!(&frame[1..5], &(payload.len() as u32).to_be_bytes());
        prop_assert_eq!(&frame[5..], &payload[..]);
    }

    #[test]
    fn controls_are_found_in_any_text(text in arbitrary::text(70), plain in "[ -~]{0,70}") {
        let controls = |text: &str| text.chars().any(is_control);
        prop_assert_eq!(has_control(&text), controls(&text));
        prop_assert_eq!(has_control(&plain), false);
        for at in 0..=plain.len() {
            for control in ["\u{1b}", "\u{7f}", "\n", "\u{9b}", "\u{2028}"] {
                let spoilt = format!("{}{control}{}", &plain[..at], &plain[at..]);
                prop_assert!(has_control(&spoilt), "{:?}", spoilt);
            }
        }
    }

    #[test]
    fn controls_are_found_in_any_key_values(pairs in arbitrary::pairs(6)) {
        fn any(pairs: &KeyValues<'_>) -> bool {
            pairs.iter().any(|(key, value)| key.chars().any(is_control) || inside(value))
        }
        fn inside(value: Value<'_>) -> bool {
            match value {
                Value::Str(text) => text.chars().any(is_control),
                Value::List(list) => list.iter().any(inside),
                Value::Map(map) => any(&map),
                _ => false,
            }
        }
        prop_assert_eq!(pairs.has_control(), any(&pairs));
        // As decoded, what is known of them comes from the decoder.
        let mut record = LogRecord::new(log::Level::Info, "app", "");
        record.key_values = pairs;
        let bytes = payload(&record);
        let decoded = LogRecord::decode(&bytes).unwrap();
        prop_assert_eq!(decoded.key_values.has_control(), any(&record.key_values));
    }

    #[test]
    fn any_record_is_decoded_to_itself(record in arbitrary::record(300)) {
        let bytes = payload(&record);
        prop_assert_eq!(LogRecord::decode(&bytes), Ok(record.clone()));
        prop_assert_eq!(Payload::decode(&bytes), Ok(Payload::Record(record)));
    }

    #[test]
    fn any_record_is_two_objects_to_any_unpacker(record in arbitrary::record(100)) {
        let bytes = payload(&record);
        let mut rest = &bytes[..];
        let kind = rmpv::decode::read_value(&mut rest).unwrap();
        prop_assert_eq!(kind, rmpv::Value::from(1));
        let fields = rmpv::decode::read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty());

        let fields = fields.as_array().unwrap();
        prop_assert!((5..=19).contains(&fields.len()));
        prop_assert!(fields.len() == 5 || !fields.last().unwrap().is_nil(), "no nil at the end");
        let field = |n: usize| fields.get(n).unwrap_or(&rmpv::Value::Nil);
        prop_assert_eq!(field(0).as_u64(), Some(record.seq));
        prop_assert_eq!(field(1).as_u64(), Some(record.time));
        prop_assert_eq!(field(2).as_u64(), Some(record.level as u64));
        prop_assert_eq!(field(3).as_str(), Some(&*record.target));
        prop_assert_eq!(field(4).as_str(), Some(&*record.message));
        prop_assert_eq!(field(5).as_u64(), record.pid);
        prop_assert_eq!(field(6).as_str(), record.process.as_deref());
        prop_assert_eq!(field(7).as_u64(), record.thread_id);
        prop_assert_eq!(field(8).as_str(), record.thread.as_deref());
        prop_assert_eq!(field(9).as_str(), record.module_path.as_deref());
        prop_assert_eq!(field(10).as_str(), record.file.as_deref());
        prop_assert_eq!(field(11).as_u64(), record.line.map(u64::from));
        prop_assert_eq!(field(12), &oracle_map(&record.key_values));
        prop_assert_eq!(field(13), &oracle_map(&record.context));
        prop_assert_eq!(field(15).as_u64(), record.original_length);
        prop_assert_eq!(field(16), &oracle_spans(&record.spans));
        prop_assert_eq!(field(17).as_u64(), record.instance.map(u64::from));
        match &record.batch {
            None => prop_assert!(field(18).is_nil()),
            Some(batch) => {
                let reason = match batch.reason {
                    BatchReason::Escalation => 0,
                    BatchReason::Group => 1,
                    BatchReason::Other(number) => number,
                    other => panic!("{other:?} is new"),
                };
                let expected = [reason, batch.id, batch.left].map(rmpv::Value::from);
                prop_assert_eq!(field(18), &rmpv::Value::Array(expected.into()));
            }
        }
        match &record.error {
            None => prop_assert!(field(14).is_nil()),
            Some(error) => {
                let parts = field(14).as_array().unwrap();
                prop_assert_eq!(parts.len(), 4);
                prop_assert_eq!(parts[0].as_str(), Some(&*error.message));
                let sources = parts[1].as_array().unwrap().iter().map(|s| s.as_str().unwrap());
                prop_assert!(sources.eq(error.sources.iter()));
                prop_assert_eq!(parts[2].as_str(), error.backtrace.as_deref());
                prop_assert_eq!(parts[3].as_str(), error.key.as_deref());
            }
        }
    }

    #[test]
    fn what_another_encoder_wrote_is_read(pairs in vec((".{0,5}", any::<i64>()), 1..20)) {
        let map = rmpv::Value::Map(
            pairs.iter().map(|(key, value)| (key.as_str().into(), (*value).into())).collect(),
        );
        let mut fields = vec![1.into(), 2.into(), 3.into(), "app".into(), "hello".into()];
        fields.resize(12, rmpv::Value::Nil);
        fields.push(map);
        let mut bytes = vec![1];
        rmpv::encode::write_value(&mut bytes, &rmpv::Value::Array(fields)).unwrap();

        let mut expected = LogRecord::new(log::Level::Info, "app", "hello");
        (expected.seq, expected.time) = (1, 2);
        expected.key_values = pairs.into_iter().collect();
        prop_assert_eq!(LogRecord::decode(&bytes), Ok(expected));
    }

    #[test]
    fn any_record_is_the_same_once_it_is_cut_and_joined(
        record in arbitrary::record(300),
        max_frame in FRAGMENT_OVERHEAD + 1..200,
        pid in any::<Option<u64>>(),
        stream in any::<u64>(),
    ) {
        let whole = payload(&record);
        let mut reassembler = Reassembler::new();
        let mut joined = None;
        for fragment in split(&whole, pid, stream, max_frame) {
            prop_assert!(joined.is_none(), "nothing follows the last");
            let mut frame = Vec::new();
            fragment.encode_frame(&mut frame);
            prop_assert!(frame.len() <= max_frame);
            let Ok(Payload::Fragment(read)) = Payload::decode(&frame[4..]) else {
                panic!("a fragment");
            };
            prop_assert_eq!(&read, &fragment);
            match reassembler.push(&read) {
                Progress::Complete(bytes) => joined = Some(bytes),
                other => prop_assert_eq!(other, Progress::Incomplete),
            }
        }
        prop_assert_eq!(joined, Some(whole));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_prefix_of_a_record_is_refused(record in arbitrary::record(30)) {
        let bytes = payload(&record);
        for end in 0..bytes.len() {
            prop_assert!(Payload::decode(&bytes[..end]).is_err());
        }
    }
}

fn oracle_map(pairs: &KeyValues<'_>) -> rmpv::Value {
    if pairs.is_empty() {
        return rmpv::Value::Nil;
    }
    let pairs = pairs.iter();
    rmpv::Value::Map(
        pairs
            .map(|(key, value)| (key.into(), oracle(value)))
            .collect(),
    )
}

fn oracle(value: Value<'_>) -> rmpv::Value {
    match value {
        Value::Nil => rmpv::Value::Nil,
        Value::Bool(value) => value.into(),
        Value::I64(value) => value.into(),
        Value::U64(value) => value.into(),
        Value::F64(value) => value.into(),
        Value::Str(value) => (&*value).into(),
        Value::Bytes(value) => (&*value).into(),
        Value::List(list) => rmpv::Value::Array(list.iter().map(oracle).collect()),
        Value::Map(map) if map.is_empty() => rmpv::Value::Map(Vec::new()),
        Value::Map(map) => oracle_map(&map),
    }
}

fn oracle_spans(spans: &Spans<'_>) -> rmpv::Value {
    if spans.is_empty() {
        return rmpv::Value::Nil;
    }
    let span = |name: &str, fields: &KeyValues<'_>| {
        rmpv::Value::Array(vec![name.into(), oracle_map(fields)])
    };
    let all = spans.iter().map(|s| span(s.name, &s.fields));
    rmpv::Value::Array(all.collect())
}
