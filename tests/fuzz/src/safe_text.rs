//! Text that a terminal would act upon, defined apart from the code that escapes it.

const BIDIRECTIONAL: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

fn acts(character: char) -> bool {
    let breaks = matches!(character, '\u{2028}' | '\u{2029}');
    // C0, DEL and C1 are what Unicode calls controls.
    character.is_control() && character != '\t' || breaks || BIDIRECTIONAL.contains(&character)
}

/// No character of it acts upon a terminal.
#[track_caller]
pub fn assert_safe(text: &str) {
    assert!(
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(acts),
        "{text:?}"
    );
}

/// The same, but a newline may begin a line that is indented.
#[track_caller]
pub fn assert_safe_message(text: &str) {
    let mut lines = text.split('\n');
    lines.next().map(assert_safe);
    for line in lines {
        assert!(line.starts_with("    "), "{text:?}");
        assert_safe(line);
    }
}
