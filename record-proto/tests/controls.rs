//! Which characters a logger must not be shown, told from Unicode's tables and not from the code.

use record_proto::{KeyValues, List, Value, has_control, is_control};

/// Default_Ignorable_Code_Point of DerivedCoreProperties.txt, Unicode 16.
const DEFAULT_IGNORABLE: [(u32, u32); 17] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfff8),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

const BREAKS_AND_ANNOTATIONS: [(u32, u32); 2] = [(0x2028, 0x2029), (0xfff9, 0xfffb)];

const JOINERS: (u32, u32) = (0x200c, 0x200d);
const VARIATION_SELECTORS: [(u32, u32); 4] = [
    (0x180b, 0x180d),
    (0x180f, 0x180f),
    (0xfe00, 0xfe0f),
    (0xe0100, 0xe01ef),
];

fn within(ranges: &[(u32, u32)], character: char) -> bool {
    let number = u32::from(character);
    ranges
        .iter()
        .any(|&(first, last)| (first..=last).contains(&number))
}

fn expected(character: char) -> bool {
    let needed = within(&[JOINERS], character) || within(&VARIATION_SELECTORS, character);
    let invisible = within(&DEFAULT_IGNORABLE, character) && !needed;
    character.is_control() && character != '\t'
        || invisible
        || within(&BREAKS_AND_ANNOTATIONS, character)
}

#[test]
fn what_acts_upon_a_terminal_or_is_invisible_is_a_control_and_nothing_else() {
    for character in '\0'..=char::MAX {
        assert_eq!(is_control(character), expected(character), "{character:?}");
        let text = format!("text {character} text");
        assert_eq!(has_control(&text), expected(character), "{character:?}");
    }
}

#[test]
fn scripts_and_emoji_that_need_joiners_and_selectors_have_no_control() {
    // Persian with a non-reassembler, Sinhala with a reassembler, a family, a heart in colours, a Han variant, a Mongolian one.
    for text in [
        "می\u{200c}خواهم",
        "ශ්\u{200d}රී",
        "👨\u{200d}👩\u{200d}👧",
        "❤\u{fe0f}",
        "葛\u{e0100}",
        "ᠨ\u{180b}",
        "naïve – 日本語 🦀",
    ] {
        assert!(!has_control(text), "{text:?}");
    }
}

#[test]
fn what_is_escaped_in_json_is_the_same_text_when_it_is_read() {
    for character in ('\0'..=char::MAX).filter(|&c| is_control(c)) {
        let text = format!("a{character}b");
        let inner: KeyValues<'_> = [(&*text, &*text)].into_iter().collect();
        let list = Value::List([Value::Map(inner)].into_iter().collect::<List<'_>>());
        let json = list.to_string();
        assert!(!has_control(&json), "{json:?}");
        let read: serde_json::Value = serde_json::from_str(&json).expect("JSON");
        assert_eq!(read[0][&text], text, "{json}");
    }
}
