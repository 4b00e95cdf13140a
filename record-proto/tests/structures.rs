//! Structures among the key-values: lists and maps with `kv_serde`, whatever their `Serialize` does.
#![cfg(feature = "kv_serde")]

mod common;

use std::{collections::BTreeMap, fmt};

use common::{payload, visited};
use log::{Record, kv::Value as Kv};
use record_proto::{FORMATTING_PANICKED, KeyValues, List, LogRecord, Scratch, Value};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeSeq},
};

#[derive(Debug, Serialize)]
struct Job {
    id: u32,
    name: &'static str,
    done: Option<bool>,
    sizes: Vec<f64>,
    state: State,
}

#[derive(Debug, Serialize)]
enum State {
    Idle,
    Busy { with: &'static str },
}

#[test]
fn a_structure_keeps_its_structure() {
    let job = Job {
        id: 7,
        name: "x",
        done: None,
        sizes: vec![0.5, 2.0],
        state: State::Busy { with: "y" },
    };
    let Some(Value::Map(map)) = capture(&Kv::from_serde(&job)) else {
        panic!("a map");
    };
    assert_eq!(
        map.to_string(),
        r#"{"id":7,"name":"x","done":null,"sizes":[0.5,2.0],"state":{"Busy":{"with":"y"}}}"#
    );
    let idle = capture(&Kv::from_serde(&State::Idle));
    assert_eq!(idle, Some("Idle".into()));
}

#[test]
fn a_simple_value_through_serde_is_a_simple_value() {
    assert_eq!(capture(&Kv::from_serde(&7_u8)), Some(7.into()));
    assert_eq!(capture(&Kv::from_serde(&-1.5_f32)), Some((-1.5).into()));
    assert_eq!(capture(&Kv::from_serde(&"x")), Some("x".into()));
    assert_eq!(capture(&Kv::from_serde(&None::<u8>)), Some(Value::Nil));
    assert_eq!(capture(&Kv::from_serde(&Some(true))), Some(true.into()));
}

#[test]
fn types_with_a_form_for_people_have_that_form() {
    let address = [std::net::Ipv4Addr::LOCALHOST];
    let list: List<'_> = ["127.0.0.1"].into_iter().collect();
    assert_eq!(capture(&Kv::from_serde(&address)), Some(list.into()));
}

#[test]
fn a_structure_that_the_format_cannot_hold_becomes_text() {
    let numbers = BTreeMap::from([(1, 2)]);
    let Some(Value::Str(text)) = capture(&Kv::from_serde(&numbers)) else {
        panic!("keys that are no text");
    };
    assert_eq!(text, "{1: 2}");

    let mut eight = serde_json::json!("x");
    for _ in 0..8 {
        eight = serde_json::json!([eight]);
    }
    let nine = serde_json::json!([eight]);
    assert!(matches!(
        capture(&Kv::from_serde(&eight)),
        Some(Value::List(_))
    ));
    let Some(Value::Str(text)) = capture(&Kv::from_serde(&nine)) else {
        panic!("nine deep");
    };
    assert!(text.starts_with("[[[[[[[[["), "{text}");
}

#[test]
fn a_structure_above_the_text_limit_becomes_a_cut_text() {
    let long = vec!["x".repeat(50); 4];
    let kvs = [("key", Kv::from_serde(&long))];
    let mut scratch = Scratch::new().with_text_limit(100);
    let record = scratch
        .capture(&Record::builder().key_values(&kvs).build())
        .into_owned();
    let Some(Value::Str(text)) = record.key_values.get("key") else {
        panic!("a text");
    };
    assert!(
        text.starts_with(r#"["xxx"#) && text.ends_with("… (cut, 216 bytes)"),
        "{text}"
    );
}

/// Whatever its `Serialize` does, a value costs neither the record nor the values beside it.
#[test]
fn a_structure_that_breaks_while_it_is_serialized_leaves_the_others_whole() {
    for breakage in [
        Breakage::Panics,
        Breakage::Fails,
        Breakage::PanicsInside,
        Breakage::FailsInside,
        Breakage::ShowsThenFails,
        Breakage::PromisesMore,
        Breakage::PromisesLess,
    ] {
        let kvs = [
            ("before", Kv::from(1)),
            ("key", Kv::from_serde(&breakage)),
            ("after", Kv::from(2)),
        ];
        let record = captured(&kvs);
        let keys: Vec<_> = record.key_values.iter().map(|(key, _)| key).collect();
        assert_eq!(keys, ["before", "key", "after"], "{breakage:?}");
        assert_eq!(record.key_values.get("before"), Some(1.into()));
        assert_eq!(record.key_values.get("after"), Some(2.into()));
        if let Breakage::Panics = breakage {
            assert_eq!(
                record.key_values.get("key"),
                Some(FORMATTING_PANICKED.into())
            );
        }
        let text = record.key_values.get("key");
        assert!(
            matches!(text, Some(Value::Str(_))),
            "{breakage:?}: {text:?}"
        );
    }
}

#[test]
fn a_logger_in_the_parent_is_shown_the_structure_again() {
    let mut record = common::record_of("hello");
    let list: List<'_> = [1, 2].into_iter().collect();
    let map: KeyValues<'_> = [("list", list)].into_iter().collect();
    record.key_values.push("map", map);
    record.with_record(|record| {
        let value = record.key_values().get("map".into()).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"list":[1,2]}"#);
        assert_eq!(visited(record).len(), 1);
        // Captured once more (a child's child), it is still the same.
        let mut scratch = Scratch::new();
        assert_eq!(
            scratch.capture(record).key_values.to_string(),
            r#"{"map":{"list":[1,2]}}"#
        );
    });
}

fn capture(value: &Kv<'_>) -> Option<Value<'static>> {
    let record = captured(&[("key", value.clone())]);
    record.key_values.get("key").map(Value::into_owned)
}

fn captured(kvs: &[(&str, Kv<'_>)]) -> LogRecord<'static> {
    let mut scratch = Scratch::new();
    let record = Record::builder().key_values(&kvs).build();
    let bytes = payload(&scratch.capture(&record));
    LogRecord::decode(&bytes).unwrap().into_owned()
}

#[derive(Debug, Clone, Copy)]
enum Breakage {
    Panics,
    Fails,
    PanicsInside,
    FailsInside,
    ShowsThenFails,
    PromisesMore,
    PromisesLess,
}

impl Serialize for Breakage {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let sequence = |serializer: S, promised, given| {
            let mut items = serializer.serialize_seq(Some(promised))?;
            for _ in 0..given {
                items.serialize_element("item")?;
            }
            Ok(items)
        };
        match self {
            Breakage::Panics => panic!("while serializing"),
            Breakage::Fails => Err(S::Error::custom("no form")),
            Breakage::PanicsInside => {
                let _items = sequence(serializer, 2, 1)?;
                panic!("while serializing")
            }
            Breakage::FailsInside => {
                let _items = sequence(serializer, 2, 1)?;
                Err(S::Error::custom("no form"))
            }
            Breakage::ShowsThenFails => {
                let _shown = serializer.serialize_u8(7)?;
                Err(S::Error::custom("no form"))
            }
            Breakage::PromisesMore => sequence(serializer, 5, 1)?.end(),
            Breakage::PromisesLess => sequence(serializer, 1, 5)?.end(),
        }
    }
}

impl fmt::Display for Breakage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}
