//! The rules of one payload: why it cannot be decoded, and forms that a tolerant reader accepts but no writer should send.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use record_proto::{
    Close, DEFAULT_VALUE_LIMIT, Dropped, Hello, LogRecord, Payload, PayloadError, Reason, VERSION,
    Value,
};

use super::{
    place::Place,
    raw::{Field, Fields},
    rule::{self, Finding, Rule},
};

/// How far a time may be from the present.
const TIME_TOLERANCE: Duration = Duration::from_secs(24 * 60 * 60);

/// Returns the finding of a payload that cannot be decoded, whose first byte is at `start`.
pub(crate) fn malformed(error: &PayloadError, start: Place) -> Finding {
    let text = format!("{}: {}", error.part(), error.reason());
    Finding::new(start + error.offset() as u64, rule_of(error), text)
}

/// Returns what is wrong with a payload that was decoded, whose first byte is at `start`.
pub(crate) fn strict(payload: &Payload<'_>, bytes: &[u8], start: Place) -> Vec<Finding> {
    let mut found = Vec::new();
    match (payload, Fields::read(bytes)) {
        (Payload::Bell, _) => {}
        (Payload::Unknown(kind), _) => {
            let text = format!("kind {kind}, which version {VERSION} does not have");
            found.push((0, &rule::KIND, text));
        }
        (_, Err(offset)) => {
            let text = "what begins here is no whole MessagePack object, or no array of the fields"
                .to_owned();
            found.push((offset, &rule::MESSAGEPACK, text));
        }
        (payload, Ok(fields)) => {
            extra_fields(&fields, &mut found);
            match payload {
                Payload::Hello(hello) => check_hello(hello, &fields, &mut found),
                Payload::Record(record) => check_record(record, bytes, &fields, &mut found),
                Payload::Dropped(dropped) => check_dropped(dropped, &fields, &mut found),
                Payload::Close(close) => check_close(close, &fields, &mut found),
                _ => {}
            }
        }
    }
    let finding = |(offset, rule, text)| Finding::new(start + offset as u64, rule, text);
    found.into_iter().map(finding).collect()
}

/// The findings of one payload: the offset within it, the rule and the text.
type Found = Vec<(usize, &'static Rule, String)>;

fn rule_of(error: &PayloadError) -> &'static Rule {
    let part = error.part();
    let is_map = part.ends_with("key-values") || part.ends_with("context");
    match error.reason() {
        Reason::Empty | Reason::Kind => &rule::KIND,
        Reason::TrailingBytes(_) => &rule::ONE_ARRAY,
        Reason::TooFewFields { .. } => &rule::FIELD_COUNT,
        Reason::NotUtf8 => &rule::UTF8,
        Reason::TooDeep => &rule::DEPTH,
        Reason::NotARecord(_) => &rule::FRAGMENT_KIND,
        Reason::Type {
            found: "an extension",
            ..
        } => &rule::EXTENSION,
        Reason::Type { .. } | Reason::Range(_) if part.ends_with(" time") => &rule::TIME,
        Reason::Type { .. } | Reason::Range(_) if part.ends_with(" level") => &rule::LEVEL,
        Reason::Type { found: "nil", .. } => &rule::REQUIRED,
        Reason::Type { .. } if is_map => &rule::KEY_VALUES,
        Reason::Type { .. } => &rule::TYPE,
        Reason::Range(_) => &rule::RANGE,
        _ => &rule::MESSAGEPACK,
    }
}

fn extra_fields(fields: &Fields<'_>, found: &mut Found) {
    if let Some(extra) = fields.get(fields.known()) {
        let text = format!(
            "{} fields, but the kind has {}",
            fields.len(),
            fields.known()
        );
        found.push((extra.offset, &rule::FIELD_COUNT, text));
    }
    for field in fields.iter().filter(|field| field.has_extension()) {
        let text = "an extension in a field that readers skip".to_owned();
        found.push((field.offset, &rule::EXTENSION, text));
    }
}

fn check_hello(hello: &Hello<'_>, fields: &Fields<'_>, found: &mut Found) {
    if hello.version != VERSION {
        let text = format!("version {}", hello.version);
        found.push((fields.offset(0), &rule::VERSION, text));
    }
    check_time(hello.time, fields.offset(3), found);
    expect_read(
        hello.instance.is_some(),
        fields.get(5),
        "hello instance",
        found,
    );
}

fn check_record(record: &LogRecord<'_>, bytes: &[u8], fields: &Fields<'_>, found: &mut Found) {
    check_time(Some(record.time), fields.offset(1), found);
    if let Some(original) = record.original_length
        && original <= record.message.len() as u64
    {
        let text = format!(
            "original length {original}, but the message has {} bytes",
            record.message.len()
        );
        found.push((fields.offset(15), &rule::ORIGINAL_LENGTH, text));
    }
    if let Some(error) = &record.error
        && let Some(key) = error.key.as_deref()
        && record.key_values.get(key) != Some(Value::from(&*error.message))
    {
        let text = "no key-value of the error's key has the error's message".to_owned();
        found.push((fields.offset(14), &rule::ERROR_KEY, text));
    }
    // Fewer bytes than values cannot have too many of them.
    if bytes.len() > DEFAULT_VALUE_LIMIT
        && Payload::decode_with_limit(bytes, usize::MAX).as_ref()
            != Ok(&Payload::Record(record.clone()))
    {
        let text = format!("more than {DEFAULT_VALUE_LIMIT} values");
        found.push((fields.offset(12), &rule::VALUES, text));
    }
    expect_read(
        !record.spans.is_empty(),
        fields.get(16),
        "record spans",
        found,
    );
    expect_read(
        record.instance.is_some(),
        fields.get(17),
        "record instance",
        found,
    );
    expect_read(
        record.batch.is_some(),
        fields.get(18),
        "record batch",
        found,
    );
}

fn check_dropped(dropped: &Dropped, fields: &Fields<'_>, found: &mut Found) {
    check_time(dropped.time, fields.offset(1), found);
    expect_read(
        dropped.instance.is_some(),
        fields.get(3),
        "dropped instance",
        found,
    );
}

fn check_close(close: &Close, fields: &Fields<'_>, found: &mut Found) {
    check_time(close.time, fields.offset(1), found);
    let held_back = fields.get(5).filter(|field| !field.is_unsigned());
    expect_read(
        close.instance.is_some(),
        fields.get(4),
        "close instance",
        found,
    );
    expect_read(false, held_back, "close held back", found);
    let by_level = close.dropped_by_level;
    expect_read(
        by_level.is_some(),
        fields.get(6),
        "close dropped by level",
        found,
    );
    if let Some(levels) = by_level
        && levels.total() > close.dropped
    {
        let text = format!("{} dropped, but {} by level", close.dropped, levels.total());
        found.push((fields.offset(6), &rule::CLOSE_TOTALS, text));
    }
}

/// A field that readers take for nil if they cannot read it.
fn expect_read(is_read: bool, field: Option<&Field<'_>>, name: &str, found: &mut Found) {
    if let Some(field) = field
        && !is_read
        && !field.is_empty()
    {
        let text = format!("{name}: readers cannot read it and take it for nil");
        found.push((field.offset, &rule::TYPE, text));
    }
}

fn check_time(time: Option<u64>, offset: usize, found: &mut Found) {
    let Some(time) = time.map(Duration::from_nanos) else {
        return;
    };
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    if time.abs_diff(now) > TIME_TOLERANCE {
        let text = format!(
            "{} nanoseconds since 1970, which is more than a day from now",
            time.as_nanos()
        );
        found.push((offset, &rule::TIME, text));
    }
}
