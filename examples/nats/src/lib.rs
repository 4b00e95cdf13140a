//! What the programs `relay` and `collect` share: the names of subjects, and the messages that they exchange over NATS.
//!
//! The page of both is `README.md` beside this package.

mod batch;
mod control;
mod relay_start;
mod subject;

pub use batch::{BatchHeaders, BatchHeadersError, MAX_FRAME_LENGTH};
pub use control::Control;
pub use relay_start::RelayStart;
pub use subject::{Address, Subject, escape, level_token, unescape};
