//! `JsonLine`: a line that is a JSON object of a logger.

use log::Level;
use record_proto::{KeyValues, Value};
use serde_json::value::RawValue;

use super::json_object::{MAX_PAIRS, Member, Object};
use super::json_roles::{level, message, time};

/// The key of the mark that a text had bytes that were not UTF-8. A member of this name is renamed.
pub(super) const REPLACED_KEY: &str = "replaced_bytes";

/// The deepest nesting, and the most commas, of a value that is kept as a structure.
const MAX_DEPTH: usize = 7;
const MAX_COMMAS: usize = 1024;

/// The members whose own members count as those of the whole object: of loguru, of tracing-subscriber, of GCP.
const WRAPPERS: [&str; 4] = ["record", "fields", "extra", "jsonPayload"];

/// What a line says.
#[derive(Debug)]
pub(super) struct JsonLine {
    pub(super) level: Option<Level>,
    pub(super) message: String,
    pub(super) time: Option<u64>,
    pub(super) key_values: KeyValues<'static>,
}

impl JsonLine {
    /// Reads a line. Returns `None` if it is no JSON object, or if it has neither a level nor a message.
    pub(super) fn read(line: &str) -> Option<Self> {
        if !line.starts_with('{') || !line.ends_with('}') {
            return None;
        }
        let mut members = Vec::new();
        let mut excess = read_members(line, "", 0, &mut members)?;
        let mut take = |role: &dyn Fn(&[Member<'_>]) -> Option<usize>| {
            role(&members).map(|at| members.remove(at).1)
        };
        let level_value = take(&|members| level::find(members));
        let message_value = take(&|members| message::find(members));
        let time_value = take(&|members| time::find(members));
        if level_value.is_none() && message_value.is_none() {
            return None;
        }
        excess += members.len().saturating_sub(MAX_PAIRS);
        members.truncate(MAX_PAIRS);
        let message = match message_value.and_then(message::read) {
            Some(message) => message,
            // Without a message, the line itself is the message.
            None => line.to_owned(),
        };
        Some(Self {
            level: level_value.and_then(level::read),
            message,
            time: time_value.and_then(time::read),
            key_values: key_values(&members, excess),
        })
    }
}

/// Reads the members of an object, and those of its wrappers. Returns how many were left out.
fn read_members<'a>(
    object: &'a str,
    prefix: &str,
    depth: usize,
    out: &mut Vec<Member<'a>>,
) -> Option<usize> {
    let mut members: Object<'_> = serde_json::from_str(object).ok()?;
    let is_loguru = members.kept.iter().any(|(name, _)| name == "record");
    // The whole line once more, formatted for people.
    members
        .kept
        .retain(|(name, _)| !(is_loguru && name == "text"));
    for (name, value) in members.kept {
        let is_object = value.get().starts_with('{');
        let inner = match &*name {
            "log" if is_object && depth == 0 => Some("log."),
            name if is_object && depth < 2 && WRAPPERS.contains(&name) => Some(""),
            _ => None,
        };
        match inner {
            Some(prefix) => members.left_out += read_members(value.get(), prefix, depth + 1, out)?,
            None if out.len() < 2 * MAX_PAIRS => out.push((format!("{prefix}{name}"), value)),
            None => members.left_out += 1,
        }
    }
    Some(members.left_out)
}

fn key_values(members: &[Member<'_>], left_out: usize) -> KeyValues<'static> {
    let mut pairs = KeyValues::new();
    for (name, value) in members {
        match &**name {
            REPLACED_KEY => pairs.push(&format!("{REPLACED_KEY}_"), value_of(value)),
            name => pairs.push(name, value_of(value)),
        }
    }
    if left_out > 0 {
        pairs.push("cut", format!("… (cut after {} pairs)", members.len()));
    }
    pairs
}

/// Returns a value with its type, or as JSON text if it is too large or nests too deep.
fn value_of(value: &RawValue) -> Value<'static> {
    let text = value.get();
    let is_small = !text.starts_with(['{', '[']) || is_small(text);
    let value = is_small.then(|| serde_json::from_str::<Value<'static>>(text).ok());
    value.flatten().unwrap_or_else(|| text.to_owned().into())
}

/// Returns whether a structure is within the limits.
fn is_small(text: &str) -> bool {
    let (mut depth, mut commas) = (0_usize, 0);
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => skip_string(&mut bytes),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => commas += 1,
            _ => {}
        }
        if depth > MAX_DEPTH || commas > MAX_COMMAS {
            return false;
        }
    }
    true
}

fn skip_string(bytes: &mut impl Iterator<Item = u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => _ = bytes.next(),
            _ => {}
        }
    }
}
