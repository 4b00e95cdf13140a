//! `KnownText`: a text that was checked before, and is recognised by its bytes.

use super::read::Reader;
use crate::text::without_controls;

/// The longest text that is kept, in bytes. The bound is there because the peer chooses the text.
const MAX_LENGTH: usize = 128;

/// A text without controls that was checked before, with its encoded bytes.
///
/// An encoded object contains its own length. So if the next bytes begin with the encoded text, the next object is this
/// text, and need not be checked again.
#[derive(Debug, Default)]
pub(crate) struct KnownText {
    /// The encoded text; empty before the first one.
    bytes: Vec<u8>,
    text: String,
}

impl KnownText {
    #[inline(always)]
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns the length of the encoded text.
    #[inline(always)]
    pub(crate) fn encoded_length(&self) -> usize {
        self.bytes.len()
    }

    /// Reads a text and keeps it as the known one. Returns `None` if the next object is no text, or a text that is long
    /// or has controls.
    #[inline(always)]
    pub(crate) fn read(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        match !self.bytes.is_empty() && reader.skip_bytes(&self.bytes) {
            true => Some(()),
            false => self.learn(reader),
        }
    }

    #[cold]
    #[inline(never)]
    fn learn(&mut self, reader: &mut Reader<'_>) -> Option<()> {
        let start = reader.position();
        let text = without_controls(reader.frequent_text()?)?;
        if text.len() > MAX_LENGTH {
            return None;
        }
        self.text.clear();
        self.text.push_str(text);
        self.bytes.clear();
        self.bytes.extend_from_slice(reader.since(start));
        Some(())
    }
}
