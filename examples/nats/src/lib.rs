//! What the programs `relay` and `collect` share: the names of subjects, and the messages that they exchange over NATS.
//!
//! The page of both is `README.md` beside this package.

mod batch;
mod control;
mod relay_start;
mod server;
mod subject;

/// The first token of all subjects, unless an option says otherwise.
pub const DEFAULT_PREFIX: &str = "logs";

/// The name of the stream, unless an option says otherwise.
pub const DEFAULT_STREAM: &str = "LOGS";

pub use batch::{BatchHeaders, BatchHeadersError, MAX_FRAME_LENGTH};
pub use control::Control;
pub use relay_start::RelayStart;
pub use server::{ServerError, ServerOptions};
pub use subject::{Address, Subject, escape, level_token, unescape};
