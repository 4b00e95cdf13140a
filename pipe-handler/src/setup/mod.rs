//! From the environment to the process's logger: finds the pipe, builds the handler and installs the hooks. Runs before
//! the first record and uses all other modules.

mod adopt;
mod builder;
mod env;
mod error;
mod exit_hook;
#[cfg(feature = "buffered")]
mod guard;
mod init;
mod outcome;
mod panic_hook;
mod share;
mod start;
mod variables;
#[cfg(feature = "shared-buffer")]
mod wait_read;

#[cfg(feature = "shared-buffer")]
pub use wait_read::wait_read;
#[cfg(feature = "buffered")]
pub use {builder::DEFAULT_CAPACITY, guard::Guard};
pub use {
    builder::{Builder, DEFAULT_EXIT_TIMEOUT, DEFAULT_MESSAGE_LIMIT, DEFAULT_RECORD_LIMIT},
    error::InitError,
    init::{init, init_or},
    outcome::Outcome,
    share::share_with,
};
