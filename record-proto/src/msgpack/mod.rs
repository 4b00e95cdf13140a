pub(crate) mod read;
mod reason;
mod token;
pub(crate) mod write;

pub use reason::Reason;
pub(crate) use {
    read::Reader,
    reason::{Fault, Result},
    token::{Token, unexpected},
    write::{Out, Room},
};
