//! `Token`: one marker of MessagePack, decoded.

use super::reason::{PayloadError, Reason};

/// The first byte of an object, with the value or the length that it announces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token {
    Nil,
    Bool(bool),
    Uint(u64),
    /// A negative integer.
    Int(i64),
    Float(f64),
    /// A text of this many bytes.
    Str(usize),
    /// This many bytes.
    Bin(usize),
    /// An array of this many objects.
    Array(usize),
    /// A map of this many pairs.
    Map(usize),
    /// An extension of this many bytes, the byte of its type included.
    Ext(usize),
}

impl Token {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Token::Nil => "nil",
            Token::Bool(_) => "a boolean",
            Token::Uint(_) => "an unsigned integer",
            Token::Int(_) => "a negative integer",
            Token::Float(_) => "a float",
            Token::Str(_) => "text",
            Token::Bin(_) => "bytes",
            Token::Array(_) => "an array",
            Token::Map(_) => "a map",
            Token::Ext(_) => "an extension",
        }
    }
}

/// Creates the error for an object of another type than the expected one.
#[cold]
pub(crate) fn unexpected(expected: &'static str, found: Token, offset: usize) -> PayloadError {
    let found = found.name();
    PayloadError::new(Reason::Type { expected, found }, offset)
}
