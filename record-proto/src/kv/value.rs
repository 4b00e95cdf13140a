//! `Value`, `List` and `KeyValues`: one typed value, values in order, and pairs. A value may hold any of them.

use std::borrow::Cow;

use log::kv;

use super::hints::Hints;
use crate::msgpack::{MAX_DEPTH, Reader, Token, write};
use crate::text::has_control;

/// One typed value of a record's key-values.
///
/// An integer is an [`I64`](Value::I64) if it fits, and a [`U64`](Value::U64) only above `i64::MAX`, so that equal
/// numbers are equal values. Build values with `From`, which chooses the right one. Lists and maps stay encoded and are
/// read on demand.
///
/// ```
/// use record_proto::{List, Value};
///
/// let sizes: List = [1, 2, 3].into_iter().collect();
/// let value = Value::from(sizes);
/// assert_eq!(value.to_string(), "[1,2,3]");
/// assert_eq!(Value::from(7_u64), Value::I64(7));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub enum Value<'a> {
    /// Nothing.
    Nil,
    /// A boolean.
    Bool(bool),
    /// An integer up to `i64::MAX`.
    I64(i64),
    /// An integer above `i64::MAX`.
    U64(u64),
    /// A floating point number.
    F64(f64),
    /// A text.
    Str(Cow<'a, str>),
    /// Bytes.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    List(List<'a>),
    /// Keys and values in order.
    Map(KeyValues<'a>),
}

/// Keys with typed values, in the order given. A key may occur more than once.
///
/// The pairs are kept encoded and checked: reading decodes on demand and copies nothing.
///
/// ```
/// use record_proto::{KeyValues, Value};
///
/// let mut context: KeyValues = [("worker", 3)].into_iter().collect();
/// context.push("role", "indexer");
/// assert_eq!(context.get("worker"), Some(Value::from(3)));
/// assert_eq!(context.to_string(), r#"{"worker":3,"role":"indexer"}"#);
/// ```
#[derive(Clone)]
pub struct KeyValues<'a> {
    /// One MessagePack map; empty if there are no pairs.
    pub(super) bytes: Cow<'a, [u8]>,
    pub(super) hints: Hints,
}

impl Value<'_> {
    /// Returns the same value with all borrowed parts copied.
    pub fn into_owned(self) -> Value<'static> {
        match self {
            Value::Nil => Value::Nil,
            Value::Bool(value) => Value::Bool(value),
            Value::I64(value) => Value::I64(value),
            Value::U64(value) => Value::U64(value),
            Value::F64(value) => Value::F64(value),
            Value::Str(value) => Value::Str(Cow::Owned(value.into_owned())),
            Value::Bytes(value) => Value::Bytes(Cow::Owned(value.into_owned())),
            Value::List(value) => Value::List(value.into_owned()),
            Value::Map(value) => Value::Map(value.into_owned()),
        }
    }

    /// Returns whether any key or text in the value, at any depth, has a [control](crate::is_control).
    pub fn has_control(&self) -> bool {
        match self {
            Value::Str(text) => has_control(text),
            Value::List(list) => list.iter().any(|item| item.has_control()),
            Value::Map(map) => map.has_control(),
            _ => false,
        }
    }

    /// Returns whether the value is neither bytes nor a list or map.
    pub(crate) fn is_scalar(&self) -> bool {
        !matches!(self, Value::Bytes(_) | Value::List(_) | Value::Map(_))
    }

    /// Appends the value, or its text if at `depth` it would nest deeper than the format allows.
    pub(crate) fn encode(&self, out: &mut Vec<u8>, depth: usize) {
        let start = out.len();
        match self {
            Value::Nil => write::nil(out),
            Value::Bool(value) => write::bool(out, *value),
            Value::I64(value) => write::int(out, *value),
            Value::U64(value) => write::uint(out, *value),
            Value::F64(value) => write::f64(out, *value),
            Value::Str(value) => write::str(out, value),
            Value::Bytes(value) => write::bin(out, value),
            Value::List(value) => out.extend_from_slice(value.as_bytes()),
            Value::Map(value) => out.extend_from_slice(value.as_bytes_or_empty_map()),
        }
        if matches!(self, Value::List(_) | Value::Map(_))
            && Reader::with_value_limit(&out[start..], usize::MAX)
                .value(depth)
                .is_err()
        {
            out.truncate(start);
            write::str(out, &self.to_string());
        }
    }
}

impl<'a> Value<'a> {
    /// Reads one value. Returns `None` at the end, or if the bytes were never checked and are malformed.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Option<Self> {
        let start = reader.position();
        Some(match reader.token().ok()? {
            Token::Nil => Value::Nil,
            Token::Bool(value) => Value::Bool(value),
            Token::Uint(value) => value.into(),
            Token::Int(value) => Value::I64(value),
            Token::Float(value) => Value::F64(value),
            Token::Str(length) => Value::Str(Cow::Borrowed(reader.text(length).ok()?)),
            Token::Bin(length) => Value::Bytes(Cow::Borrowed(reader.take(length).ok()?)),
            Token::Array(length) => {
                for _ in 0..length {
                    reader.skip().ok()?;
                }
                Value::List(List(Cow::Borrowed(reader.since(start))))
            }
            Token::Map(length) => {
                for _ in 0..length {
                    reader.skip().ok()?;
                    reader.skip().ok()?;
                }
                Value::Map(KeyValues::from_bytes(reader.since(start), Hints::UNKNOWN))
            }
            Token::Ext(_) => return None,
        })
    }
}

/// Converts a value for a logger: each type to its own, bytes to base64 text, lists and maps to structures with the
/// feature `kv_serde` and to JSON text without it.
impl kv::ToValue for Value<'_> {
    fn to_value(&self) -> kv::Value<'_> {
        match self {
            Value::Nil => kv::Value::null(),
            Value::Bool(value) => kv::Value::from(*value),
            Value::I64(value) => kv::Value::from(*value),
            Value::U64(value) => kv::Value::from(*value),
            Value::F64(value) => kv::Value::from(*value),
            Value::Str(value) => kv::Value::from(&**value),
            Value::Bytes(_) => kv::Value::from_display(self),
            #[cfg(feature = "kv_serde")]
            Value::List(_) | Value::Map(_) => kv::Value::from_serde(self),
            #[cfg(not(feature = "kv_serde"))]
            Value::List(_) | Value::Map(_) => kv::Value::from_display(self),
        }
    }
}

/// Values in order, encoded and checked.
///
/// It is built from an iterator. An item that would nest deeper than 8 becomes its JSON text.
///
/// ```
/// use record_proto::{List, Value};
///
/// let list: List = ["a", "b"].into_iter().collect();
/// assert_eq!(list.iter().nth(1), Some(Value::from("b")));
/// assert_eq!(list.len(), 2);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct List<'a>(Cow<'a, [u8]>);

impl<'a> List<'a> {
    /// Iterates over the values, in order.
    pub fn iter(&self) -> impl Iterator<Item = Value<'_>> {
        let mut reader = Reader::new(&self.0);
        let length = reader.array_len().unwrap_or(0);
        (0..length).map_while(move |_| Value::read(&mut reader))
    }

    /// Returns how many values there are.
    pub fn len(&self) -> usize {
        Reader::new(&self.0).array_len().unwrap_or(0)
    }

    /// Returns whether there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the same list with all borrowed parts copied.
    pub fn into_owned(self) -> List<'static> {
        List(Cow::Owned(self.0.into_owned()))
    }

    pub(crate) fn from_checked(bytes: &'a [u8]) -> Self {
        Self(Cow::Borrowed(bytes))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Iterates over a list that was checked to hold only texts.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let mut reader = Reader::new(&self.0);
        let length = reader.array_len().unwrap_or(0);
        (0..length).map_while(move |_| reader.str().ok())
    }
}

impl<'a, V: Into<Value<'a>>> FromIterator<V> for List<'static> {
    fn from_iter<I: IntoIterator<Item = V>>(values: I) -> Self {
        let mut items = Vec::new();
        let mut length = 0;
        for value in values {
            value.into().encode(&mut items, 1);
            length += 1;
        }
        let mut bytes = Vec::with_capacity(items.len() + 5);
        write::array_len(&mut bytes, length);
        bytes.extend_from_slice(&items);
        List(Cow::Owned(bytes))
    }
}

impl From<u64> for Value<'_> {
    fn from(value: u64) -> Self {
        i64::try_from(value).map_or(Value::U64(value), Value::I64)
    }
}

macro_rules! from {
    ($($type:ty => |$value:ident| $make:expr;)*) => {$(
        impl<'a> From<$type> for Value<'a> {
            fn from($value: $type) -> Self { $make }
        }
    )*};
}

from! {
    () => |_value| Value::Nil;
    bool => |value| Value::Bool(value);
    i32 => |value| Value::I64(value.into());
    i64 => |value| Value::I64(value);
    isize => |value| Value::I64(value as i64);
    u32 => |value| Value::I64(value.into());
    usize => |value| Value::from(value as u64);
    f64 => |value| Value::F64(value);
    &'a str => |value| Value::Str(Cow::Borrowed(value));
    String => |value| Value::Str(Cow::Owned(value));
    Cow<'a, str> => |value| Value::Str(value);
    &'a [u8] => |value| Value::Bytes(Cow::Borrowed(value));
    Vec<u8> => |value| Value::Bytes(Cow::Owned(value));
    List<'a> => |value| Value::List(value);
    KeyValues<'a> => |value| Value::Map(value);
}

// The docs of `KeyValues::push` and `List` name this number.
const _: () = assert!(MAX_DEPTH == 8);

impl<'a> KeyValues<'a> {
    /// Takes over a map that was checked.
    pub(super) fn from_bytes(bytes: &'a [u8], hints: Hints) -> Self {
        match bytes {
            // No pairs, in any of the forms that a writer may choose.
            [0x80] | [0xde, 0, 0] | [0xdf, 0, 0, 0, 0] => Self {
                bytes: Cow::Borrowed(&[]),
                hints: Hints::EMPTY,
            },
            bytes => Self {
                bytes: Cow::Borrowed(bytes),
                hints,
            },
        }
    }
}
