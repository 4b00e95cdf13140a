mod control;
mod cut;
mod format;

pub(crate) use {
    control::is_plain,
    cut::{MARK, cut_text, floor_boundary},
    format::{discard, format, format_args},
};
pub use {
    control::{has_control, is_control},
    format::{FORMATTING_FAILED, FORMATTING_PANICKED},
};
