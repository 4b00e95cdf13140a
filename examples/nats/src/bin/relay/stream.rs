//! The stream that stores the messages: it is looked up, checked, or created.

use std::time::Duration;

use async_nats::jetstream::{
    self, ErrorCode,
    context::GetStreamErrorKind,
    stream::{Config, DiscardPolicy, Info, LastRawMessageErrorKind, StorageType, Stream},
};
use nats_relay::{Address, Control, MAX_FRAME_LENGTH, RelayStart, escape};
use tokio_stream::StreamExt;

use crate::{link::Link, trouble::say};

/// The least max_payload and max_msg_size: the longest frame and headers.
const LEAST_MESSAGE: usize = MAX_FRAME_LENGTH + 4096;

/// More labels than this on one host look like a mistake, such as the number of a request in the label.
const MANY_LABELS: usize = 1000;

/// What `--create-stream` creates.
const MAX_BYTES: i64 = 1 << 30;
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// Looks the stream up, creates it if `create` says so, and checks that it takes what the relay will send.
///
/// # Errors
///
/// The text says what can be done.
pub(crate) async fn open(
    link: &Link,
    name: &str,
    address: &Address,
    create: bool,
) -> Result<Stream, String> {
    let payload = link.client.max_payload();
    if payload < LEAST_MESSAGE {
        return Err(format!(
            "the server takes messages of {payload} bytes, and a record may need {LEAST_MESSAGE}: raise max_payload in \
             its configuration"
        ));
    }
    let stream = match link.api.get_stream(name).await {
        Ok(stream) => stream,
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(refusal)
                if refusal.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                match create {
                    true => create_stream(&link.api, name, address).await?,
                    false => {
                        return Err(format!(
                            "the stream {name} does not exist: create it, name another one with --stream, or let the relay \
                         create it with --create-stream"
                        ));
                    }
                }
            }
            _ => return Err(not_found(name, &error)),
        },
    };
    check(stream.cached_info(), address)?;
    Ok(stream)
}

/// Returns the run of a relay before this one under the same host and label, unless it has ended in good order.
pub(crate) async fn previous(
    stream: &Stream,
    address: &Address,
) -> Result<Option<RelayStart>, String> {
    let subject = address.control();
    let message = match stream.get_last_raw_message_by_subject(&subject).await {
        Ok(message) => message,
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => return Ok(None),
        Err(error) => {
            let name = &stream.cached_info().config.name;
            return Err(format!(
                "cannot look up the last start of {subject} ({error}): the user needs the permission to publish to \
                 $JS.API.STREAM.MSG.GET.{name}"
            ));
        }
    };
    match serde_json::from_slice::<Control>(&message.payload) {
        Ok(Control::Ended { .. }) => Ok(None),
        Ok(control) => Ok(Some(control.relay())),
        Err(error) => {
            say(format_args!(
                "the last message on {subject} is not from a relay of this version: {error}"
            ));
            Ok(None)
        }
    }
}

/// Prints a warning if the host has very many labels. Each one is a subject, which the server keeps in memory.
pub(crate) async fn warn_of_many_labels(stream: &Stream, address: &Address) {
    let filter = format!("{}.{}.control.*", address.prefix, escape(&address.host));
    let Ok(mut subjects) = stream.info_with_subjects(filter).await else {
        return;
    };
    let mut labels = 0;
    while let Some(Ok(_)) = subjects.next().await {
        labels += 1;
    }
    if labels > MANY_LABELS {
        say(format_args!(
            "warning: the host {} has {labels} labels in the stream. A label is a service, not a request or a user: each \
             one costs the server memory",
            address.host
        ));
    }
}

async fn create_stream(
    jetstream: &jetstream::Context,
    name: &str,
    address: &Address,
) -> Result<Stream, String> {
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("{}.>", address.prefix)],
        storage: StorageType::File,
        // A stream that threw old messages away would lose what it has acknowledged.
        discard: DiscardPolicy::New,
        max_bytes: MAX_BYTES,
        max_age: MAX_AGE,
        duplicate_window: DUPLICATE_WINDOW,
        allow_direct: true,
        ..Config::default()
    };
    let created = jetstream.create_stream(config).await;
    created.map_err(|error| format!("cannot create the stream {name}: {error}"))
}

fn not_found(name: &str, error: &impl ToString) -> String {
    format!(
        "cannot look up the stream {name} ({}): is JetStream enabled on the server, and may the user publish to \
         $JS.API.STREAM.INFO.{name}?",
        error.to_string()
    )
}

fn check(info: &Info, address: &Address) -> Result<(), String> {
    let config = &info.config;
    for subject in [address.batches(), address.control()] {
        if !config
            .subjects
            .iter()
            .any(|filter| includes(filter, &subject))
        {
            return Err(format!(
                "the stream {} does not take {subject}, but {}: change its subjects, or give others with \
                 --subject-prefix, --host and --label",
                config.name,
                config.subjects.join(", ")
            ));
        }
    }
    match usize::try_from(config.max_message_size) {
        Ok(size @ 1..LEAST_MESSAGE) => Err(format!(
            "the stream {} takes messages of {size} bytes, and a record may need {LEAST_MESSAGE}: raise its max_msg_size",
            config.name
        )),
        _ => Ok(()),
    }
}

/// Returns whether a filter with wildcards includes a subject.
fn includes(filter: &str, subject: &str) -> bool {
    let (mut filter, mut subject) = (filter.split('.'), subject.split('.'));
    loop {
        match (filter.next(), subject.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some(token), Some(other)) if token == "*" || token == other => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_include_subjects() {
        for filter in ["logs.>", "logs.h.l", "*.h.*", ">", "logs.h.>"] {
            assert!(includes(filter, "logs.h.l"), "{filter}");
        }
        for filter in [
            "logs",
            "logs.*",
            "logs.h.l.>",
            "other.>",
            "logs.h.l.x",
            "logs.h.L",
        ] {
            assert!(!includes(filter, "logs.h.l"), "{filter}");
        }
    }
}
