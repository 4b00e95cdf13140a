//! Streams to read, and a layer that keeps the events.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use log::Level;
use pipe_subscriber::{PipeSubscriber, Summary};
use record_proto::{Encode, KeyValues, LogRecord};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id},
};
use tracing_subscriber::{Layer, layer::Context, registry::LookupSpan};

/// Returns a record of the child, without fields.
pub(crate) fn record(level: Level, target: &'static str) -> LogRecord<'static> {
    let mut record = LogRecord::new(level, target, "done");
    record.file = Some("src/job.rs".into());
    record.line = Some(7);
    record.module_path = Some("worker::job".into());
    record
}

/// Returns a record of the target `worker` in these spans, each with one field `id`.
pub(crate) fn record_in(level: Level, spans: &[(&str, u64)]) -> LogRecord<'static> {
    let mut record = record(level, "worker");
    for &(name, id) in spans {
        let fields: KeyValues = [("id", id)].into_iter().collect();
        record.spans.push(name, &fields);
    }
    record
}

pub(crate) fn stream<'r>(records: impl IntoIterator<Item = LogRecord<'r>>) -> Vec<u8> {
    let mut stream = Vec::new();
    for record in records {
        record.encode_frame(&mut stream);
    }
    stream
}

/// Reads the records into the default dispatcher.
pub(crate) async fn run<'r>(records: impl IntoIterator<Item = LogRecord<'r>>) -> Summary {
    let stream = stream(records);
    within(PipeSubscriber::new(&stream[..]).run_into_tracing())
        .await
        .unwrap()
}

/// Fails the test if the future takes longer than a minute.
pub(crate) async fn within<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future)
        .await
        .expect("still not done after a minute")
}

/// What a layer has seen.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<Log>>);

#[derive(Default)]
struct Log {
    events: Vec<Entry>,
    made: Vec<String>,
    closed: usize,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Entry {
    pub(crate) level: String,
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) module_path: Option<String>,
    pub(crate) place: Option<(String, u32)>,
    pub(crate) message: String,
    /// The other fields, each with its type.
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) spans: Vec<String>,
}

impl Entry {
    pub(crate) fn pairs(&self) -> Vec<(&str, &str)> {
        let pairs = self.fields.iter();
        pairs.map(|(name, value)| (&**name, &**value)).collect()
    }
}

impl Seen {
    pub(crate) fn events(&self) -> Vec<Entry> {
        self.0.lock().unwrap().events.clone()
    }

    pub(crate) fn targets(&self) -> Vec<String> {
        self.events()
            .into_iter()
            .map(|event| event.target)
            .collect()
    }

    /// Returns the event that was seen; there must be exactly one.
    pub(crate) fn only(&self) -> Entry {
        let [entry] = <[Entry; 1]>::try_from(self.events()).unwrap();
        entry
    }

    /// Returns the names of the spans that were made.
    pub(crate) fn made(&self) -> Vec<String> {
        self.0.lock().unwrap().made.clone()
    }

    pub(crate) fn closed(&self) -> usize {
        self.0.lock().unwrap().closed
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name = attributes.metadata().name();
        let text = match &fields.0[..] {
            [] => name.to_owned(),
            fields => format!("{name}{fields:?}"),
        };
        self.0.lock().unwrap().made.push(name.to_owned());
        context.span(id).unwrap().extensions_mut().replace(text);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut fields = fields.0;
        let message = match fields.iter().position(|(name, _)| name == "message") {
            Some(position) => fields.remove(position).1,
            None => String::new(),
        };
        let scope = context.event_scope(event).into_iter();
        let spans = scope.flat_map(|scope| scope.from_root());
        let metadata = event.metadata();
        let entry = Entry {
            level: metadata.level().to_string(),
            name: metadata.name().to_owned(),
            target: metadata.target().to_owned(),
            module_path: metadata.module_path().map(str::to_owned),
            place: metadata.file().map(str::to_owned).zip(metadata.line()),
            message,
            fields,
            spans: spans
                .map(|span| span.extensions().get::<String>().unwrap().clone())
                .collect(),
        };
        self.0.lock().unwrap().events.push(entry);
    }

    fn on_close(&self, _id: Id, _context: Context<'_, S>) {
        self.0.lock().unwrap().closed += 1;
    }
}

/// The fields with their types in front of the values.
#[derive(Default)]
struct Fields(Vec<(String, String)>);

impl Fields {
    fn add(&mut self, field: &Field, value: String) {
        self.0.push((field.name().to_owned(), value));
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, format!("bool {value}"));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, format!("i64 {value}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, format!("u64 {value}"));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, format!("f64 {value}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, format!("str {value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = format!("error {value}");
        let mut source = value.source();
        while let Some(error) = source {
            text += &format!(": {error}");
            source = error.source();
        }
        self.add(field, text);
    }
}
