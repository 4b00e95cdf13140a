//! What a stream of frames holds, worked out anew: the plainest reading of the wire format.

/// How a stream of bytes stops being frames.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    Eof,
    Truncated { have: usize, offset: u64 },
    TooLong { length: usize, offset: u64 },
}

/// All whole payloads and what is behind them.
pub fn split(stream: &[u8], longest: usize) -> (Vec<&[u8]>, Stop) {
    let mut payloads = Vec::new();
    let mut at = 0;
    loop {
        let rest = &stream[at..];
        let offset = at as u64;
        if rest.is_empty() {
            return (payloads, Stop::Eof);
        }
        if rest.len() < 4 {
            return (
                payloads,
                Stop::Truncated {
                    have: rest.len(),
                    offset,
                },
            );
        }
        let length = rest[..4]
            .iter()
            .fold(0, |length, &byte| length * 256 + usize::from(byte));
        if length > longest {
            return (payloads, Stop::TooLong { length, offset });
        }
        if rest.len() < 4 + length {
            return (
                payloads,
                Stop::Truncated {
                    have: rest.len(),
                    offset,
                },
            );
        }
        payloads.push(&rest[4..4 + length]);
        at += 4 + length;
    }
}

/// The frame of a payload.
pub fn frame(payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload");
    [&length.to_be_bytes(), payload].concat()
}
