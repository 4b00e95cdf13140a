//! MessagePack, object by object: reading bytes that cannot be trusted, and writing. It uses no other folder.

pub(crate) mod read;
mod reason;
mod token;
pub(crate) mod write;

pub use reason::Reason;
pub(crate) use {
    read::Reader,
    reason::{DecodeError, Result},
    token::{Token, unexpected},
    write::{MsgpackWrite, SliceWriter},
};
