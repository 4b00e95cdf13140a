//! `Packets`: finds the frames in the writes of the program, and what is wrong with the writes.

use record_proto::{DEFAULT_MAX_FRAME_LENGTH, HEAD_LENGTH, Payload};

use super::{
    place::Place,
    rule::{self, Finding},
};

/// The longest write that the system keeps in one piece.
const PIPE_BUF: usize = rustix::pipe::PIPE_BUF;

/// The writes of the program, one packet each. The system cuts a write above `PIPE_BUF` into several packets.
#[derive(Debug)]
pub(crate) struct Packets {
    /// The program is alone on the pipe and has one thread, so its frames may be long and in several writes.
    alone: bool,
    /// The part of a frame that has arrived.
    begun: Vec<u8>,
    /// The bytes of the stream before `begun`.
    offset: u64,
    /// The length of the packet in which `begun` ends.
    last_packet: usize,
    /// The beginning of the next frame is unknown.
    lost: bool,
    found: Vec<Finding>,
}

/// A payload, and the place of its frame.
#[derive(Debug)]
pub(crate) struct Arrived {
    pub(crate) place: Place,
    pub(crate) payload: Vec<u8>,
}

impl Packets {
    pub(crate) fn new(alone: bool) -> Self {
        Self {
            alone,
            begun: Vec::new(),
            offset: 0,
            last_packet: 0,
            lost: false,
            found: Vec::new(),
        }
    }

    /// Returns the bytes of the stream so far.
    pub(crate) fn position(&self) -> u64 {
        self.offset + self.begun.len() as u64
    }

    /// Takes one packet and returns the frames that are whole by now.
    pub(crate) fn push(&mut self, packet: &[u8]) -> Vec<Arrived> {
        if !self.begun.is_empty() {
            self.continue_frame(packet);
        }
        if self.lost && !is_whole_frames(packet) {
            self.offset += packet.len() as u64;
            return Vec::new();
        }
        self.lost = false;
        let joined = !self.begun.is_empty();
        self.begun.extend_from_slice(packet);
        self.last_packet = packet.len();
        self.whole_frames(joined)
    }

    /// Ends the stream, and returns all that was found.
    pub(crate) fn finish(mut self) -> Vec<Finding> {
        if !self.begun.is_empty() {
            let text = format!(
                "the stream ends inside this frame: {} of {} arrived",
                count(self.begun.len()),
                frame_length(&self.begun).map_or("its bytes".to_owned(), count),
            );
            self.find(&rule::WHOLE_FRAMES, text);
        }
        self.found
    }

    /// Decides whether a packet goes on with the frame that has begun, and what is wrong with that.
    fn continue_frame(&mut self, packet: &[u8]) {
        let both = [&self.begun, packet].concat();
        if is_whole_frames(packet) && !is_whole_frames(&both) {
            let text = format!(
                "{} that are no frame, before a write that begins with one",
                count(self.begun.len())
            );
            self.find(&rule::GARBAGE, text);
            self.offset += self.begun.len() as u64;
            self.begun.clear();
            return;
        }
        let is_known = self
            .found
            .last()
            .is_some_and(|last| last.place() == Place::Stream(self.offset));
        if self.alone || is_known {
            return;
        }
        let length = frame_length(&both).unwrap_or_default();
        if length > PIPE_BUF {
            let text = format!("a frame of {}, above {PIPE_BUF}", count(length));
            self.find(&rule::PIPE_BUF, text);
        } else if self.last_packet >= PIPE_BUF {
            let text = format!("a write of more than {PIPE_BUF} bytes ends after this frame began");
            self.find(&rule::PIPE_BUF, text);
        } else {
            let text = format!(
                "the first {} of this frame of {} are a write of their own",
                count(self.begun.len()),
                count(length),
            );
            self.find(&rule::ONE_WRITE, text);
        }
    }

    fn whole_frames(&mut self, joined: bool) -> Vec<Arrived> {
        let mut frames = Vec::new();
        while let Some(length) = frame_length(&self.begun) {
            if length - HEAD_LENGTH > DEFAULT_MAX_FRAME_LENGTH {
                let after_a_frame = !frames.is_empty() || joined;
                self.lose(length - HEAD_LENGTH, after_a_frame);
                break;
            }
            if self.begun.len() < length {
                break;
            }
            let rest = self.begun.split_off(length);
            let payload = std::mem::replace(&mut self.begun, rest).split_off(HEAD_LENGTH);
            frames.push(Arrived {
                place: Place::Stream(self.offset),
                payload,
            });
            self.offset += length as u64;
        }
        frames
    }

    /// A length that no frame has: the rest of the packet is left out.
    fn lose(&mut self, length: usize, after_a_frame: bool) {
        let is_text = self.begun[..HEAD_LENGTH]
            .iter()
            .all(|byte| byte.is_ascii_graphic() || byte.is_ascii_whitespace());
        let looks = if is_text {
            " (the bytes look like text)"
        } else {
            ""
        };
        match after_a_frame {
            true => {
                let text = format!(
                    "{} after a frame that are no frame{looks}",
                    count(self.begun.len())
                );
                self.find(&rule::GARBAGE, text);
            }
            false => {
                let text = format!("a length of {}{looks}", count(length));
                self.find(&rule::LENGTH, text);
            }
        }
        self.offset += self.begun.len() as u64;
        self.begun.clear();
        self.lost = true;
    }

    fn find(&mut self, rule: &'static rule::Rule, text: String) {
        let place = Place::Stream(self.offset);
        self.found.push(Finding::new(place, rule, text));
    }
}

/// Whether these bytes are whole frames and nothing else, the first of which can be read.
fn is_whole_frames(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(length) = frame_length(rest).filter(|&length| length <= rest.len()) {
        let is_first = rest.len() == bytes.len();
        if is_first && Payload::decode(&rest[HEAD_LENGTH..length]).is_err() {
            return false;
        }
        rest = &rest[length..];
    }
    rest.is_empty() && !bytes.is_empty()
}

/// Returns the length of the frame that begins here, its length's four bytes included.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let head = bytes.first_chunk::<HEAD_LENGTH>()?;
    Some(HEAD_LENGTH + u32::from_be_bytes(*head) as usize)
}

fn count(bytes: usize) -> String {
    match bytes {
        1 => "1 byte".to_owned(),
        _ => format!("{bytes} bytes"),
    }
}
