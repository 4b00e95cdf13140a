//! MessagePack by hand, so that a payload can be wrong at any place.

/// Encoded objects, one after the other.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pack(pub(crate) Vec<u8>);

pub(crate) const NIL: u8 = 0xc0;

impl Pack {
    /// Begins a payload of a kind with so many fields.
    pub(crate) fn kind(kind: u8, fields: u16) -> Self {
        let mut pack = Self(vec![kind, 0xdc]);
        pack.0.extend(fields.to_be_bytes());
        pack
    }

    pub(crate) fn uint(mut self, number: u64) -> Self {
        self.0.push(0xcf);
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn float(mut self, number: f64) -> Self {
        self.0.push(0xcb);
        self.0.extend(number.to_be_bytes());
        self
    }

    pub(crate) fn text(mut self, text: &[u8]) -> Self {
        self.0.push(0xda);
        self.0.extend((text.len() as u16).to_be_bytes());
        self.0.extend(text);
        self
    }

    pub(crate) fn bin(mut self, bytes: &[u8]) -> Self {
        self.0.push(0xc5);
        self.0.extend((bytes.len() as u16).to_be_bytes());
        self.0.extend(bytes);
        self
    }

    pub(crate) fn nils(self, count: usize) -> Self {
        self.raw(&vec![NIL; count])
    }

    pub(crate) fn raw(mut self, bytes: &[u8]) -> Self {
        self.0.extend(bytes);
        self
    }

    /// Returns the frame of this payload.
    pub(crate) fn frame(&self) -> Vec<u8> {
        let length = self.0.len() as u32;
        [&length.to_be_bytes(), &self.0[..]].concat()
    }
}
