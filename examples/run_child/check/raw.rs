//! `Fields`: the fields of a payload as any MessagePack, for the rules about fields that a tolerant reader skips.

use rmpv::{ValueRef, decode::read_value_ref};

/// The number of fields of each kind in version 1: hello, record, fragment, dropped, close.
const KNOWN: [usize; 5] = [6, 19, 5, 4, 7];

#[derive(Debug)]
pub(crate) struct Fields<'a> {
    kind: usize,
    /// The length of the payload, at which a missing field would begin.
    end: usize,
    fields: Vec<Field<'a>>,
}

/// One field, and the bytes of the payload before it.
#[derive(Debug)]
pub(crate) struct Field<'a> {
    pub(crate) offset: usize,
    value: ValueRef<'a>,
}

impl<'a> Fields<'a> {
    /// Reads the fields of a payload that was decoded, or returns the offset at which that fails.
    pub(crate) fn read(payload: &'a [u8]) -> Result<Self, usize> {
        let (count, mut rest) = match payload {
            [_, head @ 0x90..=0x9f, rest @ ..] => (usize::from(head & 0x0f), rest),
            [_, 0xdc, a, b, rest @ ..] => (usize::from(u16::from_be_bytes([*a, *b])), rest),
            [_, 0xdd, a, b, c, d, rest @ ..] => {
                (u32::from_be_bytes([*a, *b, *c, *d]) as usize, rest)
            }
            _ => return Err(1),
        };
        let mut fields = Vec::with_capacity(count.min(rest.len()));
        for _ in 0..count {
            let offset = payload.len() - rest.len();
            let value = read_value_ref(&mut rest).map_err(|_| offset)?;
            fields.push(Field { offset, value });
        }
        Ok(Self {
            kind: usize::from(payload[0]),
            end: payload.len(),
            fields,
        })
    }

    /// Returns how many fields the kind has in version 1.
    pub(crate) fn known(&self) -> usize {
        KNOWN.get(self.kind).copied().unwrap_or(self.fields.len())
    }

    pub(crate) fn len(&self) -> usize {
        self.fields.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Field<'a>> {
        self.fields.iter()
    }

    pub(crate) fn get(&self, position: usize) -> Option<&Field<'a>> {
        self.fields.get(position)
    }

    /// Returns the offset of a field; of the end if it is missing.
    pub(crate) fn offset(&self, position: usize) -> usize {
        self.get(position).map_or(self.end, |field| field.offset)
    }
}

impl Field<'_> {
    /// Whether the field says nothing: nil, or an empty array.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.value {
            ValueRef::Nil => true,
            ValueRef::Array(items) => items.is_empty(),
            _ => false,
        }
    }

    pub(crate) fn is_unsigned(&self) -> bool {
        self.value.as_u64().is_some()
    }

    pub(crate) fn has_extension(&self) -> bool {
        has_extension(&self.value)
    }
}

/// Recursive: `rmpv` reads at most 1024 levels.
fn has_extension(value: &ValueRef<'_>) -> bool {
    match value {
        ValueRef::Ext(..) => true,
        ValueRef::Array(items) => items.iter().any(has_extension),
        ValueRef::Map(pairs) => pairs
            .iter()
            .any(|(key, value)| has_extension(key) || has_extension(value)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::Fields;

    #[test]
    fn the_array_of_the_fields_may_have_every_length_format() {
        for head in [&[0x92][..], &[0xdc, 0, 2], &[0xdd, 0, 0, 0, 2]] {
            let payload = [&[0][..], head, &[1, 2]].concat();
            let fields = Fields::read(&payload).expect("fields");
            assert_eq!(fields.len(), 2);
            assert_eq!(fields.offset(1), payload.len() - 1);
        }
        assert!(Fields::read(&[0, 0xdd, 0xff, 0xff, 0xff, 0xff, 1]).is_err());
    }
}
