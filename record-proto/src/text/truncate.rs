//! Cutting a text at a character boundary, with a mark at its end.

use std::fmt::Write;

/// The bytes that are reserved for the mark at the end of a cut text.
pub(crate) const MARK_LENGTH: usize = 40;

/// Cuts a text to about `limit` bytes, its mark included. `length` is the length of the whole text.
pub(crate) fn truncate_text(text: &mut String, limit: usize, length: usize) {
    if length <= limit {
        return;
    }
    text.truncate(floor_boundary(text, limit.saturating_sub(MARK_LENGTH)));
    let _ = write!(text, "… (cut, {length} bytes)");
}

/// Returns the largest length up to `limit` at which a text can be cut.
pub(crate) fn floor_boundary(text: &str, limit: usize) -> usize {
    if limit >= text.len() {
        return text.len();
    }
    (0..=limit)
        .rev()
        .find(|&length| text.is_char_boundary(length))
        .unwrap_or(0)
}
