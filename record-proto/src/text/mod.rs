mod control;
mod format;
mod truncate;

pub(crate) use {
    control::is_plain,
    format::{discard, format, format_args},
    truncate::{MARK, floor_boundary, truncate_text},
};
pub use {
    control::{has_control, is_control},
    format::{FORMATTING_FAILED, FORMATTING_PANICKED},
};
