mod capture;
mod json;
mod log_record;
mod source;

pub use {
    capture::{DEFAULT_TEXT_LIMIT, Scratch},
    log_record::{LogRecord, now},
};
