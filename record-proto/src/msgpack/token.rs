use super::reason::{DecodeError, Reason};

/// The first byte of an object and what it announces.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Token {
    Nil,
    Bool(bool),
    Uint(u64),
    /// Below zero.
    Int(i64),
    Float(f64),
    Str(usize),
    Bin(usize),
    Array(usize),
    Map(usize),
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

#[cold]
pub(crate) fn unexpected(expected: &'static str, found: Token, offset: usize) -> Box<DecodeError> {
    let found = found.name();
    DecodeError::new(Reason::Type { expected, found }, offset)
}
