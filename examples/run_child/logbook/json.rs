//! JSON as Python's `json.dumps` writes it, which is more than JSON.

use std::{borrow::Cow, sync::LazyLock};

use record_proto::Value;
use regex::{Captures, Regex};

/// A text, a number, or one of the names that JSON does not have.
static TOKEN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r#""(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*|NaN|-?Infinity"#).expect("a regular expression")
});
/// An escape within a text: a pair of surrogates, a lone surrogate, or any other.
static ESCAPE: LazyLock<Regex> = LazyLock::new(|| {
    let pair = r"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}";
    Regex::new(&format!(
        r"{pair}|(?<lone>\\u[dD][89a-fA-F][0-9a-fA-F]{{2}})|\\."
    ))
    .expect("a regular expression")
});

/// Reads a value. NaN, infinities and integers beyond 64 bits become texts, as everywhere in a record's JSON, and lone
/// surrogates become U+FFFD.
pub(super) fn parse(line: &str) -> Result<Value<'static>, serde_json::Error> {
    let plain = TOKEN.replace_all(line, |found: &Captures<'_>| plain(&found[0]).into_owned());
    serde_json::from_str(&plain)
}

fn plain(token: &str) -> Cow<'_, str> {
    if token.starts_with('"') {
        return match token.contains(r"\u") {
            true => ESCAPE.replace_all(token, |found: &Captures<'_>| match found.name("lone") {
                Some(_) => r"\ufffd".to_owned(),
                None => found[0].to_owned(),
            }),
            false => token.into(),
        };
    }
    let is_integer = token
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'-');
    let fits = token.parse::<i64>().is_ok() || token.parse::<u64>().is_ok();
    match token.ends_with(['N', 'y']) || (is_integer && !fits) {
        true => format!("\"{token}\"").into(),
        false => token.into(),
    }
}
