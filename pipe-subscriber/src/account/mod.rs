mod accounts;
mod process_account;
mod reasons;
mod receiver;
mod summary;
mod summary_line;
mod tee;

pub use summary::{ProcessSummary, StreamEnd, Summary};
pub(crate) use {receiver::Receiver, tee::Tee};
