//! Writing MessagePack: each function appends one object, or the head of one, in its shortest form.

use bytes::BufMut;

/// A destination to which objects are appended.
pub(crate) trait MsgpackWrite {
    /// Appends a fixed number of bytes.
    fn append_array<const N: usize>(&mut self, bytes: [u8; N]);

    /// Appends any number of bytes.
    fn append(&mut self, bytes: &[u8]);

    /// Appends a byte and then any number of bytes.
    #[inline(always)]
    fn append_after(&mut self, byte: u8, bytes: &[u8]) {
        self.append_array([byte]);
        self.append(bytes);
    }
}

impl<B: BufMut> MsgpackWrite for B {
    #[inline]
    fn append_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.put_slice(&bytes);
    }

    #[inline]
    fn append(&mut self, bytes: &[u8]) {
        self.put_slice(bytes);
    }
}

/// A slice that is known to be large enough for everything that is appended, so that it never has to grow.
///
/// # Panics
///
/// Appending panics if the slice is too short.
pub(crate) struct SliceWriter<'a> {
    bytes: &'a mut [u8],
    length: usize,
}

impl<'a> SliceWriter<'a> {
    pub(crate) fn new(bytes: &'a mut [u8]) -> Self {
        Self { bytes, length: 0 }
    }

    /// Returns how many bytes were appended.
    pub(crate) fn length(&self) -> usize {
        self.length
    }
}

impl MsgpackWrite for SliceWriter<'_> {
    #[inline(always)]
    fn append_array<const N: usize>(&mut self, bytes: [u8; N]) {
        self.bytes[self.length..self.length + N].copy_from_slice(&bytes);
        self.length += N;
    }

    /// Copies a short text, as most are, as two overlapping pieces of fixed length, which needs no call of `memcpy`.
    #[inline(always)]
    fn append(&mut self, bytes: &[u8]) {
        let place = &mut self.bytes[self.length..self.length + bytes.len()];
        self.length += bytes.len();
        copy_short(place, bytes);
    }
}

/// Copies `bytes` to a place of the same length. Up to 64 bytes are copied as two pieces that overlap, which needs no
/// call of `memcpy`.
#[inline(always)]
pub(crate) fn copy_short(place: &mut [u8], bytes: &[u8]) {
    match bytes.len() {
        1 => copy_ends::<1>(place, bytes),
        2..4 => copy_ends::<2>(place, bytes),
        4..8 => copy_ends::<4>(place, bytes),
        8..16 => copy_ends::<8>(place, bytes),
        16..=32 => copy_ends::<16>(place, bytes),
        33..=64 => copy_ends::<32>(place, bytes),
        _ => place.copy_from_slice(bytes),
    }
}

/// Copies the first `N` and the last `N` bytes: all of them, if there are `N` to `2 * N`.
#[inline(always)]
fn copy_ends<const N: usize>(place: &mut [u8], bytes: &[u8]) {
    if let (Some(from), Some(to)) = (bytes.first_chunk::<N>(), place.first_chunk_mut()) {
        *to = *from;
    }
    if let (Some(from), Some(to)) = (bytes.last_chunk::<N>(), place.last_chunk_mut()) {
        *to = *from;
    }
}

#[inline(always)]
pub(crate) fn nil(out: &mut impl MsgpackWrite) {
    out.append_array([0xc0]);
}

#[inline]
pub(crate) fn bool(out: &mut impl MsgpackWrite, value: bool) {
    out.append_array([if value { 0xc3 } else { 0xc2 }]);
}

#[inline(always)]
pub(crate) fn uint(out: &mut impl MsgpackWrite, value: u64) {
    if value < 0x80 {
        return out.append_array([value as u8]);
    }
    let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
    match value {
        0x80..0x100 => out.append_array([0xcc, h]),
        0x100..0x1_0000 => out.append_array([0xcd, g, h]),
        0x1_0000..0x1_0000_0000 => out.append_array([0xce, e, f, g, h]),
        _ => out.append_array([0xcf, a, b, c, d, e, f, g, h]),
    }
}

#[inline]
pub(crate) fn int(out: &mut impl MsgpackWrite, value: i64) {
    if let Ok(value) = u64::try_from(value) {
        uint(out, value);
    } else if value >= -32 {
        out.append_array([value as u8]);
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

#[inline]
pub(crate) fn f64(out: &mut impl MsgpackWrite, value: f64) {
    head(out, 0xcb, value.to_be_bytes());
}

#[inline(always)]
pub(crate) fn str(out: &mut impl MsgpackWrite, text: &str) {
    let length = text.len();
    if length < 32 {
        return out.append_after(0xa0 | length as u8, text.as_bytes());
    }
    if let Ok(length) = u8::try_from(length) {
        out.append_array([0xd9, length]);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xda, length.to_be_bytes());
    } else {
        head(out, 0xdb, length32(length).to_be_bytes());
    }
    out.append(text.as_bytes());
}

#[inline]
pub(crate) fn bin(out: &mut impl MsgpackWrite, bytes: &[u8]) {
    if let Ok(length) = u8::try_from(bytes.len()) {
        out.append_array([0xc4, length]);
    } else if let Ok(length) = u16::try_from(bytes.len()) {
        head(out, 0xc5, length.to_be_bytes());
    } else {
        head(out, 0xc6, length32(bytes.len()).to_be_bytes());
    }
    out.append(bytes);
}

#[inline(always)]
pub(crate) fn array_len(out: &mut impl MsgpackWrite, length: usize) {
    if length < 16 {
        out.append_array([0x90 | length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xdc, length.to_be_bytes());
    } else {
        head(out, 0xdd, length32(length).to_be_bytes());
    }
}

#[inline]
pub(crate) fn map_len(out: &mut impl MsgpackWrite, length: usize) {
    if length < 16 {
        out.append_array([0x80 | length as u8]);
    } else if let Ok(length) = u16::try_from(length) {
        head(out, 0xde, length.to_be_bytes());
    } else {
        head(out, 0xdf, length32(length).to_be_bytes());
    }
}

#[inline(always)]
pub(crate) fn optional_str(out: &mut impl MsgpackWrite, text: Option<&str>) {
    match text {
        Some(text) => str(out, text),
        None => nil(out),
    }
}

#[inline(always)]
pub(crate) fn optional_uint(out: &mut impl MsgpackWrite, value: Option<u64>) {
    match value {
        Some(value) => uint(out, value),
        None => nil(out),
    }
}

/// Appends a marker and a big-endian number at once.
#[inline]
fn head<const N: usize>(out: &mut impl MsgpackWrite, marker: u8, number: [u8; N]) {
    let mut bytes = [marker; 9];
    bytes[1..=N].copy_from_slice(&number);
    out.append(&bytes[..=N]);
}

/// Returns the length of an object as MessagePack stores it.
///
/// # Panics
///
/// Panics if the length is 4 GiB or more, which MessagePack cannot express. Capturing never gets there: it cuts every
/// text long before.
fn length32(length: usize) -> u32 {
    u32::try_from(length).expect("an object of 4 GiB or more has no MessagePack form")
}
