//! The spans of a child around its events.

use log::Level;
use pipe_subscriber::{ChildSpans, PipeSubscriber, SPAN_TARGET};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, Layer, filter::filter_fn, fmt, prelude::*};

use crate::support::{Seen, record, record_in, run, stream, within};

#[tokio::test]
async fn formatters_print_the_spans_of_the_child() {
    let (seen, text) = (Seen::default(), Text::default());
    let writer = text.clone();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(
            fmt::layer()
                .without_time()
                .with_ansi(false)
                .with_writer(move || writer.clone()),
        )
        .set_default();
    run([
        record_in(Level::Warn, &[("req", 7), ("query", 1)]),
        record(Level::Info, "worker"),
    ])
    .await;
    assert_eq!(
        text.get(),
        " WARN req{id=7}:query{id=1}: worker: done\n INFO worker: done\n"
    );
    let made = seen.made();
    assert_eq!(made, ["req", "query"]);
    assert_eq!(seen.closed(), 2);
}

#[tokio::test]
async fn no_filter_by_level_hides_the_spans_of_an_event() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(EnvFilter::new("error"))
        .set_default();
    run([record_in(Level::Error, &[("req", 7)])]).await;
    assert_eq!(seen.only().spans, [r#"req[("id", "i64 7")]"#]);
}

#[tokio::test]
async fn spans_are_within_that_of_the_parent() {
    use tracing::Instrument;
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    let records = [
        record(Level::Info, "worker"),
        record_in(Level::Info, &[("req", 7)]),
    ];
    run(records)
        .instrument(tracing::info_span!("children"))
        .await;
    let [plain, in_span] = <[_; 2]>::try_from(seen.events()).unwrap();
    assert_eq!(plain.spans, ["children"]);
    assert_eq!(in_span.spans, ["children", r#"req[("id", "i64 7")]"#]);
}

#[tokio::test]
async fn an_unchanged_chain_is_made_once() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .set_default();
    // Two threads that take turns, each in spans of its own.
    let records = (0..100).map(|n| record_in(Level::Info, &[("req", n % 2), ("query", 1)]));
    run(records).await;
    assert_eq!(seen.made().len(), 4);
    assert_eq!(seen.closed(), 4);
    for (n, event) in seen.events().iter().enumerate() {
        assert_eq!(event.spans[0], format!(r#"req[("id", "i64 {}")]"#, n % 2));
        assert_eq!(event.spans.len(), 2);
    }
}

#[tokio::test]
async fn few_chains_are_kept_open() {
    #[derive(Clone, Default)]
    struct Most(std::sync::Arc<std::sync::Mutex<(i64, i64)>>);
    impl Most {
        fn add(&self, change: i64) {
            let mut counts = self.0.lock().unwrap();
            counts.0 += change;
            counts.1 = counts.1.max(counts.0);
        }
    }
    impl<S: tracing::Subscriber> Layer<S> for Most {
        fn on_new_span(
            &self,
            _: &tracing::span::Attributes<'_>,
            _: &tracing::Id,
            _: tracing_subscriber::layer::Context<'_, S>,
        ) {
            self.add(1);
        }
        fn on_close(&self, _: tracing::Id, _: tracing_subscriber::layer::Context<'_, S>) {
            self.add(-1);
        }
    }
    let most = Most::default();
    let _default = tracing_subscriber::registry()
        .with(most.clone())
        .set_default();
    run((0..1000).map(|n| record_in(Level::Info, &[("req", n)]))).await;
    let (open, most) = *most.0.lock().unwrap();
    assert_eq!(open, 0, "all are closed at the end");
    assert!((2..=17).contains(&most), "{most}");
}

#[tokio::test]
async fn disabled_events_make_no_spans() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(EnvFilter::new("info"))
        .set_default();
    run([record_in(Level::Debug, &[("req", 7)])]).await;
    assert!(seen.made().is_empty() && seen.events().is_empty());
}

#[tokio::test]
async fn directives_on_spans_match_those_of_children_if_they_are_made_eagerly() {
    for (spans, expected) in [
        (ChildSpans::Lazy, &["worker::req"][..]),
        (ChildSpans::Eager, &["worker", "worker::req"]),
        (ChildSpans::Off, &["worker::req"]),
    ] {
        let seen = Seen::default();
        let _default = tracing_subscriber::registry()
            .with(seen.clone())
            .with(EnvFilter::new("warn,[req]=debug"))
            .set_default();
        let mut warning = record_in(Level::Warn, &[("req", 7)]);
        warning.target = "worker::req".into();
        let stream = stream([
            record_in(Level::Debug, &[("req", 7)]),
            record_in(Level::Debug, &[("other", 7)]),
            warning,
            // The chain of the warning is still open. The record is disabled nevertheless, if spans are lazy.
            record_in(Level::Trace, &[("req", 7)]),
        ]);
        let logs = PipeSubscriber::new(&stream[..]).spans(spans);
        within(logs.run_into_tracing()).await.unwrap();
        assert_eq!(seen.targets(), expected, "{spans:?}");
        let shown = seen.events().last().unwrap().spans.len();
        assert_eq!(shown, usize::from(spans != ChildSpans::Off));
    }
}

#[tokio::test]
async fn one_line_leaves_the_spans_out_of_layers_that_export_or_time_them() {
    let (shows, exports) = (Seen::default(), Seen::default());
    let own_spans = filter_fn(|metadata| metadata.target() != SPAN_TARGET);
    let _default = tracing_subscriber::registry()
        .with(shows.clone())
        .with(exports.clone().with_filter(own_spans))
        .set_default();
    let _own = tracing::info_span!("own").entered();
    run([record_in(Level::Info, &[("req", 7)])]).await;
    assert_eq!(shows.made(), ["own", "req"]);
    assert_eq!(shows.only().spans, ["own", r#"req[("id", "i64 7")]"#]);
    assert_eq!(exports.made(), ["own"]);
    assert_eq!(exports.only().spans, ["own"]);
}

#[tokio::test]
async fn spans_that_a_filter_refuses_are_left_out() {
    let seen = Seen::default();
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(EnvFilter::new("worker=info"))
        .set_default();
    run([record_in(Level::Info, &[("req", 7)])]).await;
    assert!(seen.only().spans.is_empty());

    let seen = Seen::default();
    let filter = EnvFilter::new(format!("worker=info,{SPAN_TARGET}=error"));
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(filter)
        .set_default();
    run([record_in(Level::Info, &[("req", 7)])]).await;
    assert_eq!(seen.only().spans.len(), 1);
}

#[tokio::test]
async fn spans_of_one_layer_are_those_that_its_level_lets_through() {
    let (errors, all) = (Seen::default(), Seen::default());
    let _default = tracing_subscriber::registry()
        .with(errors.clone().with_filter(LevelFilter::ERROR))
        .with(all.clone().with_filter(LevelFilter::TRACE))
        .set_default();
    run([
        record_in(Level::Info, &[("req", 7)]),
        record_in(Level::Error, &[("req", 7)]),
    ])
    .await;
    assert_eq!(errors.only().spans.len(), 1);
    assert_eq!(all.events().len(), 2);
}

/// Text that is written, for tests.
#[derive(Clone, Default)]
struct Text(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Text {
    fn get(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Text {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
