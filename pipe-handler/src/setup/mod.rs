//! From the environment to the process's logger: finds the pipe, builds the handler and installs the hooks. Runs before
//! the first record and uses all other modules.

mod adopt;
mod builder;
mod env;
mod error;
mod exit_hook;
mod logger;
mod outcome;
mod panic_hook;
mod share;
mod start;

pub use {
    builder::{Builder, DEFAULT_EXIT_TIMEOUT, DEFAULT_MESSAGE_LIMIT, DEFAULT_RECORD_LIMIT},
    error::InitError,
    logger::{close, counts, flush, init, init_or, wait_read},
    outcome::Outcome,
    share::share_with,
};
