//! Plain text: formatting foreign values, cutting, and recognising controls. It uses no other folder.

mod control;
mod format;
mod truncate;

pub(crate) use {
    control::is_printable_ascii,
    format::{discard, format, format_args},
    truncate::{MARK_LENGTH, floor_boundary, truncate_text},
};
pub use {
    control::{has_control, is_control},
    format::{FORMATTING_FAILED, FORMATTING_PANICKED},
};
