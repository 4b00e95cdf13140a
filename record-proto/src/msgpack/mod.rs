//! MessagePack, object by object: reads bytes that cannot be trusted, and writes. It uses only `text`.

mod backwards;
mod block;
mod check;
mod cursor;
mod known_text;
mod read;
mod reason;
mod token;
pub(crate) mod write;

pub(crate) use {
    backwards::Backwards,
    block::Block,
    check::MAX_DEPTH,
    cursor::Cursor,
    known_text::KnownText,
    read::Reader,
    reason::Result,
    token::{Token, unexpected},
    write::{MsgpackWrite, SliceWriter},
};
pub use {
    read::DEFAULT_VALUE_LIMIT,
    reason::{PayloadError, Reason},
};
