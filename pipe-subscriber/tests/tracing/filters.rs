//! Filters see the record's own target and level.

use log::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::{EnvFilter, Layer, filter::Targets, prelude::*, reload};

use crate::support::{Seen, record, run};

#[tokio::test]
async fn an_env_filter_decides_by_the_childs_target() {
    let seen = Seen::default();
    let filter = EnvFilter::new("warn,worker::db=debug");
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(filter)
        .set_default();
    run([
        record(Level::Info, "worker"),
        record(Level::Debug, "worker::db"),
        record(Level::Trace, "worker::db"),
        record(Level::Warn, "worker"),
    ])
    .await;
    assert_eq!(seen.targets(), ["worker::db", "worker"]);
}

#[tokio::test]
async fn each_layer_filters_by_itself() {
    let (all, warnings, database) = (Seen::default(), Seen::default(), Seen::default());
    let _default = tracing_subscriber::registry()
        .with(all.clone().with_filter(LevelFilter::TRACE))
        .with(warnings.clone().with_filter(LevelFilter::WARN))
        .with(
            database
                .clone()
                .with_filter(Targets::new().with_target("worker::db", LevelFilter::DEBUG)),
        )
        .set_default();
    // Twice, because the second time the call sites are known.
    for _ in 0..2 {
        run([
            record(Level::Info, "worker"),
            record(Level::Debug, "worker::db"),
            record(Level::Warn, "worker"),
        ])
        .await;
    }
    let all_targets = ["worker", "worker::db", "worker"];
    assert_eq!(all.targets(), [all_targets, all_targets].concat());
    assert_eq!(warnings.targets(), ["worker", "worker"]);
    assert_eq!(database.targets(), ["worker::db", "worker::db"]);
}

/// Filters of layers keep their answer until an event comes. An answer without an event would be taken for that of the
/// program's next event, if tracing does not ask about that one.
#[tokio::test]
async fn a_disabled_record_leaves_nothing_behind_for_the_programs_own_events() {
    let seen = Seen::default();
    let filter = Targets::new()
        .with_target("own", LevelFilter::TRACE)
        .with_target("worker::on", LevelFilter::TRACE);
    let _default = tracing_subscriber::registry()
        .with(seen.clone().with_filter(filter))
        .set_default();
    let own = || tracing::info!(target: "own", "own");
    own();
    let mut in_spans = record(Level::Info, "worker::off");
    in_spans.spans.push("req", &record_proto::KeyValues::new());
    for record in [record(Level::Info, "worker::off"), in_spans] {
        run([record]).await;
        own();
    }
    assert_eq!(seen.targets(), ["own", "own", "own"]);
}

#[tokio::test]
async fn a_filter_that_is_replaced_holds_for_call_sites_that_are_known() {
    let seen = Seen::default();
    let (filter, handle) = reload::Layer::new(EnvFilter::new("warn"));
    let _default = tracing_subscriber::registry()
        .with(seen.clone())
        .with(filter)
        .set_default();
    run([record(Level::Info, "worker::reload")]).await;
    assert!(seen.events().is_empty());

    handle
        .reload(EnvFilter::new("worker::reload=info"))
        .unwrap();
    run([record(Level::Info, "worker::reload")]).await;
    assert_eq!(seen.targets(), ["worker::reload"]);

    handle.reload(EnvFilter::new("off")).unwrap();
    run([record(Level::Info, "worker::reload")]).await;
    assert_eq!(seen.targets(), ["worker::reload"]);
}
