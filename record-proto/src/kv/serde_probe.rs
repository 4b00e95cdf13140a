//! `Probe`: telling a structure from a text before anything is serialized (feature `kv_serde`).

use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible},
};

use crate::text::format;

/// A serializer that finds out whether a value is only a text, and that formats the text if it is.
///
/// A value that was captured by `Debug` or `Display` serializes as the text that these print. Other serializers call
/// `to_string` for it, which panics if the formatting fails. This one formats it once, whatever happens.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    pub(crate) text: &'a mut String,
    pub(crate) limit: usize,
    /// The length of the whole text, if the value is one. The buffer has as much of it as fits.
    pub(crate) found: &'a mut Option<usize>,
}

/// Stops the serialization, which is possible only by an error. It passes through foreign code and carries nothing.
#[derive(Debug)]
pub(crate) struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was only looked at")
    }
}

impl std::error::Error for Stop {}

impl ser::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! structure {
    ($($method:ident($($argument:ty),*);)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<(), Stop> { Err(Stop) }
    )*};
}

macro_rules! compound {
    ($($method:ident($($argument:ty),*) -> $name:ident;)*) => {$(
        type $name = Impossible<(), Stop>;
        fn $method(self, $(_: $argument),*) -> Result<Self::$name, Stop> { Err(Stop) }
    )*};
}

impl Serializer for Probe<'_> {
    type Ok = ();
    type Error = Stop;

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Stop> {
        *self.found = Some(format(self.text, self.limit, value));
        Err(Stop)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Stop> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Stop> {
        Err(Stop)
    }

    structure! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_f32(f32);
        serialize_f64(f64);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(&'static str);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    compound! {
        serialize_seq(Option<usize>) -> SerializeSeq;
        serialize_tuple(usize) -> SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> SerializeTupleVariant;
        serialize_map(Option<usize>) -> SerializeMap;
        serialize_struct(&'static str, usize) -> SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> SerializeStructVariant;
    }
}
