//! `KeyValues::map_texts`: copies key-values and replaces their texts.

use super::hints::Hints;
use super::value::KeyValues;
use crate::msgpack::{Reader, Token, write};

/// The place of a text within key-values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPlace {
    /// The key of a pair, not of a map among the values.
    Key,
    /// The value of a pair, not of a map among the values.
    Value,
    /// A text within a list or map, keys included.
    Nested,
}

impl KeyValues<'_> {
    /// Copies the pairs in one pass. For each text, `map` gets its place and appends the text that replaces it.
    // Hidden because it is for the sibling crates only; it may change.
    #[doc(hidden)]
    pub fn map_texts(&self, map: impl FnMut(TextPlace, &str, &mut String)) -> KeyValues<'static> {
        let hints = Hints {
            scalar: self.is_scalar(),
            ..Hints::UNKNOWN
        };
        let mut copy = TextMapper {
            reader: Reader::new(self.as_bytes()),
            out: Vec::with_capacity(self.as_bytes().len()),
            text: String::new(),
            map,
        };
        if let Ok(Token::Map(length)) = copy.reader.token() {
            copy.pairs(length, TextPlace::Key, TextPlace::Value);
        }
        KeyValues::from_vec(copy.out, hints)
    }
}

/// A copy that is being made.
struct TextMapper<'a, F> {
    reader: Reader<'a>,
    out: Vec<u8>,
    text: String,
    map: F,
}

impl<F: FnMut(TextPlace, &str, &mut String)> TextMapper<'_, F> {
    fn pairs(&mut self, length: usize, key: TextPlace, value: TextPlace) {
        write::map_len(&mut self.out, length);
        for _ in 0..length {
            self.value(key);
            self.value(value);
        }
    }

    /// Copies an object. It was checked before, so reading does not fail, and the depth of the recursion is bounded.
    fn value(&mut self, place: TextPlace) {
        let start = self.reader.position();
        match self.reader.token() {
            Ok(Token::Str(length)) => {
                self.text.clear();
                let text = self.reader.text(length).unwrap_or_default();
                (self.map)(place, text, &mut self.text);
                return write::str(&mut self.out, &self.text);
            }
            Ok(Token::Array(length)) => {
                write::array_len(&mut self.out, length);
                return (0..length).for_each(|_| self.value(TextPlace::Nested));
            }
            Ok(Token::Map(length)) => {
                return self.pairs(length, TextPlace::Nested, TextPlace::Nested);
            }
            Ok(Token::Bin(length)) => drop(self.reader.take(length)),
            _ => {}
        }
        self.out.extend_from_slice(self.reader.since(start));
    }
}
