//! Recognising control characters and other characters that a terminal does not show as they are.

use ascii::AsciiStr;

/// Returns whether a terminal would act upon this character, or show nothing, instead of showing it.
///
/// These characters are controls:
///
/// - C0 controls except tab (newline included), DEL, C1 controls, and the line and paragraph separators U+2028 and
///   U+2029.
/// - The bidirectional controls (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069), which reorder the text
///   around them.
/// - Invisible characters, which make two texts look the same and hide text within text: all that Unicode calls
///   default ignorable (soft hyphen U+00AD, zero-width space U+200B, word joiner U+2060, U+FEFF, fillers, tags from
///   U+E0000, and the code points reserved for more of them), and the interlinear annotations U+FFF9 to U+FFFB.
///
/// These are invisible too, but are not controls, because scripts and emoji need them: the joiners U+200C and U+200D,
/// and the variation selectors (U+180B to U+180D, U+180F, U+FE00 to U+FE0F, U+E0100 to U+E01EF). So a text without
/// controls may still hide something, and letters of different scripts may look the same in any case. The flags of
/// regions (such as Scotland's) are made of tags, which are controls.
///
/// ```
/// use record_proto::is_control;
///
/// assert!(is_control('\u{1b}') && is_control('\u{202e}') && is_control('\u{200b}'));
/// assert!(!is_control('\t') && !is_control('ü') && !is_control('\u{200d}'));
/// ```
pub const fn is_control(character: char) -> bool {
    match character {
        // Most characters of most texts.
        '\0'..='\u{ac}' => {
            matches!(character, '\0'..='\u{8}' | '\n'..='\u{1f}' | '\u{7f}'..='\u{9f}')
        }
        _ => is_break_or_bidi(character) || is_invisible(character),
    }
}

const fn is_break_or_bidi(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Returns whether the character is one of Unicode's default ignorable characters (DerivedCoreProperties.txt) or an
/// annotation. The bidirectional controls, and the characters that scripts and emoji need, are left out.
const fn is_invisible(character: char) -> bool {
    matches!(character,
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180e}' | '\u{200b}'
        | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}'
        | '\u{e0000}'..='\u{e00ff}' | '\u{e01f0}'..='\u{e0fff}')
}

/// Returns whether a text has any [control](is_control).
///
/// This is quick if the text is printable ASCII, as most are.
///
/// ```
/// assert!(record_proto::has_control("two\nlines"));
/// assert!(!record_proto::has_control("grüße\tan alle"));
/// ```
#[inline]
pub fn has_control(text: &str) -> bool {
    !is_printable_ascii(text) && find_control(text, 0).is_some()
}

/// Returns the position of the first [control](is_control) of a text that begins at or after `start`.
// Hidden because it is for the sibling crates only; it may change.
#[doc(hidden)]
pub fn find_control(text: &str, start: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let control_at = |&at: &usize| {
        may_begin_control(bytes[at]) && text[at..].chars().next().is_some_and(is_control)
    };
    let mut at = start;
    while let Some(chunk) = bytes.get(at..)?.first_chunk::<16>() {
        let is_clean = chunk
            .iter()
            .fold(true, |clean, &byte| clean & !may_begin_control(byte));
        let end = at + chunk.len();
        if !is_clean && let Some(found) = (at..end).find(control_at) {
            return Some(found);
        }
        at = end;
    }
    (at..bytes.len()).find(control_at)
}

/// Returns whether a control may begin with this byte of UTF-8. It has no branches, so that the compiler can check many
/// bytes at once.
#[inline(always)]
const fn may_begin_control(byte: u8) -> bool {
    let is_c0_or_del = (byte < 0x20) & (byte != b'\t') | (byte == 0x7f);
    let begins_two_bytes = (byte == 0xc2) | (byte == 0xcd) | (byte == 0xd8);
    let begins_three_bytes = (byte >= 0xe1) & (byte <= 0xe3) | (byte == 0xef);
    let begins_four_bytes = (byte == 0xf0) | (byte == 0xf3);
    is_c0_or_del | begins_two_bytes | begins_three_bytes | begins_four_bytes
}

/// Returns whether a text is printable ASCII, which has no controls. Checks 64 bytes at a time and then 16; the last 16
/// overlap bytes that were checked before.
#[inline(always)]
pub(crate) fn is_printable_ascii(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(last) = bytes.last_chunk::<16>() else {
        return is_short_printable(bytes);
    };
    let (blocks, rest) = bytes.as_chunks::<64>();
    let (chunks, _) = rest.as_chunks::<16>();
    let mut printable = all_printable(last);
    for block in blocks {
        printable &= all_printable(block);
    }
    for chunk in chunks {
        printable &= all_printable(chunk);
    }
    printable
}

#[inline]
fn is_short_printable(bytes: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<8>(), bytes.last_chunk::<8>()) {
        return all_printable(first) & all_printable(last);
    }
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        return all_printable(first) & all_printable(last);
    }
    bytes.iter().all(|&byte| matches!(byte, b' '..0x7f))
}

/// Returns whether all bytes are printable ASCII. It has no branches, so that the compiler can check all bytes at once.
#[inline(always)]
fn all_printable<const N: usize>(bytes: &[u8; N]) -> bool {
    let is_printable = |byte: u8| (byte.cast_signed() >= 0x20) & (byte != 0x7f);
    bytes
        .iter()
        .fold(true, |all, &byte| all & is_printable(byte))
}

/// Returns the bytes as text if they are UTF-8 without controls.
#[inline(never)]
pub(crate) fn without_controls(bytes: &[u8]) -> Option<&str> {
    match AsciiStr::from_ascii(bytes) {
        Ok(text) if is_printable_ascii(text.as_str()) => Some(text.as_str()),
        _ => other_without_controls(bytes),
    }
}

#[cold]
fn other_without_controls(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    find_control(text, 0).is_none().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_control_is_found_at_each_place_and_nothing_else_is() {
        for character in '\0'..=char::MAX {
            let mut text = String::from("ü");
            text.push(character);
            text.push_str("xyz");
            let expected = is_control(character).then_some(2);
            assert_eq!(find_control(&text, 0), expected, "{character:?}");
        }
        for before in 0..40 {
            for control in ['\n', '\u{85}', '\u{200b}', '\u{e0001}'] {
                let text = format!("{}{control}{}", "語".repeat(before), "x".repeat(40));
                assert_eq!(find_control(&text, 0), Some(3 * before));
                let after = 3 * before + control.len_utf8();
                assert_eq!(find_control(&text, after), None);
            }
        }
    }
}
