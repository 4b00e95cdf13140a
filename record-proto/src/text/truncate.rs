use std::fmt::Write;

/// What a cut text keeps at least: the mark that says so.
pub(crate) const MARK: usize = 40;

/// Cuts a text to about `limit` bytes, its mark included; `length` is what it had in all.
pub(crate) fn truncate_text(text: &mut String, limit: usize, length: usize) {
    if length <= limit {
        return;
    }
    text.truncate(floor_boundary(text, limit.saturating_sub(MARK)));
    let _ = write!(text, "… (cut, {length} bytes)");
}

/// The largest length up to `limit` at which a text can be cut.
pub(crate) fn floor_boundary(text: &str, limit: usize) -> usize {
    if limit >= text.len() {
        return text.len();
    }
    (0..=limit)
        .rev()
        .find(|&length| text.is_char_boundary(length))
        .unwrap_or(0)
}
