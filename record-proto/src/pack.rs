//! Writing MessagePack: each function appends one object, or the head of one, in its shortest form.

use bytes::BufMut;

pub(crate) fn nil(out: &mut impl BufMut) {
    out.put_u8(0xc0);
}

pub(crate) fn bool(out: &mut impl BufMut, value: bool) {
    out.put_u8(if value { 0xc3 } else { 0xc2 });
}

pub(crate) fn uint(out: &mut impl BufMut, value: u64) {
    if value < 0x80 {
        out.put_u8(value as u8);
    } else if let Ok(value) = u8::try_from(value) {
        out.put_slice(&[0xcc, value]);
    } else if let Ok(value) = u16::try_from(value) {
        head(out, 0xcd, value.to_be_bytes());
    } else if let Ok(value) = u32::try_from(value) {
        head(out, 0xce, value.to_be_bytes());
    } else {
        head(out, 0xcf, value.to_be_bytes());
    }
}

pub(crate) fn int(out: &mut impl BufMut, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        uint(out, value);
    } else if value >= -32 {
        out.put_i8(value as i8);
    } else if let Ok(value) = i8::try_from(value) {
        head(out, 0xd0, value.to_be_bytes());
    } else if let Ok(value) = i16::try_from(value) {
        head(out, 0xd1, value.to_be_bytes());
    } else if let Ok(value) = i32::try_from(value) {
        head(out, 0xd2, value.to_be_bytes());
    } else {
        head(out, 0xd3, value.to_be_bytes());
    }
}

pub(crate) fn f64(out: &mut impl BufMut, value: f64) {
    head(out, 0xcb, value.to_be_bytes());
}

pub(crate) fn str(out: &mut impl BufMut, text: &str) {
    let length = text.len();
    if length < 32 {
        out.put_u8(0xa0 | length as u8);
    } else if let Ok(length) = u8::try_from(length) {
        out.put_slice(&[0xd9, length]);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xda, length.to_be_bytes());
    } else {
        head(out, 0xdb, length32(length).to_be_bytes());
    }
    out.put_slice(text.as_bytes());
}

pub(crate) fn bin(out: &mut impl BufMut, bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.put_slice(&[0xc4, length]);
    } else if let Ok(length) = u16::try_from(bytes.len()) {
        head(out, 0xc5, length.to_be_bytes());
    } else {
        head(out, 0xc6, length32(bytes.len()).to_be_bytes());
    }
    out.put_slice(bytes);
}

pub(crate) fn array_len(out: &mut impl BufMut, length: usize) {
    if length < 16 {
        out.put_u8(0x90 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xdc, length.to_be_bytes());
    } else {
        head(out, 0xdd, length32(length).to_be_bytes());
    }
}

pub(crate) fn map_len(out: &mut impl BufMut, length: usize) {
    if length < 16 {
        out.put_u8(0x80 | length as u8);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xde, length.to_be_bytes());
    } else {
        head(out, 0xdf, length32(length).to_be_bytes());
    }
}

pub(crate) fn optional_str(out: &mut impl BufMut, text: Option<&str>) {
    match text {
        Some(text) => str(out, text),
        None => nil(out),
    }
}

pub(crate) fn optional_uint(out: &mut impl BufMut, value: Option<u64>) {
    match value {
        Some(value) => uint(out, value),
        None => nil(out),
    }
}

/// A marker and a big-endian number as one append.
fn head<const N: usize>(out: &mut impl BufMut, marker: u8, number: [u8; N]) {
    let mut bytes = [marker; 9];
    bytes[1..=N].copy_from_slice(&number);
    out.put_slice(&bytes[..=N]);
}

/// MessagePack knows no longer objects. Nothing here builds one: every text is cut long before.
fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("an object of 4 GiB or more has no MessagePack form")
}
