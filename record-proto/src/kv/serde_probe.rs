use std::fmt;

use serde::{
    Serialize, Serializer,
    ser::{self, Impossible},
};

use crate::text::format;

/// Finds out whether a value is more than a text, without taking it apart.
///
/// A value that was captured by `Debug` or `Display` serializes as what they print. Other serializers print it by
/// `to_string`, which panics where the printing fails; this one prints it once, whatever happens.
#[derive(Debug)]
pub(crate) struct Probe<'a> {
    pub(crate) text: &'a mut String,
    pub(crate) limit: usize,
    /// How long the text is that was found; what fits is in the buffer.
    pub(crate) found: &'a mut Option<usize>,
}

/// A serializer stops by an error. It passes through others' hands and carries nothing.
#[derive(Debug)]
pub(crate) struct Enough;

impl fmt::Display for Enough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was only looked at")
    }
}

impl std::error::Error for Enough {}

impl ser::Error for Enough {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

macro_rules! structure {
    ($($method:ident($($argument:ty),*);)*) => {$(
        fn $method(self, $(_: $argument),*) -> Result<(), Enough> { Err(Enough) }
    )*};
}

macro_rules! compound {
    ($($method:ident($($argument:ty),*) -> $name:ident;)*) => {$(
        type $name = Impossible<(), Enough>;
        fn $method(self, $(_: $argument),*) -> Result<Self::$name, Enough> { Err(Enough) }
    )*};
}

impl Serializer for Probe<'_> {
    type Ok = ();
    type Error = Enough;

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Enough> {
        *self.found = Some(format(self.text, self.limit, value));
        Err(Enough)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Enough> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Enough> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Enough> {
        Err(Enough)
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
