//! The stage after reading: decodes payloads, joins fragments, counts records by process, and makes the summary. May
//! use `sys`.

mod accounts;
mod process_account;
mod reasons;
mod receiver;
mod summary;
mod summary_line;
mod tee;

pub use summary::{ProcessSummary, StreamEnd, Summary};
pub(crate) use {receiver::Receiver, tee::Tee};
