//! Plain text: formatting foreign values, cutting, and recognising controls. It uses no other folder.

mod control;
mod format;
mod truncate;

pub use {
    control::{find_control, has_control, is_control},
    format::{FORMATTING_FAILED, FORMATTING_PANICKED},
};
pub(crate) use {
    control::{is_printable_ascii, without_controls},
    format::{discard, format},
    truncate::{MARK_LENGTH, floor_boundary, truncate_text},
};
