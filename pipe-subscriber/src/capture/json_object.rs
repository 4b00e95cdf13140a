//! `Object`: the members of a JSON object, whose values are still text.

use std::fmt;

use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};
use serde_json::value::RawValue;

/// The most key-values of a line.
pub(super) const MAX_PAIRS: usize = 256;

/// A member of an object: its name, and its value as text.
pub(super) type Member<'a> = (String, &'a RawValue);

/// The first members of an object, and the number of the others.
pub(super) struct Object<'a> {
    pub(super) kept: Vec<Member<'a>>,
    pub(super) left_out: usize,
}

impl<'de> Deserialize<'de> for Object<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor)
    }
}

struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kept, mut left_out) = (Vec::new(), 0);
        // Some more than become key-values, because three of them have another use.
        while kept.len() < MAX_PAIRS + 3
            && let Some(member) = map.next_entry()?
        {
            kept.push(member);
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            left_out += 1;
        }
        Ok(Object { kept, left_out })
    }
}
