use bytes::BufMut;

use crate::{
    Close, Dropped, ErrorInfo, Fragment, HEAD_LENGTH, Hello, KeyValues, Levels, LogRecord, Payload,
    pack::{self, Out, Room},
    payload,
};

/// Writing a payload, with or without the length in front of it. Cannot fail.
///
/// Fields that are nil at the end are left off, so that an absent field costs nothing.
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
    /// Where the payload has 4 GiB or more. The limits of a [`RecordCodec`](crate::RecordCodec) are not asked.
    fn encode_frame(&self, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&[0; HEAD_LENGTH]);
        self.encode(out);
        put_head(out, start);
    }
}

/// Room for more than this costs more to clear than it saves.
const MOST_ROOM: usize = 4096;

/// Writes the length of what is behind it.
fn put_head(out: &mut [u8], start: usize) {
    let length = out.len() - start - HEAD_LENGTH;
    let length = u32::try_from(length).expect("a payload of less than 4 GiB");
    out[start..start + HEAD_LENGTH].copy_from_slice(&length.to_be_bytes());
}

impl Encode for LogRecord<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        self.encode_into(out);
    }

    /// Into room that is made at once, so that no append has to look whether there is any.
    fn encode_frame(&self, out: &mut Vec<u8>) {
        let start = out.len();
        let payload = start + HEAD_LENGTH;
        let longest = self.longest_payload();
        if longest > MOST_ROOM {
            out.reserve(HEAD_LENGTH + longest);
            out.extend_from_slice(&[0; HEAD_LENGTH]);
            self.encode(out);
            return put_head(out, start);
        }
        out.resize(payload + longest, 0);
        let length = self.put_in(&mut out[start..]);
        out.truncate(start + length);
    }
}

impl LogRecord<'_> {
    pub(crate) const REQUIRED_FIELDS: usize = 5;

    /// Puts the frame at the start of `room` and returns its length, without growing or clearing anything.
    ///
    /// `None`, and `room` as it was, where the frame might be longer than that: what it takes at most is estimated from its
    /// texts, some 150 bytes more than it takes mostly.
    ///
    /// ```
    /// use record_proto::{Encode, LogRecord};
    ///
    /// let record = LogRecord::new(log::Level::Info, "worker", "job done");
    /// let mut room = [0; 4096];
    /// let length = record.encode_frame_in(&mut room).unwrap();
    ///
    /// let mut frame = Vec::new();
    /// record.encode_frame(&mut frame);
    /// assert_eq!(room[..length], frame);
    /// assert_eq!(record.encode_frame_in(&mut room[..40]), None);
    /// ```
    #[inline]
    pub fn encode_frame_in(&self, room: &mut [u8]) -> Option<usize> {
        (self.longest_frame() <= room.len()).then(|| self.put_in(room))
    }

    /// No frame of this record is longer: how much room [`encode_frame_in`](Self::encode_frame_in) asks for.
    #[inline]
    pub fn longest_frame(&self) -> usize {
        HEAD_LENGTH + self.longest_payload()
    }

    /// In room that is long enough.
    #[inline]
    fn put_in(&self, frame: &mut [u8]) -> usize {
        let mut room = Room::new(&mut frame[HEAD_LENGTH..]);
        self.encode_into(&mut room);
        let end = HEAD_LENGTH + room.length();
        put_head(&mut frame[..end], 0);
        end
    }

    #[inline(always)]
    fn encode_into(&self, out: &mut impl Out) {
        let fields = self.field_count();
        out.append_array([payload::RECORD]);
        pack::array_len(out, fields);
        pack::uint(out, self.seq);
        pack::uint(out, self.time);
        pack::uint(out, self.level as u64);
        pack::str(out, &self.target);
        pack::str(out, &self.message);
        if fields > 5 {
            pack::optional_uint(out, self.pid);
        }
        if fields > 6 {
            pack::optional_str(out, self.process.as_deref());
        }
        if fields > 7 {
            pack::optional_uint(out, self.thread_id);
        }
        if fields > 8 {
            pack::optional_str(out, self.thread.as_deref());
        }
        if fields > 9 {
            pack::optional_str(out, self.module_path.as_deref());
        }
        if fields > 10 {
            pack::optional_str(out, self.file.as_deref());
        }
        if fields > 11 {
            pack::optional_uint(out, self.line.map(u64::from));
        }
        if fields > 12 {
            key_values(out, &self.key_values);
        }
        if fields > 13 {
            key_values(out, &self.context);
        }
        if let Some(end) = self.usual_end() {
            return out.append_array(end);
        }
        if fields > 14 {
            error_info(out, self.error.as_ref());
        }
        if fields > 15 {
            pack::optional_uint(out, self.original_length);
        }
        if fields > 17 {
            // Field 16 is kept for spans.
            pack::nil(out);
            pack::optional_uint(out, self.instance.map(u64::from));
        }
    }

    /// The last four fields, as nearly all records of a handler have them: nothing but an instance, which is seldom small.
    #[inline]
    fn usual_end(&self) -> Option<[u8; 8]> {
        let instance = self
            .instance
            .filter(|&instance| instance > u16::MAX.into())?;
        let is_usual = self.error.is_none() && self.original_length.is_none();
        let [a, b, c, d] = instance.to_be_bytes();
        is_usual.then_some([0xc0, 0xc0, 0xc0, 0xce, a, b, c, d])
    }

    /// No payload of this record is longer: kind, array, and each object with its longest head.
    fn longest_payload(&self) -> usize {
        const HEAD: usize = 9;
        let optional = [&self.process, &self.thread, &self.module_path, &self.file];
        let texts: usize = optional
            .iter()
            .map(|text| text.as_ref().map_or(0, |text| text.len()))
            .sum();
        let pairs = self.key_values.as_bytes().len() + self.context.as_bytes().len();
        let error = self.error.as_ref().map_or(0, |error| {
            let optional = [&error.backtrace, &error.key];
            let texts: usize = optional
                .iter()
                .map(|text| text.as_ref().map_or(0, |text| text.len()))
                .sum();
            error.message.len() + error.sources.as_bytes().len() + texts + 4 * HEAD
        });
        // Kind, the head of an array of more than 15 fields, the fields.
        4 + 18 * HEAD + self.target.len() + self.message.len() + texts + pairs + error
    }

    /// How many fields there are without the nils at the end.
    fn field_count(&self) -> usize {
        match self {
            Self {
                instance: Some(_), ..
            } => 18,
            Self {
                original_length: Some(_),
                ..
            } => 16,
            Self { error: Some(_), .. } => 15,
            Self { context, .. } if !context.is_empty() => 14,
            Self { key_values, .. } if !key_values.is_empty() => 13,
            Self { line: Some(_), .. } => 12,
            Self { file: Some(_), .. } => 11,
            Self {
                module_path: Some(_),
                ..
            } => 10,
            Self {
                thread: Some(_), ..
            } => 9,
            Self {
                thread_id: Some(_), ..
            } => 8,
            Self {
                process: Some(_), ..
            } => 7,
            Self { pid: Some(_), .. } => 6,
            _ => Self::REQUIRED_FIELDS,
        }
    }
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
        pack::array_len(out, fields);
        pack::uint(out, self.version);
        if fields > 1 {
            pack::optional_uint(out, self.pid);
        }
        if fields > 2 {
            pack::optional_str(out, self.process.as_deref());
        }
        if fields > 3 {
            pack::optional_uint(out, self.time);
        }
        if fields > 4 {
            key_values(out, &self.context);
        }
        if fields > 5 {
            pack::optional_uint(out, self.instance.map(u64::from));
        }
    }
}

impl Encode for Fragment<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(payload::FRAGMENT);
        pack::array_len(out, 5);
        pack::optional_uint(out, self.pid);
        pack::uint(out, self.stream);
        pack::uint(out, self.index);
        pack::bool(out, self.last);
        pack::bin(out, &self.bytes);
    }
}

impl Encode for Dropped {
    fn encode(&self, out: &mut impl BufMut) {
        out.put_u8(payload::DROPPED);
        pack::array_len(out, 3 + usize::from(self.instance.is_some()));
        pack::optional_uint(out, self.pid);
        pack::optional_uint(out, self.time);
        levels(out, &self.counts);
        if let Some(instance) = self.instance {
            pack::uint(out, instance.into());
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
            Self {
                instance: Some(_), ..
            } => 5,
            _ => 4,
        };
        out.put_u8(payload::CLOSE);
        pack::array_len(out, fields);
        pack::optional_uint(out, self.pid);
        pack::optional_uint(out, self.time);
        pack::uint(out, self.sent);
        pack::uint(out, self.dropped);
        if fields > 4 {
            pack::optional_uint(out, self.instance.map(u64::from));
        }
        if let Some(counts) = &self.dropped_by_level {
            // Field 5 is kept for records that are held back.
            pack::nil(out);
            levels(out, counts);
        }
    }
}

/// [`Payload::Unknown`] becomes its kind with no fields: what else it had is not kept.
impl Encode for Payload<'_> {
    fn encode(&self, out: &mut impl BufMut) {
        match self {
            Payload::Hello(hello) => hello.encode(out),
            Payload::Record(record) => record.encode(out),
            Payload::Fragment(fragment) => fragment.encode(out),
            Payload::Dropped(dropped) => dropped.encode(out),
            Payload::Close(close) => close.encode(out),
            Payload::Unknown(kind) => {
                out.put_u8(*kind & 0x7f);
                pack::array_len(out, 0);
            }
        }
    }
}

fn levels(out: &mut impl Out, levels: &Levels) {
    pack::array_len(out, levels.0.len());
    for count in levels.0 {
        pack::uint(out, count);
    }
}

#[inline]
fn key_values(out: &mut impl Out, key_values: &KeyValues<'_>) {
    match key_values.as_bytes() {
        [] => pack::nil(out),
        bytes => out.append(bytes),
    }
}

fn error_info(out: &mut impl Out, error: Option<&ErrorInfo<'_>>) {
    let Some(error) = error else {
        return pack::nil(out);
    };
    pack::array_len(out, 4);
    pack::str(out, &error.message);
    out.append(error.sources.as_bytes());
    pack::optional_str(out, error.backtrace.as_deref());
    pack::optional_str(out, error.key.as_deref());
}
