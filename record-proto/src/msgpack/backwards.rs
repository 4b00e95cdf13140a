//! `Backwards`: writes objects from the last to the first.

/// Writes objects towards the beginning of a buffer, each in front of the one that was written before.
///
/// Objects are copied as blocks of a fixed size, which need only a few moves. A block ends where its object ends. Its
/// first bytes may belong to no object; the next object overwrites them.
pub(crate) struct Backwards<'b> {
    buffer: &'b mut [u8],
    position: usize,
}

impl<'b> Backwards<'b> {
    /// Creates a writer whose first object ends at `position`.
    #[inline(always)]
    pub(crate) fn new(buffer: &'b mut [u8], position: usize) -> Self {
        Self { buffer, position }
    }

    #[inline(always)]
    pub(crate) fn position(&self) -> usize {
        self.position
    }

    /// Returns the number of bytes from the present position to the end of the buffer.
    #[inline(always)]
    pub(crate) fn len_after(&self) -> usize {
        self.buffer.len() - self.position
    }

    /// Writes a block, of which the last `length` bytes are the object.
    #[inline(always)]
    pub(crate) fn block<const N: usize>(&mut self, (block, length): (&[u8; N], usize)) {
        self.buffer[self.position - N..self.position].copy_from_slice(block);
        self.position -= length;
    }

    #[inline(always)]
    pub(crate) fn uint(&mut self, value: u64) {
        let (marker, value, length) = match value {
            0..0x80 => (0, value, 1),
            0x80..0x100 => (0, 0xcc << 8 | value, 2),
            0x100..0x1_0000 => (0, 0xcd << 16 | value, 3),
            0x1_0000..0x1_0000_0000 => (0, 0xce << 32 | value, 5),
            _ => (0xcf, value, 9),
        };
        let [a, b, c, d, e, f, g, h] = value.to_be_bytes();
        self.block((&[marker, a, b, c, d, e, f, g, h], length));
    }

    #[inline(always)]
    pub(crate) fn text_head(&mut self, length: usize) {
        let text = length as u64;
        let (head, length) = match length {
            0..32 => (0xa0 | text, 1),
            32..0x100 => (0xd9 << 8 | text, 2),
            0x100..0x1_0000 => (0xda << 16 | text, 3),
            _ => (0xdb << 32 | text, 5),
        };
        let [_, _, _, a, b, c, d, e] = head.to_be_bytes();
        self.block((&[a, b, c, d, e], length));
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn text(&mut self, text: &str) {
        let start = self.position - text.len();
        self.buffer[start..self.position].copy_from_slice(text.as_bytes());
        self.position = start;
        self.text_head(text.len());
    }
}
