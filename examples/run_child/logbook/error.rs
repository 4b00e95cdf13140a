//! The exception of a line, whose causes stand in its traceback only.

use record_proto::{ErrorInfo, KeyValues, Value};

/// Between the exceptions of a traceback, of which the last one is the exception itself.
const LINKS: [&str; 2] = [
    "\n\nThe above exception was the direct cause of the following exception:\n\n",
    "\n\nDuring handling of the above exception, another exception occurred:\n\n",
];

/// Returns the exception without a key.
pub(super) fn error(fields: &KeyValues<'_>) -> Option<ErrorInfo<'static>> {
    let field = |name| match fields.get(name) {
        Some(Value::Str(text)) => Some(text.into_owned()),
        _ => None,
    };
    let name = field("exception_name")?;
    let name = name.strip_prefix("builtins.").unwrap_or(&name);
    let message = field("exception_message").unwrap_or_default();
    let mut info = ErrorInfo::new(match &*message {
        "" => name.to_owned(),
        message => format!("{name}: {message}"),
    });
    info.backtrace = field("formatted_exception").map(Into::into);
    info.sources = causes(info.backtrace.as_deref().unwrap_or_default())
        .map(str::to_owned)
        .collect();
    Some(info)
}

/// Returns the texts of the causes, nearest first.
fn causes(traceback: &str) -> impl Iterator<Item = &str> {
    let mut all: Vec<&str> = LINKS.iter().fold(vec![traceback], |parts, link| {
        parts
            .into_iter()
            .flat_map(|part| part.split(link))
            .collect()
    });
    all.pop();
    all.into_iter().rev().map(own_text)
}

/// Returns the lines after the frames of a traceback, which are indented.
fn own_text(traceback: &str) -> &str {
    let mut rest = traceback;
    let mut start = traceback;
    while let Some((line, next)) = rest.split_once('\n') {
        if line.starts_with("  ") {
            start = next;
        }
        rest = next;
    }
    start
}
