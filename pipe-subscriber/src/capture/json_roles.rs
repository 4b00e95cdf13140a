//! The members of a JSON line that are its level, its message and its time.

use serde_json::value::RawValue;

use super::json_object::{Member, Object};

/// Returns the place of the member with the first of these names that has a readable value.
fn find<T>(
    members: &[Member<'_>],
    names: &[&str],
    read: impl Fn(&RawValue) -> Option<T>,
) -> Option<usize> {
    names.iter().find_map(|wanted| {
        let is_wanted = |(name, value): &Member<'_>| name == wanted && read(value).is_some();
        members.iter().position(is_wanted)
    })
}

fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

/// Returns a member of an object.
fn member<'a>(value: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let object: Object<'a> = serde_json::from_str(value.get()).ok()?;
    let mut members = object.kept.into_iter();
    Some(members.find(|(own, _)| own == name)?.1)
}

pub(super) mod level {
    use log::Level;
    use serde_json::value::RawValue;

    use super::super::json_object::Member;
    use super::super::level_word::{any_word, number};

    const NAMES: [&str; 7] = [
        "level",
        "severity",
        "log.level",
        "levelname",
        "level_name",
        "lvl",
        "@l",
    ];

    pub(in super::super) fn find(members: &[Member<'_>]) -> Option<usize> {
        super::find(members, &NAMES, read)
    }

    /// Reads a word, also one such as `INFO+2`, a number, or an object with a name, as loguru's.
    pub(in super::super) fn read(value: &RawValue) -> Option<Level> {
        let is_object = value.get().starts_with('{');
        let value = match is_object {
            true => super::member(value, "name")?,
            false => value,
        };
        let text = super::text(value).unwrap_or_else(|| value.get().to_owned());
        let letters = text.split(|c: char| !c.is_ascii_alphabetic());
        let word = letters.into_iter().next().unwrap_or_default();
        any_word(word).or_else(|| number(text.parse().ok()?))
    }
}

pub(super) mod message {
    use serde_json::value::RawValue;

    use super::super::json_object::Member;

    const NAMES: [&str; 7] = [
        "msg",
        "message",
        "event",
        "@m",
        "@mt",
        "short_message",
        "textPayload",
    ];

    pub(in super::super) fn find(members: &[Member<'_>]) -> Option<usize> {
        super::find(members, &NAMES, read)
    }

    pub(in super::super) fn read(value: &RawValue) -> Option<String> {
        super::text(value)
    }
}

pub(super) mod time {
    use serde_json::value::RawValue;

    use super::super::json_object::Member;
    use super::super::timestamp::{from_number, from_text};

    const NAMES: [&str; 5] = ["time", "timestamp", "ts", "@timestamp", "@t"];

    pub(in super::super) fn find(members: &[Member<'_>]) -> Option<usize> {
        super::find(members, &NAMES, read)
    }

    /// Reads a text, a number, or an object with a number, as loguru's.
    pub(in super::super) fn read(value: &RawValue) -> Option<u64> {
        if value.get().starts_with('{') {
            return from_number(super::member(value, "timestamp")?.get());
        }
        match super::text(value) {
            Some(text) => from_text(&text).or_else(|| from_number(&text)),
            None => from_number(value.get()),
        }
    }
}
