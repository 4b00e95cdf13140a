//! Records that the parent hands to tracing, compared with records that it hands to `log`.

use std::{
    cell::{Cell, RefCell},
    fmt::{self, Write},
    hint::black_box,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc,
    },
};

use anyhow::{Result, ensure};
use pipe_subscriber::{PipeSubscriber, Summary};
use record_proto::{Encode, HEAD_LENGTH, KeyValues, LogRecord, Payload};
use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{Layer, Registry, layer::Context, prelude::*};

use crate::{
    bench::Bench,
    clock,
    loggers::floor::Buffers,
    reference::FIRST_JOB,
    sink::{Sink, Tally, Touched},
    table::{Table, median, range},
};

const PART: &str = "tracing parent";

/// Frames of one stream.
const FRAMES: u64 = 1000;

const STREAMS: [(&str, &str); 4] = [
    ("none", "no spans"),
    ("same", "two spans, the same ones"),
    ("new leaf", "two spans, the leaf always a new one"),
    ("new", "two spans, always new ones"),
];

const SINKS: [(&str, &str); 4] = [
    ("log", "`run_into` a logger"),
    ("tracing", "`run_into_tracing`"),
    ("registry", "`run_into_dispatch`, a registry with one layer"),
    (
        "disabled",
        "`run_into_tracing`, all events disabled by their target",
    ),
];

pub fn run(bench: &mut Bench) -> Result<()> {
    let subscriber = Touching::default();
    // Nothing else in this process uses tracing.
    tracing::subscriber::set_global_default(subscriber)?;
    let registry = Dispatch::new(Registry::default().with(TouchingLayer));
    let streams = STREAMS.map(|(spans, _)| stream(spans));
    for round in 0..bench.settings.rounds() {
        bench.round(PART, round);
        for ((spans, _), stream) in STREAMS.iter().zip(&streams) {
            for (sink, _) in SINKS {
                let nanos = measure(bench, sink, stream, &registry)?;
                bench
                    .figures
                    .add(format!("{PART} {sink}"), spans, "ns", nanos);
                bench
                    .figures
                    .add(format!("{PART} {spans}"), sink, "ns", nanos);
            }
        }
    }
    print(bench);
    Ok(())
}

/// CPU nanoseconds per record.
fn measure(bench: &Bench, sink: &str, stream: &[u8], registry: &Dispatch) -> Result<f64> {
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    let (last, _lasts) = mpsc::channel();
    let mut jobs = 0;
    DISABLED.set(sink == "disabled");
    let mut read = |_| -> Result<Summary> {
        let logs = PipeSubscriber::new(stream);
        let tally = Tally::new(u64::MAX, false);
        JOBS.store(0, Relaxed);
        let summary = match sink {
            "log" => {
                let sink = Sink::boxed(tally.clone(), last.clone());
                let summary = runtime.block_on(logs.run_into(sink))?;
                JOBS.store(tally.jobs(), Relaxed);
                summary
            }
            "registry" => runtime.block_on(logs.run_into_dispatch(registry.clone()))?,
            _ => runtime.block_on(logs.run_into_tracing())?,
        };
        jobs = JOBS.load(Relaxed);
        Ok(summary)
    };
    // Call sites are made first.
    read(0)?;
    let mut end = Ok(());
    let nanos = clock::each(bench.settings.amount(200), |job| {
        if let Err(error) = read(job) {
            end = Err(error);
        }
    });
    end?;
    let expected = (0..FRAMES).map(|n| FIRST_JOB + n).sum::<u64>();
    ensure!(
        sink == "disabled" || jobs == expected,
        "job numbers that were not sent"
    );
    Ok(nanos / FRAMES as f64)
}

fn stream(spans: &str) -> Vec<u8> {
    let mut buffers = Buffers::default();
    let mut stream = Vec::new();
    for n in 0..FRAMES {
        let frame = buffers.frame_of(FIRST_JOB + n);
        let Ok(Payload::Record(mut record)) = Payload::decode(&frame[HEAD_LENGTH..]) else {
            unreachable!("it was encoded here");
        };
        match spans {
            "same" => push_spans(&mut record, 7, 1),
            "new leaf" => push_spans(&mut record, 7, n),
            "new" => push_spans(&mut record, n, n),
            _ => {
                stream.extend_from_slice(&frame);
                continue;
            }
        }
        record.encode_frame(&mut stream);
    }
    stream
}

fn push_spans(record: &mut LogRecord<'_>, request: u64, query: u64) {
    let mut fields: KeyValues<'_> = [("id", request)].into_iter().collect();
    fields.push("tenant", "alpha-7");
    record.spans.push("request", &fields);
    record
        .spans
        .push("query", &[("n", query)].into_iter().collect());
}

static JOBS: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static DISABLED: Cell<bool> = const { Cell::new(false) };
    /// The texts of the spans that were made, and which of them are entered.
    static SPANS: RefCell<Spans> = RefCell::default();
}

#[derive(Default)]
struct Spans {
    texts: Vec<(u64, String)>,
    entered: Vec<u64>,
}

/// A subscriber that does what the logger of the benchmark does: touches every field of each event, and the text of the
/// spans around it.
#[derive(Default)]
struct Touching {
    spans: AtomicU64,
}

impl Subscriber for Touching {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        !(DISABLED.get() && metadata.target() == "worker::job")
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let id = self.spans.fetch_add(1, Relaxed) + 1;
        let text = text_of(attributes);
        SPANS.with_borrow_mut(|spans| spans.texts.push((id, text)));
        Id::from_u64(id)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = touch(event);
        SPANS.with_borrow(|spans| {
            for id in &spans.entered {
                if let Some((_, span)) = spans.texts.iter().find(|(made, _)| made == id) {
                    let _never = text.write_str(span);
                }
            }
        });
        black_box(text);
    }

    fn enter(&self, id: &Id) {
        SPANS.with_borrow_mut(|spans| spans.entered.push(id.into_u64()));
    }

    fn exit(&self, _: &Id) {
        SPANS.with_borrow_mut(|spans| spans.entered.pop());
    }

    fn try_close(&self, id: Id) -> bool {
        SPANS.with_borrow_mut(|spans| spans.texts.retain(|(made, _)| *made != id.into_u64()));
        true
    }
}

/// The same as a layer of the registry, as the layers of tracing-subscriber are made.
struct TouchingLayer;

impl Layer<Registry> for TouchingLayer {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, Registry>) {
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(text_of(attributes));
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, Registry>) {
        let mut text = touch(event);
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(span) = span.extensions().get::<String>() {
                let _never = text.write_str(span);
            }
        }
        black_box(text);
    }
}

fn text_of(attributes: &Attributes<'_>) -> String {
    struct Text(String);
    impl Visit for Text {
        fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
            let _never = write!(self.0, "{}={value:?} ", field.name());
        }
    }
    let mut text = Text(attributes.metadata().name().to_owned());
    text.0.push('{');
    attributes.record(&mut text);
    text.0.push('}');
    text.0
}

/// Reads all there is and adds the number of the job.
fn touch(event: &Event<'_>) -> Touched {
    let mut fields = Fields {
        job: 0,
        text: Touched(0),
    };
    event.record(&mut fields);
    let metadata = event.metadata();
    let places = (metadata.module_path(), metadata.file(), metadata.line());
    black_box((metadata.level(), metadata.target(), places));
    JOBS.store(JOBS.load(Relaxed).wrapping_add(fields.job), Relaxed);
    fields.text
}

struct Fields {
    job: u64,
    text: Touched,
}

impl Visit for Fields {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.job = value as u64;
        let _never = self.text.write_str(field.name());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.job = value;
        let _never = self.text.write_str(field.name());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _never = self.text.write_str(value);
        let _never = self.text.write_str(field.name());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _never = write!(self.text, "{value:?}");
        let _never = self.text.write_str(field.name());
    }
}

fn print(bench: &Bench) {
    println!("## Tracing, the parent's side\n");
    println!("CPU nanoseconds per record, from memory, every field touched.\n");
    let mut table = Table::new(["", STREAMS[0].1, STREAMS[1].1, STREAMS[2].1, STREAMS[3].1]);
    for (sink, title) in SINKS {
        let of = |spans| range(bench.figures.summary(format!("{PART} {sink}"), spans, "ns"));
        let cells = STREAMS.map(|(spans, _)| of(spans));
        table.row([&[title.to_owned()], &cells[..]].concat());
    }
    for (sink, title) in &SINKS[1..] {
        let same = STREAMS.map(|(spans, _)| {
            median(
                bench
                    .figures
                    .ratios(format!("{PART} {spans}"), sink, "log", "ns"),
            )
        });
        table.row([&[format!("{title} / `log` of the same")], &same[..]].concat());
        // Without spans, `log` shows the least that a record costs.
        let plain = bench.figures.median(format!("{PART} none"), "log", "ns");
        let least = STREAMS.map(|(spans, _)| {
            let own = bench.figures.median(format!("{PART} {spans}"), sink, "ns");
            match (own, plain) {
                (Some(own), Some(plain)) => format!("{:.2}", own / plain),
                _ => String::new(),
            }
        });
        table.row([&[format!("{title} / `log` without spans")], &least[..]].concat());
    }
    println!("{table}");
}
