//! Text that a terminal would act upon or not show, defined apart from the code that escapes it.

const BIDIRECTIONAL: [char; 12] = [
    '\u{61c}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}', '\u{202e}',
    '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}',
];

/// The best known of the characters that show nothing; all of them are in record-proto's tests/controls.rs.
const INVISIBLE: [std::ops::RangeInclusive<char>; 8] = [
    '\u{ad}'..='\u{ad}',
    '\u{180e}'..='\u{180e}',
    '\u{200b}'..='\u{200b}',
    '\u{2060}'..='\u{2064}',
    '\u{206a}'..='\u{206f}',
    '\u{feff}'..='\u{feff}',
    '\u{fff9}'..='\u{fffb}',
    '\u{e0000}'..='\u{e007f}',
];

fn acts(character: char) -> bool {
    let breaks = matches!(character, '\u{2028}' | '\u{2029}');
    let invisible = INVISIBLE.iter().any(|range| range.contains(&character));
    // C0, DEL and C1 are what Unicode calls controls.
    let control = character.is_control() && character != '\t';
    control || breaks || invisible || BIDIRECTIONAL.contains(&character)
}

/// No character of it acts upon a terminal or is invisible.
#[track_caller]
pub fn assert_safe(text: &str) {
    assert!(
        text.bytes().all(|byte| matches!(byte, b' '..=b'~')) || !text.contains(acts),
        "{text:?}"
    );
}

/// The same, but a newline may begin a line that is indented.
#[track_caller]
pub fn assert_safe_lines(text: &str) {
    let mut lines = text.split('\n');
    lines.next().map(assert_safe);
    for line in lines {
        assert!(line.starts_with("    "), "{text:?}");
        assert_safe(line);
    }
}
