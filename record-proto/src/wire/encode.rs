//! `Encode`: writing a payload of any kind. A record, the most frequent kind, is in `encode_record`.

use bytes::BufMut;

use super::fragment::Fragment;
use super::payload::{self, Close, Dropped, Hello, Levels, Payload};
use crate::kv::KeyValues;
use crate::msgpack::{MsgpackWrite, write};

/// The size in bytes of the length in front of each payload of a stream: a big-endian `u32`.
pub const HEAD_LENGTH: usize = 4;

/// Encodes a payload, with or without the length in front of it. Encoding cannot fail.
///
/// Nil fields at the end are left off, so that an absent field costs nothing.
///
/// ```
/// use record_proto::{Close, Encode};
///
/// let mut frame = Vec::new();
/// Close::new().encode_frame(&mut frame);
/// assert_eq!(frame, [0, 0, 0, 6, 4, 0x94, 0xc0, 0xc0, 0, 0]);
/// ```
pub trait Encode {
    /// Appends the payload: one message of a message transport.
    fn encode(&self, out: &mut impl BufMut);

    /// Appends the payload with its length in front: one frame of a byte stream.
    ///
    /// # Panics
    ///
    /// Panics if the payload has 4 GiB or more. The limit of a [`RecordCodec`](crate::RecordCodec) is not checked here.
    fn encode_frame(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_LENGTH]);
        self.encode(out);
        put_head(out, start);
    }
}

/// Writes the length of the payload that begins after the head at `start` into that head.
pub(crate) fn put_head(out: &mut [u8], start: usize) {
    let length = out.len() - start - HEAD_LENGTH;
    let length = u32::try_from(length).expect("a payload of less than 4 GiB");
    out[start..start + HEAD_LENGTH].copy_from_slice(&length.to_be_bytes());
}

impl Encode for Hello<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        let fields = match self {
            Self {
                instance: Some(_), ..
            } => 6,
            Self { context, .. } if !context.is_empty() => 5,
            Self { time: Some(_), .. } => 4,
            Self {
                process: Some(_), ..
            } => 3,
            Self { pid: Some(_), .. } => 2,
            _ => 1,
        };
        out.put_u8(payload::HELLO);
        write::array_len(out, fields);
        write::uint(out, self.version);
        if fields > 1 {
            write::optional_uint(out, self.pid);
        }
        if fields > 2 {
            write::optional_str(out, self.process.as_deref());
        }
        if fields > 3 {
            write::optional_uint(out, self.time);
        }
        if fields > 4 {
            key_values(out, &self.context);
        }
        if fields > 5 {
            write::optional_uint(out, self.instance.map(u64::from));
        }
    }
}

impl Encode for Fragment<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(payload::FRAGMENT);
        write::array_len(out, 5);
        write::optional_uint(out, self.pid);
        write::uint(out, self.stream);
        write::uint(out, self.index);
        write::bool(out, self.last);
        write::bin(out, &self.bytes);
    }
}

impl Encode for Dropped {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(payload::DROPPED);
        write::array_len(out, 3 + usize::from(self.instance.is_some()));
        write::optional_uint(out, self.pid);
        write::optional_uint(out, self.time);
        levels(out, &self.counts);
        if let Some(instance) = self.instance {
            write::uint(out, instance.into());
        }
    }
}

impl Encode for Close {
    fn encode(&self, out: &mut impl BufMut) {
        let fields = match self {
            Self {
                dropped_by_level: Some(_),
                ..
            } => 7,
            Self { held_back: 1.., .. } => 6,
            Self {
                instance: Some(_), ..
            } => 5,
            _ => 4,
        };
        out.put_u8(payload::CLOSE);
        write::array_len(out, fields);
        write::optional_uint(out, self.pid);
        write::optional_uint(out, self.time);
        write::uint(out, self.sent);
        write::uint(out, self.dropped);
        if fields > 4 {
            write::optional_uint(out, self.instance.map(u64::from));
        }
        if fields > 5 {
            write::optional_uint(out, (self.held_back > 0).then_some(self.held_back));
        }
        if let Some(counts) = &self.dropped_by_level {
            levels(out, counts);
        }
    }
}

/// Encodes any payload. A [`Payload::Unknown`] is encoded without fields, because decoding does not keep them.
impl Encode for Payload<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        match self {
            Payload::Hello(hello) => hello.encode(out),
            Payload::Record(record) => record.encode(out),
            Payload::Fragment(fragment) => fragment.encode(out),
            Payload::Dropped(dropped) => dropped.encode(out),
            Payload::Close(close) => close.encode(out),
            Payload::Bell => {
                out.put_u8(payload::BELL);
                write::array_len(out, 0);
            }
            Payload::Unknown(kind) => {
                out.put_u8(*kind & 0x7f);
                write::array_len(out, 0);
            }
        }
    }
}

fn levels(out: &mut impl MsgpackWrite, levels: &Levels) {
    write::array_len(out, levels.0.len());
    for count in levels.0 {
        write::uint(out, count);
    }
}

#[inline]
pub(crate) fn key_values(out: &mut impl MsgpackWrite, key_values: &KeyValues<'_>) {
    match key_values.as_bytes() {
        [] => write::nil(out),
        bytes => out.append(bytes),
    }
}
